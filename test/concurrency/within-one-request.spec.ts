import { Body, Controller, HttpCode, Post, Sse, UseInterceptors } from '@nestjs/common';
import { Subject } from 'rxjs';
import {
  Logout,
  Session,
  SessionInterceptor,
  SessionService,
  type SessionEvent,
  type SessionStore,
} from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { gate as makeGate } from '../support/gate.js';
import { closeAll, start, type PlatformName, type Setup } from '../support/platforms.js';
import { until } from '../support/until.js';

afterEach(closeAll);

let gate = makeGate();
let messages = new Subject<string>();
let failing: string | undefined;
beforeEach(() => {
  gate = makeGate();
  messages = new Subject();
  failing = undefined;
});

@Controller('within')
class WithinController {
  constructor(private readonly sessions: SessionService<Data>) {}

  /** What is assigned while a commit of the same request is at work. */
  @Post('assign')
  @HttpCode(200)
  async assign(@Session() session: Session<Data>) {
    session.data['seen'] = 1;
    const commit = session.commit();
    await gate.reached;
    session.data['cart'] = 'c';
    delete session.data['otp'];
    gate.open();
    await commit;
    return { ok: true };
  }

  @Post('two-updates')
  @HttpCode(200)
  async twoUpdates(@Session() session: Session<Data>) {
    const count = (value: unknown) => Number(value ?? 0) + 1;
    await Promise.all([session.update('p', count), session.update('q', count)]);
    return { ok: true };
  }

  @Post('unawaited/login')
  @HttpCode(200)
  login() {
    void this.sessions.login('alice');
    return { ok: true };
  }

  @Post('unawaited/regenerate')
  @HttpCode(200)
  regenerate() {
    void this.sessions.regenerate();
    return { ok: true };
  }

  @Post('commit-then-login')
  @HttpCode(200)
  async commitThenLogin(@Session() session: Session<Data>, @Body() { user }: { user: string }) {
    session.data['csrf'] = 'x';
    await session.commit();
    await this.sessions.login(user);
    return { ok: true };
  }

  @Post('login-beside-update')
  @HttpCode(200)
  async loginBesideUpdate(@Session() session: Session<Data>) {
    await Promise.allSettled([this.sessions.login('alice'), session.update('n', () => 1)]);
    return { ok: true };
  }

  @Post('logout-after/:kind')
  @HttpCode(200)
  @Logout()
  async logoutAfter(@Session() session: Session<Data>, @Body() { fail }: { fail?: boolean }) {
    session.data['bye'] = true;
    await session.commit();
    await session.update('n', () => 1);
    if (fail) throw new Error('This handler fails.');
    return { subject: session.subject };
  }

  /** Ends everything by itself, which `@Logout()` then finds done. */
  @Post('revoke-then-everywhere')
  @HttpCode(200)
  @Logout({ everywhere: true })
  async revokeThenEverywhere(@Session() session: Session<Data>) {
    return { ended: await this.sessions.revokeAll(session.subject!) };
  }

  /** With the interceptor each message is activity, so that the session is rolled while the stream runs. */
  @Sse('messages')
  @UseInterceptors(SessionInterceptor)
  stream() {
    return messages;
  }
}

/** The store, whose first commit waits for the gate, and of which one method can fail. */
function obstructed(store: SessionStore, held: { commit: boolean }): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      return (...args: unknown[]) => {
        if (name === failing) return Promise.reject(new Error(`${name} fails`));
        if (name !== 'commit' || !held.commit) return method(...args);
        held.commit = false;
        return gate.pass().then(() => method(...args));
      };
    },
  });
}

async function run(platform: PlatformName, make: MakeStore, options: Setup['options'] = {}) {
  const held = { commit: false };
  const running = await start(platform, {
    controllers: [AppController, WithinController],
    options: { store: obstructed(await make(), held), storeTimeout: '10s', ...options },
  });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  const events: SessionEvent[] = [];
  sessions.events.subscribe((event) => events.push(event));
  const browser = new Browser(running.url);
  return { ...running, sessions, events, browser, held };
}

