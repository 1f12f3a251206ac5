import { createHash } from 'node:crypto';
import type { ArgumentsHost, HttpServer } from '@nestjs/common';
import { APP_INTERCEPTOR, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import {
  MemoryStore,
  SessionInterceptor,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nest-sessions';
import {
  MemoryRevocations,
  SealedCookie,
  type Revocation,
  type SealedCookieOptions,
} from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import {
  closeAll,
  platforms,
  start,
  type PlatformName,
  type Running,
  type Setup,
} from '../../support/platforms.js';

afterEach(closeAll);

/** Records what is thrown, and lets Nest respond. */
class Noting extends BaseExceptionFilter {
  constructor(
    readonly failures: unknown[],
    adapter: HttpServer,
  ) {
    super(adapter);
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    this.failures.push(error);
    super.catch(error, host);
  }
}

const formats = ['sealed', 'scs', 'liu'] as const;
const table = platforms.flatMap(([platform]) => formats.map((format) => [platform, format] as const));

interface Started extends Running {
  events: SessionEvent[];
  sessions: SessionService;
}

async function run(
  platform: PlatformName,
  sealed: SealedCookieOptions,
  options: Partial<SessionModuleOptions> = {},
): Promise<Started> {
  const running = await start(platform, {
    controllers: [AppController],
    options: { store: new SealedCookie(sealed), ...options },
  });
  const events: SessionEvent[] = [];
  const sessions = running.app.get(SessionService);
  sessions.events.subscribe((event) => events.push(event));
  return { ...running, events, sessions };
}

async function loggedIn(url: string, user = 'alice', body: object = {}): Promise<Browser> {
  const browser = new Browser(url);
  expect((await browser.post('/login', { user, ...body })).status).toBe(200);
  return browser;
}

const status = async (browser: Browser, cookie?: string): Promise<number> =>
  (await browser.get('/me', cookie === undefined ? {} : { cookie })).status;

const expires = (answer: Answer): boolean => answer.setCookies.some((one) => one.includes('Max-Age=0'));

describe.each(table)('sealed cookies on %s with the format %s', (platform, format) => {
  it('rejects a cookie that was copied before logout', async () => {
    const { url } = await run(platform, { format });
    const browser = await loggedIn(url);
    const captured = browser.cookie;
    expect(await status(browser, captured)).toBe(200);
    expect((await browser.post('/logout')).status).toBe(200);
    expect(browser.cookie).toBe('');
    const refused = await browser.get('/me', { cookie: captured });
    expect(refused.status).toBe(401);
    expect(expires(refused)).toBe(true);
  });

  it('rejects every earlier cookie of a session after logout: rolled, rotated or changed', async () => {
    const { url, clock } = await run(platform, { format });
    const browser = await loggedIn(url);
    const captured = new Set([browser.cookie]);
    for (let i = 0; i < 20; i++) {
      clock.advance('1m');
      if (i % 3 === 0) await browser.post('/data', { count: i });
      else expect(await status(browser)).toBe(200);
      captured.add(browser.cookie);
    }
    expect(captured.size).toBe(21);
    await browser.post('/logout');
    for (const cookie of captured) expect(await status(browser, cookie)).toBe(401);
  });

  it('sets no cookie for a request that changes nothing within rollEvery', async () => {
    const { url, clock } = await run(platform, { format });
    const browser = await loggedIn(url);
    clock.advance('59s');
    expect((await browser.get('/me')).setCookies).toEqual([]);
    clock.advance('1s');
    expect((await browser.get('/me')).setCookies).toHaveLength(1);
    expect((await browser.get('/me')).setCookies).toEqual([]);
    clock.advance('1m');
    expect((await browser.get('/poll')).setCookies).toEqual([]);
    expect((await browser.get('/fail?kind=x')).setCookies).toEqual([]);
  });

  it('sets no cookie for a visitor without a session', async () => {
    const { url } = await run(platform, { format });
    const browser = new Browser(url);
    expect((await browser.get('/untouched')).setCookies).toEqual([]);
    expect((await browser.get('/look')).setCookies).toEqual([]);
  });

  it('expires at the idle timeout, also if the browser keeps the cookie', async () => {
    const { url, clock } = await run(platform, { format }, { idle: '30m' });
    const browser = await loggedIn(url);
    const captured = browser.cookie;
    clock.advance(30 * 60_000 - 1);
    expect((await browser.get('/poll', { cookie: captured })).status).toBe(200);
    clock.advance(1);
    expect(await status(browser, captured)).toBe(401);
  });

  it('expires at the end of its lifetime, also if it is active', async () => {
    const { url, clock } = await run(platform, { format }, { idle: '30m', lifetime: '2h' });
    const browser = await loggedIn(url);
    for (let i = 0; i < 11; i++) {
      clock.advance('10m');
      expect(await status(browser)).toBe(200);
    }
    clock.advance('10m');
    expect(await status(browser)).toBe(401);
  });

  it('is not extended by timeouts that are configured after it was sealed', async () => {
    const revocations = new MemoryRevocations();
    const before = await run(platform, { format, revocations }, { idle: '10m', lifetime: '1h' });
    const captured = (await loggedIn(before.url)).cookie;
    const after = await run(
      platform,
      { format, revocations },
      { idle: '5h', lifetime: '31d', clock: before.clock },
    );
    before.clock.advance('9m');
    expect((await new Browser(after.url).get('/poll', { cookie: captured })).status).toBe(200);
    before.clock.advance('1m');
    expect((await new Browser(after.url).get('/poll', { cookie: captured })).status).toBe(401);
  });

  it('keeps data and the time of the last proof', async () => {
    const { url, clock } = await run(platform, { format });
    const browser = await loggedIn(url);
    await browser.post('/data', { cart: { items: ['a', 'ü', '😀'] }, 'a "key"': 'x\n|.y', n: 1 });
    expect((await browser.get('/look')).json()).toMatchObject({
      subject: 'alice',
      state: 'clean',
      data: { cart: { items: ['a', 'ü', '😀'] }, 'a "key"': 'x\n|.y', n: 1 },
    });
    expect((await browser.post('/increment/n')).json()).toEqual({ value: 2 });
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 2 } });
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('5m');
    await browser.get('/me');
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('1s');
    const refused = await browser.get('/sensitive');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toContain('max_age="300"');
    expect((await browser.get('/otp')).status).toBe(401);
    await browser.post('/relogin', { factor: 'otp' });
    expect((await browser.get('/otp')).status).toBe(200);
  });

  it('a re-login voids the cookies before it, and a late request with one does not expire the new cookie', async () => {
    const { url, clock } = await run(platform, { format });
    const browser = await loggedIn(url);
    const before = browser.cookie;
    clock.advance('2m');
    await browser.get('/me');
    const rolled = browser.cookie;
    expect((await browser.post('/relogin', {})).status).toBe(200);
    for (const cookie of [before, rolled]) {
      const refused = await browser.get('/me', { cookie });
      expect(refused.status).toBe(401);
      expect(refused.setCookies).toEqual([]);
    }
    expect(await status(browser)).toBe(200);
  });

  it('a superseded cookie is not reuse before its successor was presented', async () => {
    const { url, clock, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    const before = browser.cookie;
    await browser.post('/relogin', {});
    const lost = browser.cookie;
    clock.advance('20m');
    expect(await status(browser, before)).toBe(401);
    expect(events.map(({ type }) => type)).not.toContain('reused');
    expect(await status(browser, lost)).toBe(200);
  });

  it('a superseded cookie that is presented after the grace ends the session', async () => {
    const { url, clock, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    const before = browser.cookie;
    await browser.post('/relogin', {});
    clock.advance('5m');
    // Presenting the new one begins the grace, on a passive route as well, and takes no new cookie.
    expect((await browser.get('/poll')).setCookies).toEqual([]);
    clock.advance('9s');
    const late = await browser.get('/me', { cookie: before });
    expect([late.status, late.setCookies]).toEqual([401, []]);
    expect(await status(browser)).toBe(200);
    clock.advance('1s');
    expect(await status(browser, before)).toBe(401);
    expect(await status(browser)).toBe(401);
    expect(events.map(({ type }) => type)).toContain('reused');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'ended', reason: 'reused', subject: 'alice' }),
    );
  });

  it('a re-login restarts the lifetime', async () => {
    const { url, clock } = await run(platform, { format }, { idle: '2h', lifetime: '2h' });
    const browser = await loggedIn(url);
    clock.advance('1h');
    await browser.post('/relogin', {});
    clock.advance('90m');
    expect(await status(browser)).toBe(200);
    clock.advance('30m');
    expect(await status(browser)).toBe(401);
  });

  it('login and regenerate revoke the session that they replace', async () => {
    const { url } = await run(platform, { format });
    const browser = new Browser(url);
    await browser.post('/data', { note: 'kept', isAdmin: true });
    const anonymous = browser.cookie;
    await browser.post('/login', { user: 'alice', keep: ['note'] });
    const first = browser.cookie;
    expect((await browser.get('/look')).json()).toMatchObject({ data: { note: 'kept' }, subject: 'alice' });
    expect((await browser.get('/look')).body).not.toContain('isAdmin');
    await browser.post('/regenerate', { keep: ['note'] });
    expect((await browser.get('/look')).json()).toMatchObject({ data: { note: 'kept' }, subject: 'alice' });
    expect(await status(browser, first)).toBe(401);
    expect((await browser.get('/look', { cookie: anonymous })).json()).toMatchObject({
      data: {},
      state: 'new',
    });
    // A late request with a cookie that was replaced a moment ago does not expire the new one.
    expect((await browser.get('/look', { cookie: first })).setCookies).toEqual([]);
    expect(await status(browser)).toBe(200);
  });

  it('revokes one, all others, and all', async () => {
    const { url, sessions, clock } = await run(platform, { format });
    const [one, two, three] = [await loggedIn(url), await loggedIn(url), await loggedIn(url)];
    const bob = await loggedIn(url, 'bob');
    const all = async () => Promise.all([one, two, three, bob].map((browser) => status(browser)));
    const id = async (browser: Browser) => (await browser.get('/look')).json()['id'] as string;
    // Bob gives the id of another user's session.
    expect((await bob.post(`/revoke/${await id(one)}`)).status).toBe(200);
    expect(await all()).toEqual([200, 200, 200, 200]);
    await two.post(`/revoke/${await id(one)}`);
    expect(await all()).toEqual([401, 200, 200, 200]);
    clock.advance('1s');
    await two.post('/revoke-others');
    expect(await all()).toEqual([401, 200, 401, 200]);
    await sessions.revokeAll('alice');
    expect(await all()).toEqual([401, 401, 401, 200]);
    const again = await loggedIn(url);
    expect(await status(again)).toBe(200);
    await sessions.revokeAll('alice');
    expect(await status(again)).toBe(401);
    await sessions.revoke(await id(bob));
    expect(await status(bob)).toBe(401);
  });

  it('a session that was kept can be regenerated after the others were revoked', async () => {
    const { url, clock } = await run(platform, { format });
    const [one, two] = [await loggedIn(url), await loggedIn(url)];
    clock.advance('1m');
    await one.post('/revoke-others');
    await one.post('/regenerate', {});
    clock.advance('1m');
    await one.post('/regenerate', {});
    expect([await status(one), await status(two)]).toEqual([200, 401]);
    expect(await status(await loggedIn(url))).toBe(200);
  });

  it('logs out everywhere', async () => {
    const { url } = await run(platform, { format });
    const [one, two] = [await loggedIn(url), await loggedIn(url)];
    expect((await one.post('/logout-everywhere')).status).toBe(200);
    expect([await status(one), await status(two)]).toEqual([401, 401]);
    expect(await status(await loggedIn(url))).toBe(200);
  });

  it('keeps a persistent cookie within its limits', async () => {
    const { url, clock } = await run(platform, { format }, { remember: { lifetime: '31d', idle: '7d' } });
    const browser = new Browser(url);
    const answer = await browser.post('/login', { user: 'alice', remember: true });
    expect(answer.setCookies[0]).toContain(`Max-Age=${7 * 24 * 3600};`);
    clock.advance('6d');
    expect(await status(browser)).toBe(200);
    const captured = browser.cookie;
    await browser.post('/logout');
    clock.advance('7d');
    expect(await status(browser, captured)).toBe(401);
  });

  const TOO_LARGE = /What grew: story \(\+40\d\d\), small \(\+2\)\./;

  async function writesTooMuch(setup: Pick<Setup, 'providers' | 'prepare'>): Promise<void> {
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { store: new SealedCookie({ format }) },
      ...setup,
    });
    const browser = await loggedIn(url);
    await browser.post('/data', { small: 'x' });
    const before = browser.cookie;
    const refused = await browser.post('/data', { story: 'x'.repeat(4_000), small: 'xyz' });
    expect(refused.status).toBe(500);
    expect(refused.body).not.toContain('story');
    expect(refused.setCookies).toEqual([]);
    expect(browser.cookie).toBe(before);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { small: 'x' } });
  }

  it('logs the keys that grew if the cookie would be too large, and does not send it', async () => {
    const sink = new LogSink();
    await writesTooMuch({ prepare: sink.attach });
    expect(sink.text).toMatch(TOO_LARGE);
    expect(sink.text).not.toContain('xxxx');
  });

  it('with the interceptor bound, exception filters receive the error with the keys that grew', async () => {
    const failures: unknown[] = [];
    await writesTooMuch({
      providers: [{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }],
      prepare: (app) => void app.useGlobalFilters(new Noting(failures, app.get(HttpAdapterHost).httpAdapter)),
    });
    expect(failures).toEqual([
      expect.objectContaining({
        code: 'ERR_COOKIE_TOO_LARGE',
        message: expect.stringMatching(TOO_LARGE) as string,
      }),
    ]);
  });

  it('sends no cookie larger than browsers accept', async () => {
    const { url } = await run(platform, { format });
    const browser = await loggedIn(url);
    for (let size = 1_500; size < 4_000; size += 250) {
      const answer = await browser.post('/data', { story: 'x'.repeat(size) });
      for (const cookie of answer.setCookies) {
        const pair = cookie.split(';')[0]!;
        expect(pair.length - 1).toBeLessThanOrEqual(4096);
        expect(pair).toMatch(/^__Host-session=[\w.|-]+$/);
      }
      expect(answer.status).toBe(answer.setCookies.length === 1 ? 200 : 500);
    }
  });

  it('a memory list rejects the cookies of another process', async () => {
    const { url, clock } = await run(platform, { format });
    const captured = (await loggedIn(url)).cookie;
    const restarted = await run(platform, { format }, { clock });
    const refused = await new Browser(restarted.url).get('/me', { cookie: captured });
    expect(refused.status).toBe(401);
    expect(expires(refused)).toBe(true);
  });

  it('without a list every call that revokes throws', async () => {
    const { url, sessions } = await run(platform, { format, revocations: false });
    const browser = await loggedIn(url);
    const captured = browser.cookie;
    const code = 'ERR_REVOCATION_UNAVAILABLE';
    await expect(sessions.revokeAll('alice')).rejects.toMatchObject({ code });
    await expect(sessions.revoke('A'.repeat(22))).rejects.toMatchObject({ code });
    expect((await browser.post('/relogin', {})).status).toBe(200);
    expect((await browser.post('/regenerate', {})).status).toBe(200);
    const everywhere = await browser.post('/logout-everywhere');
    expect(everywhere.status).toBe(500);
    expect(expires(everywhere)).toBe(true);
    const again = await loggedIn(url);
    const out = await again.post('/logout');
    expect([out.status, expires(out)]).toEqual([200, true]);
    // The copy stays valid.
    expect(await status(browser, captured)).toBe(200);
  });

  it('cannot list sessions without an index', async () => {
    const { url, sessions } = await run(platform, { format });
    const browser = await loggedIn(url);
    await expect(sessions.list('alice')).rejects.toMatchObject({ code: 'ERR_LIST_UNAVAILABLE' });
    expect((await browser.get('/devices')).status).toBe(500);
  });

  it('lists, counts and limits sessions with an index', async () => {
    const index = new MemoryStore();
    const { url, clock, sessions, events } = await run(platform, { format, index }, { maxSessions: 2 });
    const one = await loggedIn(url);
    clock.advance('1m');
    const two = await loggedIn(url);
    clock.advance('1m');
    await two.get('/me');
    const list = (await two.get('/devices')).json<{ current: boolean; lastSeenAt: string }[]>();
    expect(list.map(({ current }) => current)).toEqual([true, false]);
    expect(list[0]!.lastSeenAt).toBe(new Date(clock.now()).toISOString());
    const three = await loggedIn(url);
    expect([await status(one), await status(two), await status(three)]).toEqual([401, 200, 200]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'evicted' }));
    await two.post('/logout');
    expect(await sessions.list('alice')).toHaveLength(1);
    expect(await sessions.revokeAll('alice')).toBe(1);
    expect(await status(three)).toBe(401);
    expect(index.size).toBe(0);
  });

  it('an entry of the index opens no session', async () => {
    const index = new MemoryStore();
    const { url } = await run(platform, { format, index });
    const browser = await loggedIn(url);
    const id = (await browser.get('/look')).json()['id'] as string;
    const kept = JSON.stringify(index.load(id));
    expect(kept).not.toContain(browser.cookie.slice(20, 60));
    expect(JSON.parse(kept)).toMatchObject({ record: { data: {} } });
  });

  it('a tampered cookie is anonymous, emits an event, and gets the same response as an ended one', async () => {
    const { url, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    const real = browser.cookie;
    await browser.post('/logout');
    const forged = [
      `${real.slice(0, -2)}AA`,
      `${real.slice(0, 40)}${real[40] === 'A' ? 'B' : 'A'}${real.slice(41)}`,
    ];
    const foreign = ['__Host-session=x', `__Host-session=${'y'.repeat(6_000)}`, '__Host-session=v1.short.x'];
    const ask = (cookie: string) => browser.get('/me', { cookie });
    const ended = await ask(real);
    expect(expires(ended)).toBe(true);
    for (const cookie of [...forged, ...foreign]) {
      // The same but for the cookie, which may be another application's.
      const { status, body, setCookies } = await ask(cookie);
      expect([status, body, setCookies]).toEqual([401, ended.body, []]);
    }
    expect(events.filter(({ type }) => type === 'tampered')).toHaveLength(forged.length);
  });

  it('the cookie of another application with sealed cookies emits an event and is not expired', async () => {
    const { url, events } = await run(platform, { format });
    const other = await run(platform, { format }, { secret: 'another-application-Q7d0cS1m9xKzv3H5n8Bf' });
    const { cookie } = await loggedIn(other.url);
    const answer = await new Browser(url).get('/look', { cookie });
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(events.map(({ type }) => type)).toEqual(['tampered']);
    expect(await status(new Browser(other.url), cookie)).toBe(200);
  });

  it('an outdated cookie of our own is expired and emits no tampered event', async () => {
    const { url, clock, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    clock.advance('32d');
    expect(expires(await browser.get('/me'))).toBe(true);
    expect(events.map(({ type }) => type)).not.toContain('tampered');
  });

  it('of a foreign and a genuine cookie the genuine one opens the session, in any order', async () => {
    const { url } = await run(platform, { format });
    const { cookie } = await loggedIn(url);
    const forged = Array.from({ length: 9 }, (_, i) => `${cookie.slice(0, -4)}${i}AAA`);
    const browser = new Browser(url);
    expect(await status(browser, [...forged, cookie].join('; '))).toBe(200);
    expect(await status(browser, [cookie, ...forged].join('; '))).toBe(200);
  });

  it('regenerate keeps the id and voids the cookies before it at once', async () => {
    const { url, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    await browser.post('/data', { kept: 1, dropped: 2 });
    const before = browser.cookie;
    const id = (await browser.get('/look')).json()['id'] as string;
    expect((await browser.post('/regenerate', { keep: ['kept'] })).json()).toEqual({ id });
    expect(await status(browser, before)).toBe(401);
    expect((await browser.get('/look')).json()).toMatchObject({ id, subject: 'alice', data: { kept: 1 } });
    expect((await browser.get('/look')).body).not.toContain('dropped');
    expect(events.map(({ type }) => type)).not.toContain('ended');
    expect(events.map(({ type }) => type).slice(-2)).toEqual(['regenerated', 'rotated']);
  });

  it.each(['/relogin', '/regenerate'])(
    'a logout with the cookie before %s ends the session',
    async (path) => {
      const { url, clock, events } = await run(platform, { format });
      for (const confirmed of [false, true]) {
        const browser = await loggedIn(url);
        const before = browser.cookie;
        await browser.post(path, {});
        if (confirmed) expect(await status(browser)).toBe(200);
        clock.advance(confirmed ? '9s' : '5m');
        const logout = await browser.post('/logout', {}, { cookie: before });
        expect([logout.status, expires(logout)]).toEqual([200, true]);
        expect(await status(browser, browser.cookie)).toBe(401);
      }
      expect(events.map(({ type }) => type)).not.toContain('reused');
      expect(events.filter(({ type }) => type === 'ended')).toHaveLength(2);
    },
  );

  it('logs out everywhere with a superseded cookie within its grace', async () => {
    const { url, clock } = await run(platform, { format });
    const [one, two] = [await loggedIn(url), await loggedIn(url)];
    const before = one.cookie;
    await one.post('/relogin', {});
    expect((await one.post('/logout-everywhere', {}, { cookie: before })).status).toBe(200);
    expect([await status(one), await status(two)]).toEqual([401, 401]);
    const [three, four] = [await loggedIn(url), await loggedIn(url)];
    const late = three.cookie;
    await three.post('/relogin', {});
    const present = three.cookie;
    expect(await status(three)).toBe(200);
    clock.advance('10s');
    expect((await three.post('/logout-everywhere', {}, { cookie: late })).status).toBe(401);
    expect([await status(three, present), await status(four)]).toEqual([401, 200]);
  });

  it('rejects a change outside of a response, which cannot set a cookie', async () => {
    const { url, sessions } = await run(platform, { format });
    const browser = await loggedIn(url);
    const session = await sessions.open({ cookie: browser.cookie });
    const code = 'ERR_NO_RESPONSE';
    await expect(session.update('n' as never, () => 1 as never)).rejects.toMatchObject({ code });
    Object.assign(session.data, { n: 1 });
    await expect(session.commit()).rejects.toMatchObject({ code });
    await sessions.logout({ session });
    expect(await status(browser)).toBe(401);
  });

  it('opens the same cookie for each request with its own data: unsaved changes are not shared', async () => {
    const { url, sessions } = await run(platform, { format });
    const browser = await loggedIn(url);
    await browser.post('/data', { cart: ['a'] });
    const { cookie } = browser;
    const [left, right] = [await sessions.open({ cookie }), await sessions.open({ cookie })];
    (left.data as { cart: string[] }).cart.push('b');
    Object.assign(left.data, { coupon: 'c' });
    expect(right.data).toEqual({ cart: ['a'] });
    expect((await browser.get('/look', { cookie })).json()).toMatchObject({ data: { cart: ['a'] } });
    expect((await sessions.open({ cookie })).data).toEqual({ cart: ['a'] });
  });

  it('shows the cookie value in no inspection, JSON or event', async () => {
    const { inspect } = await import('node:util');
    const { url, sessions, events } = await run(platform, { format });
    const browser = await loggedIn(url);
    const value = browser.cookie.split('=')[1]!;
    const session = await sessions.open({ cookie: browser.cookie });
    const shown = [session, sessions, events].map(
      (one) => inspect(one, { depth: 20, showHidden: true, getters: true }) + JSON.stringify(one),
    );
    expect(shown.join()).not.toContain(value.slice(-24));
  });
});

/** An object with methods that do nothing. */
const methods = (...names: string[]) => Object.fromEntries(names.map((name) => [name, () => undefined]));

/** Counts the recorded entries, or fails to record them. */
class Counted extends MemoryRevocations {
  added = 0;
  failing = false;

  override add(revocation: Revocation): Promise<boolean> {
    if (this.failing) return Promise.reject(new Error('the list is down'));
    this.added++;
    return super.add(revocation);
  }
}

describe.each(platforms)('sealed cookies on %s', (platform) => {
  it('an enforced rotation voids the predecessor after its grace', async () => {
    const { url, clock } = await run(
      platform,
      { enforceRotation: true },
      { rotateEvery: '15m', rotateGrace: '10s' },
    );
    const browser = await loggedIn(url);
    const before = browser.cookie;
    clock.advance('15m');
    expect(await status(browser)).toBe(200);
    const late = await browser.get('/me', { cookie: before });
    expect([late.status, late.setCookies.length]).toEqual([200, 1]);
    clock.advance('9s');
    expect(await status(browser, before)).toBe(200);
    clock.advance('1s');
    // Not reuse before the successor was presented.
    expect(await status(browser, before)).toBe(401);
    expect(await status(browser)).toBe(200);
    clock.advance('9s');
    expect(await status(browser, before)).toBe(401);
    expect(await status(browser)).toBe(200);
    clock.advance('1s');
    expect(await status(browser, before)).toBe(401);
    expect(await status(browser)).toBe(401);
  });

  it('within the grace the immediate predecessor opens the session, and earlier cookies are not reuse', async () => {
    const { url, clock, events } = await run(
      platform,
      { enforceRotation: true },
      { rotateEvery: '11s', rollEvery: '1s' },
    );
    const browser = await loggedIn(url);
    const first = browser.cookie;
    clock.advance('11s');
    await browser.get('/me');
    clock.advance('10s');
    await browser.get('/me');
    clock.advance('1s');
    await browser.get('/me');
    // It was valid a moment ago.
    expect(await status(browser, first)).toBe(401);
    expect(await status(browser)).toBe(200);
    clock.advance('8s');
    const now = browser.cookie;
    expect((await browser.get('/poll', { cookie: first })).status).toBe(401);
    expect((await browser.get('/poll', { cookie: now })).status).toBe(200);
    expect(events.map(({ type }) => type)).not.toContain('reused');
    clock.advance('1s');
    expect((await browser.get('/poll', { cookie: first })).status).toBe(401);
    expect(events.map(({ type }) => type)).toContain('reused');
    expect((await browser.get('/poll', { cookie: now })).status).toBe(401);
  });

  it('confirms a rotation with one write to the list and without a cookie', async () => {
    const revocations = new Counted();
    const { url, clock } = await run(
      platform,
      { revocations, enforceRotation: true },
      { rotateEvery: '15m' },
    );
    const browser = await loggedIn(url);
    clock.advance('15m');
    await browser.get('/me');
    expect(revocations.added).toBe(1);
    for (let i = 0; i < 3; i++) expect((await browser.get('/fail?kind=x')).setCookies).toEqual([]);
    expect(revocations.added).toBe(2);
    expect(revocations.size).toBe(1);
  });

  it('a failed confirmation fails no request and is repeated by the next one', async () => {
    const revocations = new Counted();
    const { url, clock, events } = await run(platform, { revocations });
    const browser = await loggedIn(url);
    const before = browser.cookie;
    await browser.post('/relogin', {});
    revocations.failing = true;
    expect(await status(browser)).toBe(200);
    clock.advance('11s');
    expect((await browser.post('/data', { n: 1 })).status).toBe(200);
    expect(await status(browser, before)).toBe(401);
    expect(events.map(({ type }) => type)).not.toContain('reused');
    revocations.failing = false;
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 1 } });
    clock.advance('10s');
    expect(await status(browser, before)).toBe(401);
    expect(await status(browser)).toBe(401);
  });

  it('a rotation that is not enforced writes no entry', async () => {
    const revocations = new MemoryRevocations();
    const { url, clock } = await run(platform, { revocations }, { rotateEvery: '15m' });
    const browser = await loggedIn(url);
    const before = browser.cookie;
    clock.advance('15m');
    expect(await status(browser)).toBe(200);
    expect(browser.cookie).not.toBe(before);
    expect(revocations.size).toBe(0);
  });

  it('a logout at one node is known to another with the same list', async () => {
    const revocations = new MemoryRevocations();
    const one = await run(platform, { revocations });
    const two = await run(platform, { revocations }, { clock: one.clock });
    const browser = await loggedIn(one.url);
    const captured = browser.cookie;
    expect(await status(new Browser(two.url), captured)).toBe(200);
    await browser.post('/logout');
    expect(await status(new Browser(two.url), captured)).toBe(401);
  });

  it('a key is replaced in three steps without logging users out', async () => {
    const revocations = new MemoryRevocations();
    const old = 'the-old-one-Q7d0cS1m9xKzv3H5n8BfLwRt';
    const next = 'the-next-one-J2k8Zp4VyXc6Nq1WsEgTbUa';
    const with_ = (secret: string | string[], clock?: Started['clock']) =>
      run(platform, { revocations }, { secret, ...(clock && { clock }) });
    const first = await with_(old);
    const browser = await loggedIn(first.url);
    const second = await with_([next, old], first.clock);
    first.clock.advance('1m');
    const rolled = await new Browser(second.url).get('/me', { cookie: browser.cookie });
    expect(rolled.status).toBe(200);
    const third = await with_(next, first.clock);
    const fresh = rolled.setCookies[0]!.split(';')[0]!;
    expect((await new Browser(third.url).get('/me', { cookie: fresh })).status).toBe(200);
    expect((await new Browser(third.url).get('/me', { cookie: browser.cookie })).status).toBe(401);
  });

  it('scs: replaces one shared key set by another', async () => {
    const set = (tid: string) => ({
      tid,
      key: createHash('md5').update(`key ${tid}`).digest(),
      hmacKey: createHash('sha1').update(`hmac ${tid}`).digest(),
    });
    const revocations = new MemoryRevocations();
    const format = 'scs' as const;
    const before = await run(platform, { format, revocations, keySets: [set('march')] });
    const keySets = [set('april'), set('march')];
    const after = await run(platform, { format, revocations, keySets }, { clock: before.clock });
    const browser = await loggedIn(before.url);
    const tid = Buffer.from(browser.cookie.split('|')[2]!, 'base64url').toString();
    expect(tid).toBe('march');
    const { cookie } = browser;
    const again = new Browser(after.url);
    expect((await again.get('/me', { cookie })).status).toBe(200);
    before.clock.advance('1m');
    const rolled = (await again.get('/me', { cookie })).setCookies[0]!;
    expect(Buffer.from(rolled.split('|')[2]!, 'base64url').toString()).toBe('april');
  });

  it('liu: opens only with the text that bindTo returned at login', async () => {
    const { url } = await run(platform, {
      format: 'liu',
      bindTo: (request) => request?.headers['x-device'] as string | undefined,
    });
    const browser = new Browser(url);
    const mine = { headers: { 'x-device': 'mine' } };
    expect((await browser.post('/login', { user: 'alice' }, mine)).status).toBe(200);
    expect((await browser.get('/me', mine)).status).toBe(200);
    expect(
      (await browser.get('/me', { ...mine, headers: { 'x-device': 'the thief' }, cookie: browser.cookie }))
        .status,
    ).toBe(401);
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(500);
  });
});

