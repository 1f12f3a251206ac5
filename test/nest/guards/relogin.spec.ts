import { Controller, Get, Post, UnauthorizedException } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import fc from 'fast-check';
import {
  LoginGuard,
  Public,
  Relogin,
  ReloginGuard,
  safeNext,
  Session,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { SessionRecord } from 'nest-sessions/store';
import { loginAs } from 'nest-sessions/testing';
import { AppController, type Data } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { rawGet } from '../../support/raw-request.js';
import { SpyStore } from '../../support/spy-store.js';
import { tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

@Controller('vault')
@Relogin()
class VaultController {
  @Get('gold')
  gold() {
    return { ok: true };
  }

  @Get('silver')
  @Relogin('1h')
  silver() {
    return { ok: true };
  }

  @Post('gold')
  take() {
    return { ok: true };
  }

  @Get('*')
  rest() {
    return { ok: true };
  }
}

@Controller()
class ProofController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('wrong-password')
  wrongPassword() {
    throw new UnauthorizedException();
  }

  @Get('times')
  times(@Session() session: Session<Data>) {
    return {
      pwd: session.authenticatedAt('pwd')?.getTime() ?? null,
      any: session.authenticatedAt()?.getTime() ?? null,
      fresh: session.isFresh('5m'),
    };
  }
}

@Controller()
@Public()
class OpenController {
  @Get('open')
  open() {
    return { ok: true };
  }

  @Get('shut')
  @Relogin('5m')
  shut() {
    return { ok: true };
  }
}

@Controller()
@Relogin('5m')
class GuardedController {
  @Get('let-in')
  @Public()
  letIn() {
    return { ok: true };
  }

  @Get('kept-out')
  keptOut() {
    return { ok: true };
  }
}

async function open(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const running = await start(platform, {
    controllers: [AppController, VaultController, ProofController],
    options: { store, idle: '2h', ...options },
  });
  const browser = new Browser(running.url);
  return { ...running, store, browser };
}

const code = (answer: Answer) => [answer.status, answer.json()['code']];
const STALE = [401, 'ERR_RELOGIN_REQUIRED'];

describe.each(platforms)('re-login on %s', (platform) => {
  it.each([
    ['the option', { relogin: { within: '10m' } }, '/vault/gold', 600],
    ['the default', {}, '/vault/gold', 300],
    ['the handler before its class', {}, '/vault/silver', 3600],
    ['the handler', {}, '/sensitive', 300],
  ] as const)('is asked for one second after the window of %s', async (_, options, path, seconds) => {
    const { browser, clock } = await open(platform, options);
    await browser.post('/login', { user: 'alice' });
    clock.advance(seconds * 1_000);
    expect((await browser.get(path)).status).toBe(200);
    clock.advance('1s');
    const refused = await browser.get(path);
    expect(code(refused)).toEqual(STALE);
    expect(refused.json()).toMatchObject({ maxAge: seconds });
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('is asked of an API in the words of RFC 9470, apart from being logged out', async () => {
    const { browser, clock } = await open(platform);
    const loggedOut = await browser.get('/sensitive');
    expect(code(loggedOut)).toEqual([401, 'ERR_LOGIN_REQUIRED']);
    expect(loggedOut.headers['www-authenticate']).toBe('Session');
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const stale = await browser.get('/sensitive');
    const [scheme, rest] = stale.headers['www-authenticate']!.split(/ (.*)/s) as [string, string];
    const parameters = Object.fromEntries(
      [...rest.matchAll(/(\w+)="([^"\\]*)"(?:, |$)/g)].map(([, name, value]) => [name, value]),
    );
    expect(scheme).toBe('Session');
    expect(parameters).toEqual({
      error: 'insufficient_user_authentication',
      error_description: 'A more recent login is required',
      max_age: '300',
    });
    expect(stale.headers.location).toBeUndefined();
  });

  it('is asked of a browser by a redirect that knows the way back', async () => {
    const { browser, clock } = await open(platform, { relogin: { url: '/login/again?theme=dark' } });
    expect((await browser.get('/vault/gold', { headers: HTML })).status).toBe(401);
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const answer = await browser.get('/vault/gold?a=1&b=%2F', { headers: HTML });
    expect(answer.json()).toMatchObject({ statusCode: 303, error: 'See Other' });
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/login/again?theme=dark&next=%2Fvault%2Fgold%3Fa%3D1%26b%3D%252F');
    for (const accept of ['application/json', '*/*', '']) {
      const api = await browser.get('/vault/gold', { headers: { accept } });
      expect([api.status, api.headers.location]).toEqual([401, undefined]);
      expect(api.headers.vary).toBe('Accept, Cookie');
    }
  });

  it.each([
    ['this page', '/vault/gold', '/vault/gold'],
    ['its query', '/vault/gold?next=//evil.example', '/vault/gold?next=//evil.example'],
    ['an absolute form', 'http://evil.example/vault/gold', '/'],
    ['two slashes', '/vault//evil.example', '/vault//evil.example'],
  ])('leads back to %s and never elsewhere', async (_, target, next) => {
    const { browser, clock, url } = await open(platform, { relogin: { url: '/again' } });
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const { status, location } = await rawGet(url, target, { ...HTML, cookie: browser.cookie });
    // A framework may well have no route for such a target.
    if (status !== 404) {
      expect(status).toBe(303);
      expect(new URL(location!, url).searchParams.get('next')).toBe(next);
    } else expect(location).toBeUndefined();
  });

  it.each([
    ['the page of a form', (host: string) => `http://${host}/settings?tab=2#x`, '/settings?tab=2'],
    ['no other site', () => 'https://evil.example/settings', '/'],
    ['no host that looks alike', (host: string) => `http://${host}.evil.example/x`, '/'],
    ['no path that looks like a host', (host: string) => `http://${host}//evil.example`, '/'],
    ['no backslash', (host: string) => `http://${host}/\\evil.example`, '/'],
    ['nothing without a page', () => undefined, '/'],
    ['nothing for what is no page', () => 'about:blank', '/'],
  ])('leads back from a form that was sent to %s', async (_, referer, next) => {
    const { browser, clock, url } = await open(platform, { relogin: { url: '/again' } });
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const from = referer(new URL(url).host);
    const answer = await browser.post('/vault/gold', undefined, {
      headers: { ...HTML, ...(from !== undefined && { referer: from }) },
    });
    expect(answer.status).toBe(303);
    expect(new URL(answer.headers.location!, url).searchParams.get('next')).toBe(next);
  });

  it('moves the login time, and nothing else does', async () => {
    const { browser, clock } = await open(platform, { rotateEvery: '2m' });
    await browser.post('/login', { user: 'alice' });
    const loggedIn = clock.now();
    clock.advance('3m');
    const before = browser.cookie;
    await browser.get('/me');
    expect(browser.cookie).not.toBe(before);
    await browser.post('/regenerate', {});
    await browser.post('/data', { a: 1 });
    clock.advance('121s');
    expect((await browser.get('/times')).json()).toEqual({ pwd: loggedIn, any: loggedIn, fresh: false });
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
    await browser.post('/relogin', {});
    expect((await browser.get('/times')).json()).toEqual({ pwd: clock.now(), any: clock.now(), fresh: true });
    expect((await browser.get('/sensitive')).status).toBe(200);
  });

  it('is not spared to a remembered login', async () => {
    const { browser, clock } = await open(platform);
    await browser.post('/login', { user: 'alice', remember: true });
    clock.advance('20d');
    expect((await browser.get('/me')).status).toBe(200);
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
  });

  it('gives a new token and kills the old one at once', async () => {
    const { browser } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/data', { a: 1 });
    const before = browser.cookie;
    const answer = await browser.post('/relogin', {});
    expect(answer.setCookies).toHaveLength(1);
    expect(tokenOf(browser.cookie).id).toBe(tokenOf(before).id);
    expect(tokenOf(browser.cookie).secret).not.toBe(tokenOf(before).secret);
    expect((await browser.get('/me', { cookie: before })).status).toBe(401);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { a: 1 } });
  });

  it('as somebody else is a login of theirs, with none of the old data', async () => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/data', { diary: 'dear' });
    const before = browser.cookie;
    expect((await browser.post('/relogin', { subject: 'bob' })).status).toBe(200);
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'bob', data: {} }),
    );
    expect(tokenOf(browser.cookie).id).not.toBe(tokenOf(before).id);
    expect((await browser.get('/me', { cookie: before })).status).toBe(401);
    expect(store.records().map((record) => record.subject)).toEqual(['bob']);
    await browser.post('/data', { diary: 'mine' });
    // Not even what a login would keep.
    await browser.post('/login', { user: 'carol', keep: ['diary'] });
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'carol', data: {} }),
    );
  });

  it('that fails changes nothing', async () => {
    const { browser, clock, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const before = [browser.cookie, store.records()];
    expect((await browser.post('/wrong-password')).setCookies).toEqual([]);
    expect([browser.cookie, store.records()]).toEqual(before);
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
  });

  it('is refused to who is not logged in', async () => {
    const { browser, store } = await open(platform);
    expect(code(await browser.post('/relogin', {}))).toEqual([401, 'ERR_LOGIN_REQUIRED']);
    await browser.post('/data', { a: 1 });
    expect((await browser.post('/relogin', {})).status).toBe(401);
    expect(store.records().map((record) => record.factors)).toEqual([{}]);
  });

  it.each<[string, unknown]>([
    ['none', {}],
    ['NaN', { pwd: NaN }],
    ['null', { pwd: null }],
    ['text', { pwd: String(Date.UTC(2030, 0, 1)) }],
    ['one in the future', { pwd: Date.UTC(2030, 0, 1) + 1 }],
    ['infinite', { pwd: Infinity }],
    ['infinitely long ago', { pwd: -Infinity }],
    ['negative', { pwd: -1 }],
    ['an object', { pwd: {} }],
    ['one bad beside a good one', { pwd: Date.UTC(2030, 0, 1), otp: NaN }],
  ])('is asked for where the stored login time is damaged: %s', async (_, factors) => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/sensitive')).status).toBe(200);
    store.tamper = (record) => ({ ...record, factors: factors as SessionRecord['factors'] });
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
    expect(code(await browser.get('/vault/silver'))).toEqual(STALE);
    expect((await browser.get('/times')).json()).toMatchObject({ fresh: false });
  });

  it.each([
    ['lastSeenAt', NaN],
    ['lastSeenAt', undefined],
    ['lastSeenAt', null],
    ['startedAt', NaN],
    ['startedAt', undefined],
    ['startedAt', 'yesterday'],
  ])('a session whose %s is %s is over', async (field, value) => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    store.tamper = (record) => ({ ...record, [field]: value });
    expect((await browser.get('/me')).status).toBe(401);
    store.tamper = undefined;
    expect(store.records()).toEqual([]);
  });

  it('by one factor does not stand for another', async () => {
    const { browser, clock } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    expect(code(await browser.get('/otp'))).toEqual(STALE);
    clock.advance('6m');
    await browser.post('/relogin', { factor: 'otp' });
    expect((await browser.get('/otp')).status).toBe(200);
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('5m');
    clock.advance('1s');
    await browser.post('/relogin', { factor: 'pwd' });
    expect(code(await browser.get('/otp'))).toEqual(STALE);
    expect((await browser.get('/sensitive')).status).toBe(200);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'takes no name that every object has for a factor: %s',
    async (factor) => {
      const { browser } = await open(platform);
      expect((await browser.post('/login', { user: 'alice', factor })).status).toBe(200);
      expect(code(await browser.get('/otp'))).toEqual(STALE);
      expect((await browser.get('/times')).json()).toMatchObject({ pwd: null });
    },
  );

  it('is not satisfied by data that was planted before', async () => {
    const { browser } = await open(platform);
    const planted = {
      subject: 'alice',
      isAdmin: true,
      authenticatedAt: Date.UTC(2031, 0, 1),
      factors: { pwd: Date.UTC(2030, 0, 1), otp: Date.UTC(2030, 0, 1) },
      loggedIn: true,
    };
    await browser.post('/data', planted);
    for (const path of ['/me', '/sensitive', '/otp', '/vault/gold'])
      expect(code(await browser.get(path))).toEqual([401, 'ERR_LOGIN_REQUIRED']);
    await browser.post('/login', { user: 'mallory' });
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'mallory', data: {} }),
    );
    await browser.post('/data', planted);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'mallory' });
    expect(code(await browser.get('/otp'))).toEqual(STALE);
  });

  it.each([
    ['LoginGuard', LoginGuard],
    ['ReloginGuard', ReloginGuard],
  ])('is not asked for by @Public() handlers where %s is global', async (_, useClass) => {
    const { app, url } = await start(platform, {
      controllers: [AppController, OpenController, GuardedController],
      providers: [{ provide: APP_GUARD, useClass }],
    });
    const browser = new Browser(url);
    expect((await browser.get('/open')).status).toBe(200);
    expect((await browser.get('/untouched')).status).toBe(401);
    // A window of the handler's own counts for more than what its class says.
    expect((await browser.get('/shut')).status).toBe(401);
    expect((await browser.get('/shut', { cookie: await loginAs(app, 'alice') })).status).toBe(200);
    expect((await browser.get('/let-in')).status).toBe(200);
    expect((await browser.get('/kept-out')).status).toBe(401);
  });
});

