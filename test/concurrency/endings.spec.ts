import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { Session, SessionService, type SessionEvent, type SessionStore } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, start, type PlatformName, type Setup } from '../support/platforms.js';

afterEach(closeAll);

let gate = makeGate();
beforeEach(() => (gate = makeGate()));

@Controller('endings')
class EndingsController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('revoke-then-login')
  @HttpCode(200)
  async revokeThenLogin(@Body() { user }: { user: string }) {
    await this.sessions.revokeAll(user);
    await this.sessions.login(user);
    return { ok: true };
  }

  /** A login of elsewhere. */
  @Post('adopt')
  @HttpCode(200)
  async adopt(@Body() { user, at }: { user: string; at: number }) {
    await this.sessions.login(user, { authenticatedAt: at });
    return { ok: true };
  }

  @Post('visit')
  @HttpCode(200)
  visit(@Session() session: Session<Data>) {
    session.data['visited'] = true;
    return { ok: true };
  }
}

/** The store, with its creates stopped before their effect, or failing after it. */
function obstructed(
  store: SessionStore,
  mode: { create?: 'held' | 'answered with an error' | undefined },
): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      if (name !== 'create') return method;
      return async (...args: unknown[]) => {
        if (mode.create === 'held') await gate.pass();
        const created = await method(...args);
        if (mode.create === 'answered with an error') throw new Error('The answer is lost.');
        return created;
      };
    },
  });
}

let shared = 0;

async function run(platform: PlatformName, make: MakeStore, options: Setup['options'] = {}) {
  const name = `endings${++shared}`;
  const mode: Parameters<typeof obstructed>[1] = {};
  const store = obstructed(await make(name), mode);
  const running = await start(platform, {
    controllers: [AppController, EndingsController],
    options: { store, storeTimeout: '10s', ...options },
  });
  const other = await start(platform, {
    controllers: [AppController, EndingsController],
    options: { store: await make(name), storeTimeout: '10s', clock: running.clock, ...options },
  });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  const events: SessionEvent[] = [];
  sessions.events.subscribe((event) => events.push(event));
  const login = async (user = 'alice', url = running.url) => {
    const browser = new Browser(url);
    await browser.post('/login', { user });
    return browser;
  };
  const status = async (cookie: string) => (await new Browser(running.url).get('/me', { cookie })).status;
  return { ...running, other, sessions, events, login, status, mode };
}

const given = ({ setCookies }: { setCookies: string[] }) => setCookies.at(-1)?.split(';')[0];

