import { Body, Controller, Get, HttpCode, Post, Redirect } from '@nestjs/common';
import { Session, type SessionEvent, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName, type Setup } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';

afterEach(closeAll);

/** Handlers that stop in the middle until the spec lets them go on. */
let arrived: () => void;
let goOn: Promise<void>;
let release: () => void;
let reached: Promise<void>;

function rendezvous(): void {
  reached = new Promise((resolve) => (arrived = resolve));
  goOn = new Promise((resolve) => (release = resolve));
}

@Controller('slow')
class SlowController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('write') @HttpCode(200) async write(@Session() session: Session<Data>, @Body() body: Data) {
    arrived();
    await goOn;
    Object.assign(session.data, body);
    return { ok: true };
  }

  @Get('read') async read(@Session() session: Session<Data>) {
    const seen = { ...session.data };
    arrived();
    await goOn;
    return seen;
  }

  @Post('regenerate') @HttpCode(200) async regenerate(@Body() body: { keep?: string[] }) {
    arrived();
    await goOn;
    await this.sessions.regenerate(body);
    return { ok: true };
  }

  @Post('login-redirect') @Redirect('/me', 303) async login() {
    await this.sessions.login('alice');
  }
}

async function run(platform: PlatformName, options: Setup['options'] = {}) {
  const store = new SpyStore();
  store.delay = 0;
  const running = await start(platform, {
    controllers: [AppController, SlowController],
    options: { store, ...options },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, store, events, browser: new Browser(running.url) };
}

/** Holds whoever comes until `count` have come; who comes later passes. */
function barrier(count: number): () => Promise<void> {
  let come = 0;
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return () => {
    if (++come === count) open();
    return opened;
  };
}

describe.each(platforms)('requests at the same time on %s', (platform) => {
  beforeEach(rendezvous);

  it('keep each other’s keys: a slow writer does not undo a fast one', async () => {
    const { browser } = await run(platform);
    await browser.post('/data', { a: 1 });
    const slow = browser.post('/slow/write', { b: 2 });
    await reached;
    await browser.post('/data', { a: 10, c: 3 });
    release();
    await slow;
    expect((await browser.get('/look')).json()).toMatchObject({ data: { a: 10, b: 2, c: 3 } });
  });

  it('lose no increment of one key', async () => {
    const { browser, store } = await run(platform);
    await browser.post('/data', { n: 0 });
    store.delay = 1;
    const answers = await Promise.all(Array.from({ length: 40 }, () => browser.post('/increment/n')));
    expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(200));
    expect(new Set(answers.map((answer) => answer.json().value)).size).toBe(40);
    expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 40 } });
  });

  it.each(['write', 'read'] as const)('cannot undo a logout: a %s in flight', async (kind) => {
    const { browser, store, clock, url } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const captured = browser.cookie;
    clock.advance('2m'); // the roll is due as well
    const slow = kind === 'write' ? browser.post('/slow/write', { b: 2 }) : browser.get('/slow/read');
    await reached;
    await new Browser(url).post('/logout', undefined, { cookie: captured });
    release();
    const answer = await slow;
    expect(answer.status).toBe(kind === 'write' ? 401 : 200);
    expect(answer.setCookies).toEqual([]);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    expect(await store.list('alice')).toEqual([]);
  });

  it('cannot regenerate what was logged out meanwhile', async () => {
    const { browser, store, url } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const captured = browser.cookie;
    const slow = browser.post('/slow/regenerate', {});
    await reached;
    await new Browser(url).post('/logout', undefined, { cookie: captured });
    release();
    const answer = await slow;
    expect(answer.status).toBe(401);
    expect(answer.setCookies).toEqual([]);
    expect(store.list('alice')).toEqual([]);
  });

  it('bring over what another wrote into a kept key while the session was regenerated', async () => {
    const { browser, store } = await run(platform);
    await browser.post('/data', { cart: ['a'], other: 1 });
    const slow = browser.post('/slow/regenerate', { keep: ['cart'] });
    await reached;
    await browser.post('/data', { cart: ['a', 'b'] });
    release();
    await slow;
    expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: ['a', 'b'] } });
    expect(store.size).toBe(1); // the same session
  });

  it('read after a redirect what was written before it, however slow the store', async () => {
    const { browser, store } = await run(platform);
    store.delay = 25;
    const answer = await browser.post('/slow/login-redirect');
    expect(answer.status).toBe(303);
    expect((await browser.get(answer.headers.location!)).json()).toEqual({ subject: 'alice' });
  });

  it('leave the client with a valid cookie after parallel regenerates, in whatever order the responses arrive', async () => {
    const { browser, url } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const old = browser.cookie;
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => browser.post('/regenerate', {}, { cookie: old })),
    );
    const late = await browser.get('/look', { cookie: old });
    const cookies = [...answers, late].flatMap(({ setCookies }) => setCookies);
    expect(cookies.filter((cookie) => cookie.includes('Max-Age=0'))).toEqual([]);
    const given = cookies.map((cookie) => cookie.split(';')[0]!);
    expect(given.length).toBeGreaterThan(0);
    const last = given.at(-1)!;
    expect((await new Browser(url).get('/me', { cookie: last })).status).toBe(200);
    expect((await browser.get('/me', { cookie: old })).status).toBe(401);
  });

  it('do not lose a session to two logins at once', async () => {
    const { browser, url, store } = await run(platform);
    await browser.post('/data', { cart: ['a'] });
    const old = browser.cookie;
    const answers = await Promise.all(
      [1, 2].map(() => browser.post('/login', { user: 'alice', keep: ['cart'] }, { cookie: old })),
    );
    for (const answer of answers) {
      const cookie = answer.setCookies[0]!.split(';')[0]!;
      expect((await new Browser(url).get('/me', { cookie })).json()).toEqual({ subject: 'alice' });
    }
    expect(store.list('alice')).toHaveLength(2);
  });

  it('pass in their dozens across a rotation: one successor, no lost update, no false alarm', async () => {
    const { browser, clock, events, store } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const old = browser.cookie;
    clock.advance('16m');
    store.gate = barrier(50); // every one of them has read the old secret before the first rotates
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => browser.post('/data', { [`k${i}`]: i }, { cookie: old })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const successors = new Set(
      answers.flatMap(({ setCookies }) => setCookies.map((cookie) => cookie.split(';')[0])),
    );
    expect(successors.size).toBe(1);
    const [successor] = successors;
    expect(successor).not.toBe(old);
    const { data } = (await browser.get('/look', { cookie: successor! })).json<{ data: Data }>();
    expect(Object.keys(data)).toHaveLength(50);
    expect(events.filter(({ type }) => type === 'rotated')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'reused' || type === 'ended')).toEqual([]);

    // A request that comes late with the old cookie is given the same successor.
    clock.advance('9s');
    const late = await browser.get('/me', { cookie: old });
    expect(late.status).toBe(200);
    expect(late.setCookies.map((cookie) => cookie.split(';')[0])).toEqual([successor]);
  });

  it('give a thief away: the superseded cookie after its grace ends the session for both', async () => {
    const { browser, clock, events } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const stolen = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    expect(browser.cookie).not.toBe(stolen);
    // The successor is presented: from now on the predecessor has its grace.
    await browser.get('/me');
    clock.advance('10s');
    const thief = await browser.get('/me', { cookie: stolen });
    expect(thief.status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['reused', 'ended']));
    expect(events.find(({ type }) => type === 'ended')).toMatchObject({ reason: 'reused', subject: 'alice' });
  });

  it('honour only the immediate predecessor', async () => {
    const { browser, clock } = await run(platform, { rotateGrace: '14m' });
    await browser.post('/login', { user: 'alice' });
    const first = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    const second = browser.cookie;
    clock.advance('14m');
    await browser.get('/me'); // presents it, a moment before it is rotated itself
    clock.advance('2m');
    await browser.get('/me');
    expect(new Set([first, second, browser.cookie]).size).toBe(3);
    expect((await browser.get('/me', { cookie: second })).status).toBe(200);
    // What was valid within the grace is refused without an alarm, however many rotations came in between.
    expect((await browser.get('/me', { cookie: first })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
    clock.advance('15m');
    expect((await browser.get('/me', { cookie: first })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('keep a request in flight across a re-login from writing with the old secret', async () => {
    const { browser, events } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const old = browser.cookie;
    const slow = browser.post('/slow/write', { stale: true }, { cookie: old });
    await reached;
    await browser.post('/relogin', {});
    release();
    expect((await slow).status).toBe(401);
    expect((await slow).setCookies).toEqual([]);
    // Within the grace an old cookie is refused without an alarm: it may have been on its way.
    const late = await browser.get('/me', { cookie: old });
    expect([late.status, late.setCookies]).toEqual([401, []]);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: {} });
    expect(events.filter(({ type }) => type === 'reused')).toEqual([]);
  });

  it('let in at most as many sessions as allowed, of twenty logins at once', async () => {
    const { url, store, events } = await run(platform, { maxSessions: 3 });
    store.delay = 1;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => new Browser(url).post('/login', { user: 'alice' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(store.list('alice')).toHaveLength(3);
    expect(events.filter((event) => event.type === 'ended' && event.reason === 'evicted')).toHaveLength(17);
  });

  it('give an evicted client the reason, and reject one login more than allowed', async () => {
    const evicting = await run(platform, { maxSessions: 1 });
    await evicting.browser.post('/login', { user: 'alice' });
    await new Browser(evicting.url).post('/login', { user: 'alice' });
    const told = await evicting.browser.get('/me');
    expect([told.status, told.json().code]).toEqual([401, 'ERR_SESSION_EVICTED']);

    const silent = await run(platform, { maxSessions: 1, discloseEviction: false });
    await silent.browser.post('/login', { user: 'alice' });
    await new Browser(silent.url).post('/login', { user: 'alice' });
    expect((await silent.browser.get('/me')).json().code).toBe('ERR_LOGIN_REQUIRED');

    const rejecting = await run(platform, { maxSessions: 1, onExceeded: 'reject' });
    await rejecting.browser.post('/login', { user: 'alice' });
    const refused = await new Browser(rejecting.url).post('/login', { user: 'alice' });
    expect([refused.status, refused.json().code, refused.setCookies]).toEqual([409, 'ERR_SESSION_LIMIT', []]);
    expect((await rejecting.browser.get('/me')).status).toBe(200);
    // The session that logs in again makes room for itself.
    expect((await rejecting.browser.post('/login', { user: 'alice' })).status).toBe(200);
  });
});
