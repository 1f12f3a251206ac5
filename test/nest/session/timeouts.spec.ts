import { Controller, Get, Res, UnauthorizedException, UseGuards, HttpCode } from '@nestjs/common';
import { LoginGuard, MemoryStore, Session, type SessionModuleOptions } from 'nest-sessions';
import type { LoadedRecord, EndedRecord } from 'nest-sessions/store';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate, type Gate } from '../../support/gate.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { attributesOf } from '../../support/tokens.js';

afterEach(closeAll);

let slow: Gate;

@Controller()
class TimeController {
  @Get('slow')
  @UseGuards(LoginGuard)
  async slow() {
    await slow.pass();
    return { ok: true };
  }

  @Get('unauthorized')
  unauthorized() {
    throw new UnauthorizedException();
  }

  @Get('teapot')
  @HttpCode(418)
  teapot() {
    return { ok: false };
  }

  @Get('refused')
  refused(
    @Res() response: { code?(status: number): void; status(status: number): void; send(body: string): void },
  ) {
    response.status(422);
    response.send('no');
  }

  @Get('times')
  times(@Session() session: Session<Data>) {
    return { created: +session.createdAt, seen: +session.lastSeenAt, expires: +session.expiresAt };
  }
}

async function open(site: BackendSite, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const running = await start(site, {
    controllers: [AppController, TimeController],
    options: { store: site.backend.over(store), ...options },
  });
  const login = async (body: object = {}) => {
    const browser = new Browser(running.url);
    await browser.post('/login', { user: 'alice', ...body });
    return browser;
  };
  return { ...running, store, login };
}

const MINUTE = 60_000;