describeEveryStore('an ending', (platform, make) => {
  it('keeps the id through a regenerate, which makes no other session', async () => {
    const { login, sessions, events } = await run(platform, make);
    const browser = await login();
    const { id } = (await browser.get('/look')).json();
    await browser.post('/data', { cart: 1, other: 2 });
    events.length = 0;
    expect((await browser.post('/regenerate', { keep: ['cart'] })).json()).toEqual({ id });
    expect(events.map(({ type }) => type)).toEqual(['regenerated', 'rotated']);
    expect((await browser.get('/look')).json()).toMatchObject({ id, subject: 'alice', data: { cart: 1 } });
    expect((await browser.get('/look')).json().data).not.toHaveProperty('other');
    expect(await sessions.list('alice')).toHaveLength(1);
  });

  it.each([
    ['revokeAll()', (sessions: SessionService<Data>) => sessions.revokeAll('alice')],
    [
      'revoke(id)',
      async (sessions: SessionService<Data>) => {
        const [one] = await sessions.list('alice');
        return sessions.revoke(one!.id, { subject: 'alice' });
      },
    ],
  ])('by %s is not escaped by regenerating all the while', async (_, end) => {
    const { login, other, sessions, status } = await run(platform, make);
    for (let round = 0; round < 10; round++) {
      const thief = await login();
      const cookies = [thief.cookie];
      let stopped = false;
      const escaping = (async () => {
        while (!stopped) {
          const answer = await new Browser(other.url).post('/regenerate', {}, { cookie: cookies.at(-1)! });
          const cookie = given(answer);
          if (answer.status !== 200 || !cookie) return;
          cookies.push(cookie);
        }
      })();
      await thief.get('/untouched');
      const ended = await end(sessions);
      stopped = true;
      await escaping;
      expect(ended).toBe(1);
      expect(await status(cookies.at(-1)!)).toBe(401);
      expect(await sessions.list('alice')).toEqual([]);
    }
  });

  it.each([
    ['/regenerate', '/logout'],
    ['/regenerate', '/clear'],
    ['/regenerate', '/logout-everywhere'],
    ['/relogin', '/logout'],
    ['/relogin', '/logout-everywhere'],
  ])('with the cookie of before %s holds: %s', async (path, ending) => {
    const { login, status, sessions, url } = await run(platform, make);
    const browser = await login();
    const second = await login();
    const old = browser.cookie;
    await browser.post(path, {});
    expect(await status(browser.cookie)).toBe(200);
    const ended = await new Browser(url).post(ending, undefined, { cookie: old });
    expect(ended.status).toBe(200);
    expect(ended.setCookies.join()).toContain('Max-Age=0');
    expect(await status(browser.cookie)).toBe(401);
    const everywhere = ending === '/logout-everywhere';
    expect(await status(second.cookie)).toBe(everywhere ? 401 : 200);
    expect(await sessions.list('alice')).toHaveLength(everywhere ? 0 : 1);
  });

  it.each(['/logout', '/logout-everywhere'])('with a pending predecessor holds: %s', async (ending) => {
    const { login, clock, status } = await run(platform, make);
    const browser = await login();
    const old = browser.cookie;
    clock.advance('16m');
    const lost = await browser.get('/me', { cookie: old });
    expect((await browser.post(ending, undefined, { cookie: old })).status).toBe(200);
    expect(await status(given(lost)!)).toBe(401);
    expect(await status(old)).toBe(401);
  });

  it('with a predecessor after its grace ends that session alone, and is no success everywhere', async () => {
    const { login, clock, status, events } = await run(platform, make);
    const second = await login();
    for (const [ending, expected] of [
      ['/logout', 200],
      ['/logout-everywhere', 401],
    ] as const) {
      const browser = await login();
      const old = browser.cookie;
      await browser.post('/relogin', {});
      await browser.get('/me');
      clock.advance('11s');
      const answer = await browser.post(ending, undefined, { cookie: old });
      expect([ending, answer.status]).toEqual([ending, expected]);
      expect(await status(browser.cookie)).toBe(401);
      expect(await status(second.cookie)).toBe(200);
    }
    expect(events.filter(({ type }) => type === 'reused')).toHaveLength(2);
  });

  it('without a session, or with an unknown token, is a success', async () => {
    const { login } = await run(platform, make);
    const browser = await login();
    const dead = browser.cookie;
    await browser.post('/logout');
    for (const cookie of ['', dead])
      for (const path of ['/logout', '/clear', '/logout-everywhere'])
        expect((await browser.post(path, undefined, { cookie })).status).toBe(200);
  });

  it('gives a thief away who regenerates, as soon as the owner comes after the grace', async () => {
    const { login, clock, status, events } = await run(platform, make);
    const owner = await login();
    const thief = given(await owner.post('/regenerate', {}, { cookie: owner.cookie }))!;
    expect(await status(thief)).toBe(200);
    clock.advance('10s');
    expect((await owner.get('/me')).status).toBe(401);
    expect(events.filter(({ type }) => type === 'reused')).toHaveLength(1);
    expect(await status(thief)).toBe(401);
  });

  it('of all a subject’s sessions is no obstacle to a later login', async () => {
    const { login, other, sessions, status, url } = await run(platform, make);
    const before = await login();
    const again = new Browser(url);
    expect((await again.post('/endings/revoke-then-login', { user: 'alice' })).status).toBe(200);
    expect(await status(before.cookie)).toBe(401);
    expect(await status(again.cookie)).toBe(200);
    expect(await sessions.revokeAll('alice')).toBe(1);
    const later = await login('alice', other.url);
    expect(await status(later.cookie)).toBe(200);
    expect(await status((await login('bob')).cookie)).toBe(200);
  });

  it.each(['here', 'on another node'])(
    'of all a subject’s sessions %s refuses a login under way',
    async (where) => {
      const { url, other, sessions, mode } = await run(platform, make);
      mode.create = 'held';
      const browser = new Browser(url);
      const login = browser.post('/login', { user: 'alice' });
      await gate.reached;
      const revoking = where === 'here' ? sessions : other.app.get<SessionService<Data>>(SessionService);
      expect(await revoking.revokeAll('alice')).toBe(0);
      gate.open();
      const refused = await login;
      expect([refused.status, refused.json().code, refused.setCookies]).toEqual([
        401,
        'ERR_LOGIN_REQUIRED',
        [],
      ]);
      expect(await sessions.list('alice')).toEqual([]);
      mode.create = undefined;
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
      expect(await sessions.list('alice')).toHaveLength(1);
    },
  );

  it('refuses a login whose proof is older, and goes by that proof', async () => {
    const { sessions, url, clock } = await run(platform, make);
    const proved = clock.now();
    clock.advance('1m');
    const adopt = (path: string) => new Browser(url).post(path, { user: 'alice', at: proved });
    expect((await adopt('/endings/adopt')).status).toBe(200);
    const [one] = await sessions.list('alice');
    expect(+one!.authenticatedAt!).toBe(proved);
    await sessions.revokeAll('alice');
    expect((await adopt('/endings/adopt')).status).toBe(401);
    expect(await sessions.list('alice')).toEqual([]);
    const wrong = await new Browser(url).post('/endings/adopt', { user: 'alice', at: 'yesterday' });
    expect(wrong.status).toBe(500);
  });

  it('creates no session for a login that failed', async () => {
    const { url, sessions, mode } = await run(platform, make);
    mode.create = 'answered with an error';
    expect((await new Browser(url).post('/login', { user: 'alice' })).status).toBe(503);
    expect(await sessions.list('alice')).toEqual([]);
  });

  it('by a login with a genuine predecessor takes place as well', async () => {
    const { login, status } = await run(platform, make);
    const browser = await login();
    const old = browser.cookie;
    await browser.post('/relogin', {});
    const answer = await browser.post('/login', { user: 'alice' }, { cookie: old });
    expect(answer.status).toBe(200);
    expect(await status(browser.cookie)).toBe(401);
    expect(await status(given(answer)!)).toBe(200);
  });

  it('of a handle that was opened by a handshake does not come by periodic rotations', async () => {
    const { login, clock, sessions } = await run(platform, make, { idle: '10h' });
    const browser = await login();
    const handle = await sessions.open({ cookie: browser.cookie });
    for (let i = 0; i < 3; i++) {
      clock.advance('16m');
      await browser.get('/me');
      await browser.get('/me');
      clock.advance('1m');
      expect(await handle.update('n', (n) => Number(n ?? 0) + 1)).toBe(i + 1);
    }
    handle.data['more'] = true;
    await handle.commit();
    expect((await browser.get('/look')).json()).toMatchObject({
      subject: 'alice',
      data: { n: 3, more: true },
    });
  });

  it.each(['/relogin', '/regenerate'])('of such a handle comes by %s', async (path) => {
    const { login, sessions } = await run(platform, make);
    const browser = await login();
    const handle = await sessions.open({ cookie: browser.cookie });
    await browser.post(path, {});
    await expect(handle.update('n', () => 1)).rejects.toMatchObject({ code: 'ERR_SESSION_ENDED' });
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: {} });
  });
});