describe('the way back', () => {
  it.each([
    ['/account', '/account'],
    ['/account?x=1#y', '/account?x=1#y'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['\\\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['/\n/evil.example', '/'],
    ['/\r\n/evil.example', '/'],
    ['\t//evil.example', '/'],
    ['/./\\evil.example', '/'],
    ['/.//evil.example', '/'],
    ['/..//evil.example', '/'],
    ['/a/..//evil.example', '/'],
    ['http://evil.example', '/'],
    ['https:evil.example', '/'],
    ['javascript:alert(1)', '/'],
    [' /account', '/'],
    ['account', '/'],
    ['', '/'],
    [undefined, '/'],
    [['/account'], '/'],
    [{ next: '/account' }, '/'],
  ])('of %j is %s', (next, expected) => {
    expect(safeNext(next)).toBe(expected);
  });

  it('never leaves the origin, whatever it is made of', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      ':',
      '@',
      '?',
      '#',
      '\t',
      '\n',
      '\r',
      ' ',
      '%2f',
      'a',
      'http:',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 8 }).map((all) => `/${all.join('')}`),
          fc.string(),
        ),
        (next) => {
          const safe = safeNext(next);
          expect(safe).toMatch(/^\/(?![/\\])[^\t\n\r]*$/);
          expect(new URL(safe, 'https://app.example/deep/page').origin).toBe('https://app.example');
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