describeEveryStore('within one request', (platform, make) => {
  it('what is assigned or deleted while a commit is at work is stored by the next', async () => {
    const { browser, held } = await run(platform, make);
    await browser.post('/data', { otp: '123456' });
    held.commit = true;
    expect((await browser.post('/within/assign')).status).toBe(200);
    expect((await browser.get('/look')).json().data).toEqual({ seen: 1, cart: 'c' });
  });

  it('two updates at once both count', async () => {
    const { browser } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/within/two-updates');
    expect((await browser.get('/look')).json().data).toEqual({ p: 1, q: 1 });
  });

  it.each(['login', 'regenerate'])(
    'the response waits for a %s that the handler does not wait for',
    async (what) => {
      const { browser, sessions } = await run(platform, make);
      if (what === 'regenerate') await browser.post('/login', { user: 'alice' });
      const answer = await browser.post(`/within/unawaited/${what}`);
      expect([answer.status, answer.setCookies.length]).toEqual([200, 1]);
      expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
      expect(await sessions.list('alice')).toHaveLength(1);
    },
  );

  it('a login after a commit ends the session of a genuine predecessor', async () => {
    const { browser, clock, sessions } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    const old = browser.cookie;
    await browser.post('/relogin', {});
    clock.advance('11s');
    expect((await browser.post('/within/commit-then-login', { user: 'alice' }, { cookie: old })).status).toBe(
      200,
    );
    expect((await browser.get('/me')).status).toBe(401);
    expect(await sessions.list('alice')).toHaveLength(1);
  });

  it('a login beside an update stands', async () => {
    const { browser } = await run(platform, make);
    await browser.post('/login', { user: 'bob' });
    expect((await browser.post('/within/login-beside-update')).status).toBe(200);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it('a logout takes place when the handler has succeeded, and not at a commit before', async () => {
    const { browser, events } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.post('/within/logout-after/x', { fail: true })).status).toBe(500);
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.post('/within/logout-after/x', {})).json()).toEqual({ subject: 'alice' });
    expect(events.filter(({ type }) => type === 'ended')).toMatchObject([{ reason: 'logout' }]);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('a logout everywhere of what the handler has ended already is a success', async () => {
    const { browser } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    const answer = await browser.post('/within/revoke-then-everywhere');
    expect([answer.status, answer.json()]).toEqual([200, { ended: 1 }]);
    expect(answer.setCookies.join()).toContain('Max-Age=0');
  });

  it('no rotation begins after the head was sent: a stream logs no user out', async () => {
    const { browser, clock, events, url } = await run(platform, make);
    await browser.post('/login', { user: 'alice' });
    const streaming = await fetch(`${url}/within/messages`, { headers: { cookie: browser.cookie } });
    const reader = streaming.body!.getReader();
    for (let minute = 0; minute < 50; minute++) {
      clock.advance('1m');
      messages.next('tick');
      await reader.read();
    }
    await until(() => events.filter(({ type }) => type === 'rolled').length > 0, 'a roll');
    expect(events.filter(({ type }) => type === 'rotated')).toEqual([]);
    await reader.cancel();
    expect((await browser.get('/me')).status).toBe(200);
  });

  it.each(['markRevoked', 'list', 'destroy'])(
    'a logout everywhere that fails at %s can be repeated',
    async (method) => {
      const { browser, url, sessions } = await run(platform, make);
      const thief = new Browser(url);
      for (const one of [browser, thief]) await one.post('/login', { user: 'alice' });
      failing = method;
      const failed = await browser.post('/logout-everywhere');
      expect([failed.status, failed.setCookies]).toEqual([503, []]);
      failing = undefined;
      const again = await browser.post('/logout-everywhere');
      expect(again.status).toBe(200);
      expect(again.setCookies.join()).toContain('Max-Age=0');
      expect((await thief.get('/me')).status).toBe(401);
      expect(await sessions.list('alice')).toEqual([]);
    },
  );
});
