import { Controller, Get, HttpCode, Post, UseGuards, type INestApplication, type Type } from '@nestjs/common';
import fc from 'fast-check';
import { LoginGuard, Logout, Session, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { pathMatches } from '../../../lib/nest/routes/cookie-path.js';
import type { Data } from '../../support/app.js';
import { send } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { rawRequest } from '../../support/raw-request.js';

afterEach(closeAll);

@Controller('app')
class InsideController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('login')
  @HttpCode(200)
  async login() {
    await this.sessions.login('alice');
    return {};
  }

  @Get()
  @UseGuards(LoginGuard)
  home() {
    return { at: 'home' };
  }
}

@Controller()
class OutsideController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('health')
  health() {
    return { ok: true };
  }

  @Get('application')
  begun(@Session() session: Session<Data>) {
    session.data['seen'] = true;
    return {};
  }

  @Post('login')
  async login() {
    await this.sessions.login('alice');
    return {};
  }

  @Post('logout')
  @Logout()
  logout() {
    return {};
  }
}

@Controller(':tenant')
class TenantController {
  @Get('about')
  about(@Session() session: Session<Data>) {
    return { state: session.state };
  }
}

interface Setup {
  path?: string;
  exclude?: SessionModuleOptions['exclude'];
  controllers?: Type[];
  configure?: (app: INestApplication) => void;
}

async function open(platform: PlatformName, setup: Setup = {}) {
  const { path = '/app', exclude = [], configure } = setup;
  const sink = new LogSink();
  const running = await start(platform, {
    options: { cookie: { name: 'sid', path }, exclude },
    controllers: setup.controllers ?? [InsideController, OutsideController, TenantController],
    prepare: (app) => {
      configure?.(app);
      app.useLogger(sink);
    },
  });
  const ask = async (method: string, target: string, headers = {}) => {
    const { status, setCookies, body } = await send(running.url + target, method, headers);
    return { status, cookies: setCookies.length, body };
  };
  const warned = () => sink.lines.filter((line) => line.includes('cookie.path: '));
  return { ...running, ask, warned, sink };
}

describe.each(platforms)('a cookie with a path, on %s', (platform) => {
  it('is of the requests within it', async () => {
    const { ask, url } = await open(platform);
    expect(await ask('POST', '/app/login')).toMatchObject({ status: 200, cookies: 1 });
    const { setCookies } = await send(`${url}/app/login?a=/b`, 'POST', {});
    expect(setCookies[0]).toContain('; Path=/app;');
    const cookie = setCookies[0]!.split(';')[0]!;
    expect(await ask('GET', '/app?next=1', { cookie })).toMatchObject({ status: 200 });
    // The tenant "app".
    expect(await ask('GET', '/app/about', { cookie })).toMatchObject({ body: '{"state":"clean"}' });
  });

  it('is not set where browsers would not send it back, and a session is not begun', async () => {
    const { ask, sink } = await open(platform);
    expect(await ask('GET', '/health')).toMatchObject({ status: 200, cookies: 0 });
    for (const [method, target] of [
      ['GET', '/application'],
      ['POST', '/login'],
      ['POST', '/logout'],
      ['GET', '/acme/about'],
      ['GET', '/apple/about'],
    ] as const)
      expect([target, await ask(method, target)]).toMatchObject([target, { status: 500, cookies: 0 }]);
    expect(sink.text).toMatch(/@Session\(\): This route has no session.*'\/app'.*widen cookie\.path/);
    expect(sink.text).toMatch(/@Logout\(\): This route has no session.*'\/app'/);
    expect(sink.text).toMatch(
      /There is no session here: .*outside of the path of the session cookie, '\/app'/,
    );
  });

  it('is of a request whose target is a whole URL', async () => {
    const { url } = await open(platform);
    const { host } = new URL(url);
    const ask = (path: string) =>
      rawRequest(url, `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(await ask('/app/about')).toMatch(/^HTTP\/1\.1 200/);
    expect(await ask('/acme/about')).toMatch(/^HTTP\/1\.1 500/);
  });

  it('is warned of at boot, with the routes outside of it that are not excluded', async () => {
    const { warned } = await open(platform, { exclude: ['health'] });
    expect(warned()).toEqual([
      expect.stringMatching(
        /^warn: .*outside of '\/app'.*no session: (?=.*GET \/application)(?=.*POST \/login)(?=.*POST \/logout)/,
      ),
    ]);
    expect(warned()[0]).not.toMatch(/health|tenant|\/app\//);
  });

  it('is not warned of where all routes are within it, or may be', async () => {
    const controllers = [InsideController, TenantController];
    expect((await open(platform, { controllers })).warned()).toEqual([]);
    const all = await open(platform, { path: '/api', configure: (app) => void app.setGlobalPrefix('api') });
    expect(all.warned()).toEqual([]);
    expect((await open(platform, { path: '/' })).warned()).toEqual([]);
  });

  it('does not count where no route is within it, because a proxy takes it away', async () => {
    const controllers = [OutsideController, TenantController];
    const stripped = await open(platform, { path: '/shop', controllers });
    expect(await stripped.ask('POST', '/login')).toMatchObject({ status: 201, cookies: 1 });
    expect(stripped.warned()).toEqual([]);
    const closed = await open(platform, { path: '/shop', controllers: [OutsideController] });
    expect(await closed.ask('GET', '/application')).toMatchObject({ status: 200, cookies: 1 });
    expect(closed.warned()).toEqual([
      expect.stringMatching(/no route is within '\/shop'.*only if a proxy takes '\/shop' off.*GET \/health/),
    ]);
  });
});

describe('path-match', () => {
  it.each([
    ['/app', '/app', true],
    ['/app/', '/app', true],
    ['/app/x', '/app', true],
    ['/apple', '/app', false],
    ['/App', '/app', false],
    ['/', '/app', false],
    ['/app', '/app/', false],
    ['/app/x', '/app/', true],
    ['/anything', '/', true],
  ])('of %s with %s is %s', (path, cookiePath, matches) => {
    expect(pathMatches(path, cookiePath)).toBe(matches);
  });

  it('is what RFC 6265 §5.1.4 says', () => {
    const path = fc
      .array(fc.constantFrom('a', 'ab', ''), { maxLength: 4 })
      .map((segments) => `/${segments.join('/')}`);
    fc.assert(
      fc.property(path, path, (request, cookie) => {
        const identical = request === cookie;
        const prefix = request.startsWith(cookie);
        const rest = request.slice(cookie.length);
        expect(pathMatches(request, cookie)).toBe(
          identical || (prefix && (cookie.endsWith('/') || rest.startsWith('/'))),
        );
      }),
    );
  });
});
