import { jest } from '@jest/globals';
import { Controller, Get, Post, UseGuards, VersioningType } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Query, Resolver } from '@nestjs/graphql';
import {
  CurrentUser,
  DeviceBound,
  LoginGuard,
  MemoryStore,
  Public,
  SessionService,
  Subject,
  type SessionModuleOptions,
} from 'nest-sessions';
import { DeviceProofs } from '../../../lib/nest/device/device-proof.js';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import {
  BindingBrowser,
  BOUND_COOKIE,
  challengeIn,
  DEVICE_PATH,
  DeviceSigner,
  registrationIn,
  REFRESH_PATH,
} from '../../support/device.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { LogSink } from '../../support/log-sink.js';
import { SpyStore } from '../../support/spy-store.js';
import { drivers } from '../transports/graphql-drivers.js';
import { startBound } from './device.app.js';
import { withRsa } from './protocol.specs.js';

afterEach(closeAll);

@Controller()
class AskingController {
  @Get('subject')
  subject(@Subject() subject: string) {
    return { subject };
  }

  @Get('user')
  user(@CurrentUser() user: object) {
    return user;
  }
}

describe.each(platforms)('a device-bound session on %s', (platform) => {
  it('opens for no handshake without the bound cookie', async () => {
    const { browser, clock, sessions } = await startBound(platform);
    await browser.bind();
    expect((await sessions.open({ cookie: browser.unbound })).loggedIn).toBe(true);
    clock.advance('11s');
    expect((await sessions.open({ cookie: browser.unbound })).loggedIn).toBe(false);
    const session = await sessions.open(new Headers({ cookie: browser.cookie }));
    expect([session.subject, session.boundAt]).toEqual(['alice', new Date(clock.now() - 11_000)]);
    clock.advance('11m');
    expect((await sessions.open({ cookie: browser.cookie })).loggedIn).toBe(false);
  });

  it('costs the one round trip that any request costs, and writes nothing', async () => {
    const store = new SpyStore();
    const { browser, clock } = await startBound(platform, { store });
    await browser.bind();
    clock.advance('30s');
    const before = store.calls.length;
    const answer = await browser.get('/me');
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(store.calls.slice(before).map(({ question }) => question)).toEqual(['load']);
  });

  it('keeps its cookie where it is refused, and says no more than to anybody', async () => {
    const { browser, clock } = await startBound(platform);
    await browser.bind();
    clock.advance('1m');
    const refused = await browser.get('/me', { cookie: browser.unbound });
    const stranger = await browser.get('/me', { cookie: '' });
    expect([refused.status, refused.body, refused.setCookies]).toEqual([401, stranger.body, []]);
    expect(refused.headers['www-authenticate']).toBe(stranger.headers['www-authenticate']);
  });

  it('gives way to an anonymous session where the browser has lost the key, so that a login page works', async () => {
    const { browser, clock } = await startBound(platform);
    await browser.bind();
    clock.advance('1m');
    const written = await browser.post('/data', { cart: 1 }, { cookie: browser.unbound });
    expect([written.status, written.setCookies.length]).toEqual([200, 1]);
    const login = await browser.post('/login', { user: 'alice' }, { cookie: browser.unbound });
    expect(registrationIn(login).path).toBe(DEVICE_PATH);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('opens with its bound cookie among any number of injected ones', async () => {
    const { browser, clock } = await startBound(platform);
    await browser.bind();
    clock.advance('1m');
    const injected = Array.from({ length: 40 }, (_, n) => {
      const tag = String(n).padStart(43, 'A');
      return `${BOUND_COOKIE}=${browser.boundCookie!.split('.')[0]}.${tag}`;
    });
    const { unbound, boundCookie } = browser;
    const all = [...injected.slice(0, 30), `${BOUND_COOKIE}=${boundCookie}`, ...injected.slice(30), unbound];
    expect((await browser.get('/me', { cookie: all.join('; ') })).status).toBe(200);
    expect((await browser.get('/me', { cookie: [...injected, unbound].join('; ') })).status).toBe(401);
  });

  it('is none, for a refresh with a former cookie of a session that is not bound', async () => {
    const { browser } = await startBound(platform);
    browser.sessionId = (await browser.login()).json<{ id: string }>().id;
    const former = browser.cookie;
    await browser.post('/relogin', {});
    const answer = await browser.ask(undefined, { cookie: former });
    expect([answer.status, answer.json()]).toMatchObject([200, { continue: false }]);
  });

  it('is asked for by @DeviceBound(), also right after the login', async () => {
    const { browser, clock } = await startBound(platform);
    expect((await browser.get('/vault')).status).toBe(401);
    await browser.login();
    const refused = await browser.get('/vault');
    expect([refused.status, refused.json()]).toMatchObject([403, { code: 'ERR_DEVICE_REQUIRED' }]);
    await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
    expect((await browser.get('/vault', { cookie: browser.unbound })).status).toBe(403);
    expect((await browser.get('/vault')).status).toBe(200);
    clock.advance('11m');
    expect((await browser.get('/vault')).status).toBe(401);
    await browser.refresh();
    expect((await browser.get('/vault')).status).toBe(200);
  });

  it('is asked for everywhere by require: always, but for a moment after the login', async () => {
    const { browser, clock, told } = await startBound(platform, { deviceBound: { require: 'always' } });
    await browser.login();
    expect((await browser.get('/me')).status).toBe(200);
    clock.advance('11s');
    expect((await browser.get('/me')).status).toBe(403);
    expect(told('refused')).toMatchObject([{ reason: 'unbound', subject: 'alice' }]);
    // A registration that comes late repairs it.
    await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('counts that moment from the login, wherever and whenever the user authenticated', async () => {
    const { browser, clock } = await startBound(platform, { deviceBound: { require: 'always' } });
    await browser.login({ user: 'alice', authenticatedAt: clock.now() - 3_600_000 });
    expect((await browser.get('/me')).status).toBe(200);
    clock.advance('11s');
    expect((await browser.get('/me')).status).toBe(403);
    await browser.register(browser.device.registration(registrationIn(browser.loggedIn).challenge));
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('gets ERR_DEVICE_REQUIRED with require: always, and no redirect to the login page', async () => {
    const sink = new LogSink();
    const { url, clock } = await startBound(
      platform,
      { deviceBound: { require: 'always' }, login: { url: '/login' }, user: (name) => ({ name }) },
      { controllers: [AppController, AskingController], prepare: sink.attach },
    );
    const visitor = new Browser(url);
    await visitor.post('/login', { user: 'alice' });
    clock.advance('11s');
    for (const path of ['/me', '/subject', '/user', '/me']) {
      const answer = await visitor.get(path, { headers: { accept: 'text/html' } });
      expect([answer.status, answer.headers.location, answer.headers['www-authenticate']]).toEqual([
        403,
        undefined,
        undefined,
      ]);
      expect(answer.json()).toMatchObject({ code: 'ERR_DEVICE_REQUIRED' });
    }
    const warnings = sink.lines.filter((line) => line.includes("deviceBound.require is 'always'"));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^warn: .*ERR_DEVICE_REQUIRED \(403\)/);
    const stranger = await new Browser(url).get('/me', { headers: { accept: 'text/html' } });
    expect([stranger.status, stranger.headers.location]).toEqual([303, '/login?next=%2Fme']);
  });

  it('leaves anonymous sessions alone, with require: always', async () => {
    const { url, clock } = await startBound(platform, { deviceBound: { require: 'always' } });
    const visitor = new Browser(url);
    await visitor.post('/data', { cart: 1 });
    clock.advance('5m');
    expect((await visitor.get('/look')).json()).toMatchObject({ data: { cart: 1 }, subject: null });
  });

  it('is signed by RSA where an option allows it, with 2048 bits at least', async () => {
    const { url, told } = await startBound(platform, { deviceBound: { algorithms: ['RS256'] } });
    const register = async (sign: (challenge: string) => string): Promise<number> => {
      const browser = new BindingBrowser(url);
      const { algorithms, challenge } = registrationIn(await browser.login());
      expect(algorithms).toBe('RS256');
      return (await browser.register(sign(challenge))).status;
    };
    expect(await register((challenge) => withRsa(challenge))).toBe(200);
    expect(told('bound')).toMatchObject([{ algorithm: 'RS256' }]);
    expect(await register((challenge) => withRsa(challenge, 1024))).toBe(403);
    expect(await register((challenge) => new DeviceSigner().registration(challenge))).toBe(403);
    expect(told('refused')).toMatchObject([{ reason: 'key' }, { reason: 'algorithm' }]);
  });

  it('takes another path, lifetime, name and scope', async () => {
    const { browser, clock } = await startBound(platform, {
      cookie: { name: '__Secure-app', domain: 'example.org', sameSite: 'strict' },
      deviceBound: {
        path: '/auth/key',
        cookieLifetime: '5m',
        scope: { includeSite: true, exclude: ['/assets', '/img'] },
        algorithms: ['RS256', 'ES256'],
      },
    });
    const login = await browser.login();
    const { path, algorithms, challenge } = registrationIn(login);
    expect([path, algorithms]).toEqual(['/auth/key', 'RS256 ES256']);
    const cookie = login.setCookies[0]!.split(';')[0]!;
    const answer = await browser.post(path, undefined, {
      cookie,
      headers: { 'secure-session-response': browser.device.registration(challenge) },
    });
    const attributes = 'Path=/; Domain=example.org; Secure; HttpOnly; SameSite=Strict';
    expect(answer.json()).toMatchObject({
      refresh_url: '/auth/key/refresh',
      scope: {
        include_site: true,
        origin: 'https://example.org',
        scope_specification: [
          { type: 'exclude', domain: '*', path: '/assets' },
          { type: 'exclude', domain: '*', path: '/img' },
        ],
      },
      credentials: [{ name: '__Secure-app-bound', attributes }],
    });
    const bound = answer.setCookies.find((one) => one.startsWith('__Secure-app-bound='))!;
    expect(bound).toContain('Max-Age=300');
    const both = `${cookie}; ${bound.split(';')[0]}`;
    clock.advance('5m');
    expect((await browser.get('/me', { cookie: both })).status).toBe(200);
    clock.advance('31s');
    expect((await browser.get('/me', { cookie: both })).status).toBe(401);
  });
});

const FAILED = 'A request of a device-bound session failed.';

/** What is asked while the verification of proofs has a fault. */
async function failing<T>(method: 'ofRegistration' | 'ofRefresh', ask: () => Promise<T>): Promise<T> {
  const fault = jest
    .spyOn(DeviceProofs.prototype, method)
    .mockRejectedValue(new TypeError(`${method} is at fault`));
  try {
    return await ask();
  } finally {
    fault.mockRestore();
  }
}

/** The attributes of a cookie that browsers compare, in the order of their names. */
const comparedIn = (attributes: string): string[] =>
  attributes
    .split('; ')
    .filter((one) => !/^(max-age|priority)=/i.test(one))
    .sort();

describe.each(platforms)('what a browser receives for a device-bound session on %s', (platform) => {
  it.each<[SessionModuleOptions['cookie'], string?]>([
    [{}],
    [{ sameSite: 'strict' }],
    [{ sameSite: 'none' }],
    [{ priority: 'high', path: '/app', name: '__Secure-session' }, '/app/device'],
    [{ domain: 'example.org', name: '__Secure-session', sameSite: 'none' }],
  ])('has the attributes of the bound cookie as it is set: %j', async (cookie, path = DEVICE_PATH) => {
    const { browser, clock } = await startBound(platform, { cookie, deviceBound: { path } });
    const login = await browser.login();
    const session = login.setCookies[0]!.split(';')[0]!;
    const registration = browser.device.registration(registrationIn(login).challenge);
    const ask = (to: string, headers: Record<string, string>) =>
      browser.post(to, undefined, { cookie: session, headers });
    const bound = await ask(path, { 'secure-session-response': registration });
    clock.advance('1m');
    const id = { 'sec-secure-session-id': bound.json<{ session_identifier: string }>().session_identifier };
    const proof = browser.device.refresh(challengeIn(bound).challenge);
    const refreshed = await ask(`${path}/refresh`, { ...id, 'secure-session-response': proof });
    for (const answer of [bound, refreshed]) {
      const [told] = answer.json<{ credentials: { name: string; attributes: string }[] }>().credentials;
      const [pair, ...attributes] = answer.setCookies[0]!.split('; ');
      expect([pair!.split('=')[0], comparedIn(attributes.join('; '))]).toEqual([
        told!.name,
        comparedIn(told!.attributes),
      ]);
    }
  });

  it('names the hosts whose pages may have the bound cookie renewed, if any are given', async () => {
    const scope = { initiators: ['app.example.com', 'localhost'] };
    const { browser } = await startBound(platform, { deviceBound: { scope } });
    expect((await browser.bind()).json()).toMatchObject({ allowed_refresh_initiators: scope.initiators });
  });

  it('is with each refresh what the options say now', async () => {
    const store = new MemoryStore();
    const before = await startBound(platform, { store });
    const { browser, clock } = before;
    await browser.bind();
    const deviceBound = { cookieLifetime: '5m', scope: { exclude: ['/assets'] } } as const;
    const after = await startBound(platform, { store, clock, deviceBound });
    const answer = await after.browser.ask(browser.device.refresh(browser.challenge), {
      cookie: browser.cookie,
      headers: { 'sec-secure-session-id': browser.sessionId },
    });
    expect(answer.setCookies).toEqual([expect.stringContaining('Max-Age=300')]);
    expect(answer.json()).toEqual({
      session_identifier: browser.sessionId,
      refresh_url: REFRESH_PATH,
      scope: {
        include_site: false,
        scope_specification: [{ type: 'exclude', domain: '*', path: '/assets' }],
      },
      credentials: [
        { type: 'cookie', name: BOUND_COOKIE, attributes: 'Path=/; Secure; HttpOnly; SameSite=Lax' },
      ],
    });
  });

  it('is sent over HTTPS alone: a login over plain HTTP sends no registration header', async () => {
    const { browser } = await startBound(platform, {}, { trustProxy: true });
    const logIn = (scheme: string) =>
      browser.post(
        '/login',
        { user: 'alice' },
        { headers: { host: 'app.example', 'x-forwarded-proto': scheme } },
      );
    const plain = await logIn('http');
    expect([plain.status, plain.setCookies, plain.headers['secure-session-registration']]).toEqual([
      200,
      [],
      undefined,
    ]);
    expect(registrationIn(await logIn('https')).path).toBe(DEVICE_PATH);
  });
});

@Controller()
class GateController {
  constructor(private readonly sessions: SessionService) {}

  @Post('in')
  @Public()
  async logIn() {
    await this.sessions.login('alice');
  }

  @Get('things')
  things() {
    return [];
  }
}

describe.each(platforms)('the requests of devices on %s', (platform) => {
  it('come before prefix, versions, guards, redirects and exclude', async () => {
    const { browser, clock } = await startBound(
      platform,
      { exclude: ['/session/*path', '/session/device'], login: { url: '/login' } },
      {
        controllers: [GateController],
        providers: [{ provide: APP_GUARD, useExisting: LoginGuard }],
        prepare(app) {
          app.setGlobalPrefix('api');
          app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
        },
      },
    );
    const headers = { accept: 'text/html' };
    browser.sessionId = 'x'.repeat(22);
    expect((await browser.post(DEVICE_PATH, undefined, { headers })).status).toBe(403);
    expect((await browser.ask(undefined, { headers })).json()).toMatchObject({ continue: false });
    const { challenge } = registrationIn(await browser.post('/api/v1/in'));
    expect((await browser.register(browser.device.registration(challenge), { headers })).status).toBe(200);
    clock.advance('1m');
    expect((await browser.get('/api/v1/things')).status).toBe(200);
    expect((await browser.get('/api/v1/things', { cookie: browser.unbound })).status).toBe(401);
    expect((await browser.refresh()).status).toBe(200);
  });

  it('are those of two paths and one method: everything else is the application’s', async () => {
    const { browser } = await startBound(platform);
    for (const path of [DEVICE_PATH, REFRESH_PATH]) {
      expect((await browser.get(path)).status).toBe(404);
      expect((await browser.send(path, { method: 'PUT' })).status).toBe(404);
    }
    for (const path of [`${DEVICE_PATH}/`, `${DEVICE_PATH}/refresh/x`, `${DEVICE_PATH}s`])
      expect((await browser.post(path)).status).toBe(404);
    expect((await browser.post(`${DEVICE_PATH}?a=1`)).status).toBe(403);
  });

  it('get a 503 while the store fails, and the browser keeps its session', async () => {
    const store = new (class extends MemoryStore {
      failing = false;
      override load(id: string) {
        if (this.failing) throw new Error('out of order');
        return super.load(id);
      }
      override commit(...args: Parameters<MemoryStore['commit']>) {
        if (this.failing) throw new Error('out of order');
        return super.commit(...args);
      }
    })();
    const log = new LogSink();
    const { browser } = await startBound(platform, { store }, { prepare: log.attach });
    await browser.bind();
    store.failing = true;
    const answer = await browser.ask(browser.device.refresh(browser.challenge));
    expect([answer.status, answer.setCookies, answer.headers['cache-control']]).toEqual([
      503,
      [],
      'no-store',
    ]);
    store.failing = false;
    expect((await browser.ask(browser.device.refresh(browser.challenge))).status).toBe(200);
    expect(log.lines.filter((line) => line.includes(FAILED))).toEqual([]);
  });

  it('get a 503 for a fault that is no outage, too, and the log says what it is', async () => {
    const log = new LogSink();
    const { browser } = await startBound(platform, {}, { prepare: log.attach });
    const { challenge } = registrationIn(await browser.login());
    const registration = browser.device.registration(challenge);
    const answers = [
      await failing('ofRegistration', () => browser.register(registration)),
      await browser.register(registration),
      await failing('ofRefresh', () => browser.ask(browser.device.refresh(browser.challenge))),
      await browser.ask(browser.device.refresh(browser.challenge)),
    ];
    expect(answers.map(({ status }) => status)).toEqual([503, 200, 503, 200]);
    expect(answers[0]!.headers).toMatchObject({ 'cache-control': 'no-store', 'retry-after': '5' });
    expect([answers[0]!.setCookies, answers[2]!.setCookies, answers[0]!.body]).toEqual([[], [], '{}']);
    expect(log.lines.filter((line) => line.includes(FAILED))).toEqual([
      expect.stringMatching(/^error: .*TypeError: ofRegistration is at fault\n +at /),
      expect.stringMatching(/^error: .*TypeError: ofRefresh is at fault\n +at /),
    ]);
    expect(log.text).not.toContain(registration.split('.')[2]);
  });

  it('bind nothing over a store that does not know keys, and it is warned of', async () => {
    const store = new (class extends MemoryStore {
      override commit(id: string, { key: _, ...delta }: Parameters<MemoryStore['commit']>[1]) {
        return super.commit(id, delta);
      }
    })();
    const { browser, clock, told } = await startBound(platform, { store });
    expect((await browser.bind()).status).toBe(403);
    expect(told('bound')).toEqual([]);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });
});

@Resolver()
class BoundResolver {
  @Query(() => String)
  @UseGuards(LoginGuard)
  whoami(@Subject() subject: string): string {
    return subject;
  }

  @Query(() => String)
  @DeviceBound()
  vault(): string {
    return 'gold';
  }

  @Query(() => String)
  @Public()
  anybody(): string {
    return 'anybody';
  }
}

describe.each(drivers)('a device-bound session in resolvers of %s', (_name, driver) => {
  it('has no access without the bound cookie', async () => {
    const { browser, clock, url } = await startBound(
      driver.platform,
      {},
      {
        controllers: [AppController],
        imports: [driver.module()],
        providers: [BoundResolver],
      },
    );
    await browser.bind();
    clock.advance('1m');
    const ask = async (query: string, cookie: string) =>
      (await browser.post('/graphql', { query }, { cookie })).json<{ data: unknown; errors?: unknown[] }>();
    expect((await ask('{ whoami vault }', browser.cookie)).data).toEqual({ whoami: 'alice', vault: 'gold' });
    for (const query of ['{ whoami }', '{ vault }']) {
      const refused = await ask(query, browser.unbound);
      expect([refused.data, refused.errors?.length]).toEqual([null, 1]);
    }
    const ordinary = new BindingBrowser(url);
    await ordinary.login();
    const answer = await ordinary.post('/graphql', { query: '{ vault }' });
    expect(answer.body).toContain('ERR_DEVICE_REQUIRED');
  });
});

describe('@DeviceBound() where no session is bound', () => {
  it('fails at boot without the option, by name', async () => {
    @Controller()
    class Vault {
      @Get()
      @DeviceBound()
      open() {}
    }
    await expect(start('express', { controllers: [Vault] })).rejects.toThrow(
      /DeviceBoundGuard: .*deviceBound: true.*deviceBound: false/,
    );
  });

  it.each(platforms)(
    'lets nobody pass with deviceBound: false, and the log says so once: %s',
    async (platform) => {
      const sink = new LogSink();
      const store = new MemoryStore();
      const { browser, clock } = await startBound(platform, { store });
      await browser.bind();
      const off = await startBound(platform, { store, clock, deviceBound: false }, { prepare: sink.attach });
      expect((await off.browser.get('/vault')).status).toBe(401);
      // Of a bound session, and of an ordinary one.
      for (const cookie of [browser.cookie, (await off.browser.login()).setCookies[0]!.split(';')[0]!]) {
        const refused = await off.browser.get('/vault', { cookie });
        expect([refused.status, refused.json()]).toMatchObject([403, { code: 'ERR_DEVICE_REQUIRED' }]);
        expect((await off.browser.get('/me', { cookie })).status).toBe(200);
      }
      expect(sink.lines.filter((line) => line.includes('deviceBound is false'))).toHaveLength(1);
    },
  );
});