describe.each(sites)('timeouts on %s', (site) => {
  it.each<[string, Partial<SessionModuleOptions>, number]>([
    ['the default', {}, 30 * MINUTE],
    ['NIST AAL2', { lifetime: '24h', idle: '1h' }, 60 * MINUTE],
    ['NIST AAL3', { lifetime: '12h', idle: '15m' }, 15 * MINUTE],
  ])('ends a session at the idle timeout: %s', async (_, options, idle) => {
    const { login, clock } = await open(site, options);
    const [early, sharp, late] = [await login(), await login(), await login()];
    const captured = [sharp.cookie, late.cookie];
    clock.advance(idle - 1_000);
    expect((await early.get('/me')).status).toBe(200);
    clock.advance(1_000);
    expect((await sharp.get('/me')).status).toBe(401);
    clock.advance(1_000);
    expect((await late.get('/me')).status).toBe(401);
    for (const cookie of captured) expect((await late.get('/me', { cookie })).status).toBe(401);
    expect((await early.get('/me')).status).toBe(200);
  });

  it.each<[string, Partial<SessionModuleOptions>, number, number]>([
    ['short', { lifetime: '2h', idle: '30m' }, 120 * MINUTE, 10 * MINUTE],
    ['NIST AAL1', { lifetime: '30d', idle: '30d' }, 30 * 24 * 60 * MINUTE, 24 * 60 * MINUTE],
    ['NIST AAL2', { lifetime: '24h', idle: '1h' }, 24 * 60 * MINUTE, 40 * MINUTE],
    ['NIST AAL3', { lifetime: '12h', idle: '15m' }, 12 * 60 * MINUTE, 10 * MINUTE],
  ])('ends a session at its lifetime in spite of activity: %s', async (_, options, lifetime, step) => {
    const { login, clock } = await open(site, options);
    const browser = await login();
    const begun = clock.now();
    while (clock.now() + step < begun + lifetime) {
      clock.advance(step);
      expect((await browser.get('/me')).status).toBe(200);
    }
    clock.advance(begun + lifetime - 1_000 - clock.now());
    expect((await browser.get('/me')).status).toBe(200);
    const captured = browser.cookie;
    clock.advance(1_000);
    expect((await browser.get('/me')).status).toBe(401);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    expect(browser.cookie).toBe('');
  });

  it.each([
    ['a rotation', (browser: Browser) => browser.get('/me'), true, 401],
    ['a regenerate', (browser: Browser) => browser.post('/regenerate', {}), true, 401],
    ['a re-login', (browser: Browser) => browser.post('/relogin', {}), true, 200],
    ['a login', (browser: Browser) => browser.post('/login', { user: 'alice' }), true, 200],
  ] as const)(
    'counts the lifetime from the last login or re-login: after %s',
    async (_, act, renews, status) => {
      const { login, clock } = await open(site, { lifetime: '2h', idle: '2h', rotateEvery: '15m' });
      const browser = await login();
      clock.advance('119m');
      const before = browser.cookie;
      expect((await act(browser)).status).toBe(200);
      expect(browser.cookie !== before).toBe(renews);
      clock.advance('59s');
      expect((await browser.get('/me')).status).toBe(200);
      clock.advance('1s');
      expect((await browser.get('/me')).status).toBe(status);
    },
  );

  it('rolls at most once per rollEvery', async () => {
    const { login, clock, store } = await open(site, { rollEvery: '1m', rotateEvery: false });
    const browser = await login();
    const seen = store.records()[0]!.lastSeenAt;
    store.forget();
    for (let second = 1; second < 60; second++) {
      clock.advance('1s');
      const answer = await browser.get('/me');
      expect(answer.setCookies).toEqual([]);
    }
    const reads = Array.from({ length: 59 }, () => site.backend.readsToOpen).flat();
    expect(store.calls.map((call) => call.question)).toEqual(reads);
    clock.advance('1s');
    for (let again = 0; again < 11; again++) await browser.get('/me');
    expect(store.count('commit')).toBe(1);
    expect(store.records()[0]!.lastSeenAt).toBe(seen + MINUTE);
  });

  it.each([
    ['an error', 'GET', '/fail', 500],
    ['a 401 of the handler', 'GET', '/unauthorized', 401],
    ['a 401 of a guard', 'GET', '/otp', 401],
    ['an error by status', 'GET', '/teapot', 418],
    ['an error by @Res()', 'GET', '/refused', 422],
    ['no route', 'GET', '/nowhere', 404],
    ['polling', 'GET', '/poll', 200],
    ['a cross-site request', 'POST', '/data', 403],
  ])('does not count %s as activity', async (_, method, path, status) => {
    const { login, clock, store } = await open(site);
    const browser = await login();
    clock.advance('29m');
    store.forget();
    const headers = status === 403 ? { 'sec-fetch-site': 'cross-site' } : undefined;
    const answer = await browser.send(path, { method, ...(headers && { headers }) });
    expect([answer.status, answer.setCookies]).toEqual([status, []]);
    expect(store.calls.map((call) => call.question)).toEqual(site.backend.readsToOpen);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('does not roll a session at its logout', async () => {
    const { login, clock, store } = await open(site);
    const browser = await login();
    clock.advance('20m');
    store.forget();
    await browser.post('/logout');
    expect(store.calls.map((call) => call.question)).toEqual([...site.backend.readsToOpen, 'destroy']);
  });

  it('counts any other successful response as activity', async () => {
    const { login, clock } = await open(site);
    const browser = await login();
    for (const path of ['/untouched', '/look', '/times', '/me']) {
      clock.advance('29m');
      expect((await browser.get(path)).status).toBe(200);
    }
  });

  it.each([
    ['a roll', {}, '2m'],
    ['a rotation', {}, '16m'],
  ] as const)('does not revive a session by %s that was under way at its logout', async (_, options, age) => {
    const { login, clock, store } = await open(site, options);
    slow = gate();
    const browser = await login({ remember: true });
    const captured = browser.cookie;
    clock.advance(age);
    const answering = browser.get('/slow', { cookie: captured });
    await slow.reached;
    expect((await browser.post('/logout', undefined)).status).toBe(200);
    slow.open();
    const answer = await answering;
    for (const one of answer.setCookies)
      expect((await browser.get('/me', { cookie: one.split(';', 1)[0]! })).status).toBe(401);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    expect(store.records()).toEqual([]);
  });

  it('rejects a remembered session after its lifetime though the client kept the cookie', async () => {
    const { login, clock } = await open(site, { remember: { lifetime: '10d', idle: '10d' } });
    const remembered = await login({ remember: true });
    const [kept, maxAge] = [remembered.cookie, 10 * 24 * 60 * MINUTE];
    clock.advance(maxAge - 1_000);
    expect((await remembered.get('/poll', { cookie: kept })).status).toBe(200);
    clock.advance(1_000);
    expect((await remembered.get('/poll', { cookie: kept })).status).toBe(401);
  });

  it('shows the session when it expires', async () => {
    const { login, clock } = await open(site, { lifetime: '1h', idle: '40m' });
    const browser = await login();
    const begun = clock.now();
    clock.advance('30m');
    expect((await browser.get('/times')).json()).toMatchObject({
      created: begun,
      expires: begun + 40 * MINUTE,
    });
    expect((await browser.get('/times')).json()).toMatchObject({
      seen: begun + 30 * MINUTE,
      expires: begun + 60 * MINUTE,
    });
  });

  it('renews Max-Age when a remembered session rolls', async () => {
    const { login, clock } = await open(site, { remember: { lifetime: '10d', idle: '5d' } });
    const browser = await login({ remember: true });
    clock.advance('3d');
    const [cookie] = (await browser.get('/me')).setCookies;
    expect(attributesOf(cookie!)['max-age']).toBe(String(5 * 24 * 60 * 60));
  });
});

// An index only lists sessions: over sealed cookies the clock of the revocation list decides.
describe.each(platforms)('timeouts over a store on %s', (platform) => {
  it('expires a session by the clock of the store where the clock of the node is behind', async () => {
    const store = new AheadStore();
    const { url } = await start(platform, {
      controllers: [AppController, TimeController],
      options: { store },
      realClock: true,
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    store.ahead = 30 * MINUTE - 5_000;
    expect((await browser.get('/poll')).status).toBe(200);
    expect((await browser.get('/sensitive')).status).toBe(401);
    store.ahead = 30 * MINUTE;
    expect((await browser.get('/poll')).status).toBe(401);
  });
});

/** A store whose clock is ahead of the node's. */
class AheadStore extends MemoryStore {
  ahead = 0;

  time(): number {
    return Date.now() + this.ahead;
  }

  override load(id: string): LoadedRecord | EndedRecord | undefined {
    const found = super.load(id);
    return found && 'record' in found ? { ...found, time: this.time() } : found;
  }
}