describe('options of SealedCookie', () => {
  const set = (change: object) => [{ tid: 'a', key: Buffer.alloc(16), hmacKey: Buffer.alloc(20), ...change }];

  it.each<[RegExp, object]>([
    [/Unknown option "formats"/, { formats: 'scs' }],
    [/format: one of/, { format: 'jwe' }],
    [/compress: only the format 'scs'/, { compress: 'deflate' }],
    [/bindTo: only the format 'liu'/, { bindTo: () => 'x' }],
    [/keySets: only the format 'scs'/, { keySets: [] }],
    [/enforceRotation: it needs a list/, { revocations: false, enforceRotation: true }],
    [/revocations: a MemoryRevocations/, { revocations: {} }],
    [/revocations: a MemoryRevocations/, { revocations: { ...methods('bind', 'check', 'add') } }],
    [/index: a store/, { index: {} }],
    [/index: a store/, { index: { ...methods('create') } }],
    [/keySets: a list of key sets/, { format: 'scs', keySets: {} }],
    [/keySets: give at least one/, { format: 'scs', keySets: [] }],
    [/keySets: a tid has/, { format: 'scs', keySets: [null] }],
    [/keySets: a tid has/, { format: 'scs', keySets: set({ tid: 'ü' }) }],
    [/the key of "a" must be/, { format: 'scs', keySets: set({ key: Buffer.alloc(15) }) }],
    [/the key of "a" must be/, { format: 'scs', keySets: set({ key: 'x'.repeat(16) }) }],
    [/the hmacKey of "a" must be/, { format: 'scs', keySets: set({ hmacKey: Buffer.alloc(15) }) }],
    [/compress is false/, { format: 'scs', keySets: set({ compress: 'gzip' }) }],
    [/two key sets have the tid "a"/, { format: 'scs', keySets: [...set({}), ...set({})] }],
  ])('the constructor rejects options: %s', (message, options) => {
    expect(() => new SealedCookie(options as SealedCookieOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringMatching(message) as string }),
    );
  });

  it('maxSessions without an index fails at boot', async () => {
    const options = { store: new SealedCookie(), maxSessions: 3 };
    await expect(start('express', { options })).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it.each(['', 'x'.repeat(31), 'changeme-changeme-changeme-changeme'])(
    'the secret %j fails at boot',
    async (secret) => {
      await expect(
        start('express', { options: { store: new SealedCookie(), secret } }),
      ).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
      });
    },
  );
});
