import { Controller, Get, Post, UnauthorizedException } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  LoginGuard,
  Public,
  Relogin,
  ReloginGuard,
  Session,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { SessionRecord } from 'nest-sessions/store';
import { loginAs } from 'nest-sessions/testing';
import { AppController, type Data } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { BackendSite, sites } from '../../support/backends.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { rawGet } from '../../support/raw-request.js';
import { SpyStore } from '../../support/spy-store.js';

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

async function open(on: PlatformName | BackendSite, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const kept = on instanceof BackendSite ? on.backend.over(store) : store;
  const running = await start(on, {
    controllers: [AppController, VaultController, ProofController],
    options: { store: kept, idle: '2h', ...options },
  });
  const browser = new Browser(running.url);
  return { ...running, store, browser };
}

/** The id of its session, which a sealed cookie does not show. */
const idOf = async (browser: Browser) => (await browser.get('/look')).json()['id'];

const code = (answer: Answer) => [answer.status, answer.json()['code']];
const STALE = [401, 'ERR_RELOGIN_REQUIRED'];

describe.each(sites)('re-login on %s', (site) => {
  it.each([
    ['the option', { relogin: { within: '10m' } }, '/vault/gold', 600],
    ['the default', {}, '/vault/gold', 300],
    ['the handler before its class', {}, '/vault/silver', 3600],
    ['the handler', {}, '/sensitive', 300],
  ] as const)(
    'is required one second after the window ends, set by %s',
    async (_, options, path, seconds) => {
      const { browser, clock } = await open(site, options);
      await browser.post('/login', { user: 'alice' });
      clock.advance(seconds * 1_000);
      expect((await browser.get(path)).status).toBe(200);
      clock.advance('1s');
      const refused = await browser.get(path);
      expect(code(refused)).toEqual(STALE);
      expect(refused.json()).toEqual({
        statusCode: 401,
        error: 'Unauthorized',
        message: expect.any(String) as string,
        code: 'ERR_RELOGIN_REQUIRED',
        maxAge: seconds,
      });
      expect((await browser.get('/me')).status).toBe(200);
    },
  );

  it('is required of an API client by the RFC 9470 challenge, and a login by another', async () => {
    const { browser, clock } = await open(site);
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

  it('redirects a browser to the re-login page with the path to return to', async () => {
    const { browser, clock } = await open(site, { relogin: { url: '/login/again?theme=dark' } });
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
  ])('passes a safe path to return to: %s', async (_, target, next) => {
    const { browser, clock, url } = await open(site, { relogin: { url: '/again' } });
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
  ])('returns from a form post to %s', async (_, referer, next) => {
    const { browser, clock, url } = await open(site, { relogin: { url: '/again' } });
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const from = referer(new URL(url).host);
    const answer = await browser.post('/vault/gold', undefined, {
      headers: { ...HTML, ...(from !== undefined && { referer: from }) },
    });
    expect(answer.status).toBe(303);
    expect(new URL(answer.headers.location!, url).searchParams.get('next')).toBe(next);
  });

  it('renews the login time, which nothing else does', async () => {
    const { browser, clock } = await open(site, { rotateEvery: '2m' });
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

  it('is required of a remembered login, too', async () => {
    const { browser, clock } = await open(site);
    await browser.post('/login', { user: 'alice', remember: true });
    clock.advance('20d');
    expect((await browser.get('/me')).status).toBe(200);
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
  });

  it('replaces the token and voids the old one at once', async () => {
    const { browser } = await open(site);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/data', { a: 1 });
    const [before, id] = [browser.cookie, await idOf(browser)];
    const answer = await browser.post('/relogin', {});
    expect(answer.setCookies).toHaveLength(1);
    expect(await idOf(browser)).toBe(id);
    expect(browser.cookie).not.toBe(before);
    expect((await browser.get('/me', { cookie: before })).status).toBe(401);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { a: 1 } });
  });

  it('as another subject is a new login without the old data', async () => {
    const { browser, store } = await open(site);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/data', { diary: 'dear' });
    const [before, id] = [browser.cookie, await idOf(browser)];
    expect((await browser.post('/relogin', { subject: 'bob' })).status).toBe(200);
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'bob', data: {} }),
    );
    expect(await idOf(browser)).not.toBe(id);
    expect((await browser.get('/me', { cookie: before })).status).toBe(401);
    expect(store.records().map((record) => record.subject)).toEqual(['bob']);
    await browser.post('/data', { diary: 'mine' });
    // Not even what a login would keep.
    await browser.post('/login', { user: 'carol', keep: ['diary'] });
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'carol', data: {} }),
    );
  });

  it('changes nothing where it fails', async () => {
    const { browser, clock, store } = await open(site);
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const before = [browser.cookie, store.records()];
    expect((await browser.post('/wrong-password')).setCookies).toEqual([]);
    expect([browser.cookie, store.records()]).toEqual(before);
    expect(code(await browser.get('/sensitive'))).toEqual(STALE);
  });

  it('is rejected for a client that is not logged in', async () => {
    const { browser } = await open(site);
    expect(code(await browser.post('/relogin', {}))).toEqual([401, 'ERR_LOGIN_REQUIRED']);
    await browser.post('/data', { a: 1 });
    expect((await browser.post('/relogin', {})).status).toBe(401);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: null, data: { a: 1 } });
    expect((await browser.get('/times')).json()).toEqual({ pwd: null, any: null, fresh: false });
  });

  it('by one factor does not count for another', async () => {
    const { browser, clock } = await open(site);
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
    'does not take a property of Object.prototype for a factor: %s',
    async (factor) => {
      const { browser } = await open(site);
      expect((await browser.post('/login', { user: 'alice', factor })).status).toBe(200);
      expect(code(await browser.get('/otp'))).toEqual(STALE);
      expect((await browser.get('/times')).json()).toMatchObject({ pwd: null });
    },
  );

  it('is not satisfied by session data that looks like a login', async () => {
    const { browser } = await open(site);
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
  ])('is not required by @Public() handlers where %s is global', async (_, useClass) => {
    const { app, url } = await start(site, {
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

// Nothing of a sealed cookie can be damaged without breaking its seal.
describe.each(platforms)('re-login with a damaged record in the store on %s', (platform) => {
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
  ])('is required where the stored login time is damaged: %s', async (_, factors) => {
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
  ])('ends a session whose %s is %s', async (field, value) => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    store.tamper = (record) => ({ ...record, [field]: value });
    expect((await browser.get('/me')).status).toBe(401);
    store.tamper = undefined;
    expect(store.records()).toEqual([]);
  });
});
