import { request } from 'node:http';
import { Controller, HttpCode, Param, Post, UseInterceptors } from '@nestjs/common';
import { Logout, SessionInterceptor, SessionService, type SessionStore } from 'nest-sessions';
import { AppController, type Data } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { describeEveryStore, type MakeStore } from '../support/every-store.js';
import { gate, type Gate } from '../support/gate.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, start, type PlatformName } from '../support/platforms.js';
import { until } from '../support/until.js';

/** The method of the store that fails. */
let failing: { method: string; at?: Gate } | undefined;
let finish = (): void => undefined;
let escaped: unknown[] = [];
const note = (error: unknown): void => void escaped.push(error);
beforeEach(() => {
  failing = undefined;
  escaped = [];
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  await closeAll();
  process.off('unhandledRejection', note);
});

type Call = (sessions: SessionService<Data>) => Promise<unknown>;

const CALLS: Record<string, Call> = {
  login: (sessions) => sessions.login('bob'),
  relogin: (sessions) => sessions.relogin(),
  regenerate: (sessions) => sessions.regenerate(),
  logout: (sessions) => sessions.logout(),
  clear: (sessions) => sessions.clear(),
  commit: (sessions) => {
    sessions.current.data['cart'] = 'c';
    return sessions.current.commit();
  },
};

/** Sends a request to a handler that does not respond, and returns how the client goes away. */
function hang({ url, browser: { cookie } }: { url: string; browser: Browser }, call: string) {
  const outgoing = request(`${url}/unawaited/hang/${call}`, {
    method: 'POST',
    headers: { cookie },
    agent: false,
  });
  outgoing.on('error', () => undefined).end();
  return async (): Promise<void> => {
    const closed = new Promise((resolve) => outgoing.once('close', resolve));
    outgoing.destroy();
    await closed;
  };
}

/** Which method of the store a call needs. */
const NEEDS: [string, string][] = [
  ['login', 'create'],
  ['relogin', 'commit'],
  ['regenerate', 'commit'],
  ['logout', 'destroy'],
  ['clear', 'destroy'],
  ['commit', 'commit'],
];

/** Calls for other sessions than that of the request. */
const OTHERS: Record<string, Call> = {
  revoke: (sessions) => sessions.revoke(sessions.current.id),
  revokeAll: (sessions) => sessions.revokeAll('alice'),
  list: (sessions) => sessions.list('alice'),
};

const OTHERS_NEED: [string, string][] = [
  ['revoke', 'destroy'],
  ['revokeAll', 'markRevoked'],
  ['list', 'list'],
];

@Controller('unawaited')
class UnawaitedController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('update')
  @HttpCode(200)
  update() {
    void this.sessions.current.update('n', (n) => Number(n ?? 0) + 1);
    return { ok: true };
  }

  @Post('slow-update')
  @HttpCode(200)
  slowUpdate() {
    void this.sessions.current.update('n', () => new Promise((resolve) => (finish = () => resolve(1))));
    return { ok: true };
  }

  @Post('wrong')
  @HttpCode(200)
  wrong() {
    void this.sessions.login('bob', { remembered: true } as object);
    return { ok: true };
  }

  @Post('leave/:call')
  @HttpCode(200)
  @Logout()
  leave(@Param('call') call: string) {
    void CALLS[call]!(this.sessions);
    return { ok: true };
  }

  @Post('handled/:call')
  @HttpCode(200)
  handled(@Param('call') call: string) {
    void CALLS[call]!(this.sessions).catch(() => undefined);
    return { ok: true };
  }

  @Post('intercepted/:call')
  @HttpCode(200)
  @UseInterceptors(SessionInterceptor)
  intercepted(@Param('call') call: string) {
    void CALLS[call]!(this.sessions);
    return { ok: true };
  }

  /** Sends no response. */
  @Post('hang/:call')
  async hang(@Param('call') call: string) {
    void CALLS[call]!(this.sessions);
    await new Promise(() => undefined);
  }

  @Post('others/:call')
  @HttpCode(200)
  others(@Param('call') call: string) {
    void OTHERS[call]!(this.sessions);
    return { ok: true };
  }

  @Post(':call')
  @HttpCode(200)
  call(@Param('call') call: string) {
    void CALLS[call]!(this.sessions);
    return { ok: true };
  }
}

function failingStore(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      return async (...args: unknown[]) => {
        if (name !== failing?.method) return method(...args);
        await failing.at?.pass();
        throw new Error(`${name} fails`);
      };
    },
  });
}

async function run(platform: PlatformName, make: MakeStore) {
  const log = new LogSink();
  const running = await start(platform, {
    controllers: [AppController, UnawaitedController],
    options: { store: failingStore(await make()), storeTimeout: '10s' },
    prepare: log.attach,
  });
  const browser = new Browser(running.url);
  expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
  return { ...running, browser, log };
}

describeEveryStore('a call that the handler does not await', (platform, make) => {
  it.each(NEEDS)('%s() fails the response where the store fails', async (call, method) => {
    const { browser, log } = await run(platform, make);
    failing = { method };
    const { status, body, setCookies } = await browser.post(`/unawaited/${call}`);
    expect([status, JSON.parse(body)]).toEqual([
      503,
      expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' }),
    ]);
    // A logout takes the cookie away even so; nothing else sets one.
    for (const cookie of setCookies) expect(cookie).toMatch(/Max-Age=0/i);
    expect(log.text.match(/\w+\(\) failed, and its promise was not awaited/g)).toEqual([
      `${call}() failed, and its promise was not awaited`,
    ]);
    await browser.get('/me');
    expect(escaped).toEqual([]);
  });

  it.each(NEEDS)('%s() fails it before SessionInterceptor lets the value go on', async (call, method) => {
    const { browser } = await run(platform, make);
    failing = { method };
    expect((await browser.post(`/unawaited/intercepted/${call}`)).status).toBe(503);
    expect(escaped).toEqual([]);
  });

  it.each(NEEDS)('%s() succeeds as if it were awaited where the store works', async (call) => {
    const { browser } = await run(platform, make);
    expect((await browser.post(`/unawaited/${call}`)).status).toBe(200);
    const { status, body } = await browser.get('/me');
    const ends = call === 'logout' || call === 'clear';
    expect([status, ends ? undefined : JSON.parse(body)]).toEqual(
      ends ? [401, undefined] : [200, { subject: call === 'login' ? 'bob' : 'alice' }],
    );
  });

  it.each(NEEDS)('%s() is the business of a handler that handles its error', async (call, method) => {
    const { browser, log } = await run(platform, make);
    failing = { method };
    const { status } = await browser.post(`/unawaited/handled/${call}`);
    // What is left to the commit at the end fails there.
    expect([status, call]).toEqual([
      call === 'commit' || call === 'logout' || call === 'clear' ? 503 : 200,
      call,
    ]);
    expect(log.text).not.toContain('was not awaited');
    expect(escaped).toEqual([]);
  });

  it('does not log out with @Logout() where another call failed', async () => {
    const { browser } = await run(platform, make);
    failing = { method: 'commit' };
    expect((await browser.post('/unawaited/leave/relogin')).status).toBe(503);
    failing = undefined;
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('logs what is not known to the service, and does not end the process', async () => {
    const { browser, log } = await run(platform, make);
    expect((await browser.post('/unawaited/wrong')).status).toBe(200);
    await until(() => log.text.includes('login() failed, and its promise was not awaited'));
    expect(log.text).toContain('remembered');
    expect(escaped).toEqual([]);
  });

  it.each(NEEDS)(
    '%s() is logged once where the client goes and no response is sent',
    async (call, method) => {
      const app = await run(platform, make);
      const at = gate();
      failing = { method, at };
      const leave = hang(app, call);
      await at.reached;
      at.open();
      await leave();
      await until(() => app.log.text.includes(`${call}() failed, and its promise was not awaited`));
      await app.browser.get('/me');
      expect(app.log.text.match(/\w+\(\) failed, and its promise was not awaited/g)).toHaveLength(1);
      expect(escaped).toEqual([]);
    },
  );

  it.each(NEEDS)('%s() is logged once where it fails after the client has gone', async (call, method) => {
    const app = await run(platform, make);
    const at = gate();
    failing = { method, at };
    const leave = hang(app, call);
    await at.reached;
    await leave();
    at.open();
    await until(() => app.log.text.includes(`${call}() failed, and its promise was not awaited`));
    await app.browser.get('/me');
    expect(app.log.text.match(/\w+\(\) failed, and its promise was not awaited/g)).toHaveLength(1);
    expect(escaped).toEqual([]);
  });

  it.each(OTHERS_NEED.filter(([call]) => call !== 'list'))(
    '%s() of other sessions fails the response where the store fails',
    async (call, method) => {
      const { browser, log } = await run(platform, make);
      failing = { method };
      const { status, body } = await browser.post(`/unawaited/others/${call}`);
      expect([status, JSON.parse(body)]).toEqual([
        503,
        expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' }),
      ]);
      expect(log.text.match(/\w+\(\) failed, and its promise was not awaited/g)).toEqual([
        `${call}() failed, and its promise was not awaited`,
      ]);
      await browser.get('/me');
      expect(escaped).toEqual([]);
    },
  );

  it.each(['revoke', 'revokeAll'])('%s() has ended the session when the response arrives', async (call) => {
    const { browser } = await run(platform, make);
    const { status, setCookies } = await browser.post(`/unawaited/others/${call}`);
    expect([status, setCookies]).toEqual([200, [expect.stringMatching(/Max-Age=0/i)]]);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('list() that fails after the response is logged', async () => {
    const { browser, log } = await run(platform, make);
    const at = gate();
    failing = { method: 'list', at };
    expect((await browser.post('/unawaited/others/list')).status).toBe(200);
    at.open();
    await until(() => log.text.includes('list() failed, and its promise was not awaited'));
    expect(escaped).toEqual([]);
  });

  it.each(OTHERS_NEED)('%s() outside of a request is logged where it fails', async (call, method) => {
    const { app, browser, log } = await run(platform, make);
    const sessions = app.get<SessionService<Data>>(SessionService);
    const id = (await sessions.list('alice'))[0]!.id;
    failing = { method };
    if (call === 'revoke') void sessions.revoke(id);
    else void OTHERS[call]!(sessions);
    await until(() => log.text.includes(`${call}() failed, and its promise was not awaited`));
    await browser.get('/me');
    expect(escaped).toEqual([]);
  });

  it('is logged once a minute while the store fails, not at each request', async () => {
    const { browser, log } = await run(platform, make);
    failing = { method: 'commit' };
    for (let i = 0; i < 5; i++) await browser.post('/unawaited/update');
    for (let i = 0; i < 5; i++) await browser.post('/unawaited/regenerate');
    expect(log.text.match(/\S+\(\) failed, and its promise was not awaited/g)).toEqual([
      'session.update() failed, and its promise was not awaited',
      'regenerate() failed, and its promise was not awaited',
    ]);
  });

  it('update() fails the response where its write fails', async () => {
    const { browser } = await run(platform, make);
    failing = { method: 'commit' };
    expect((await browser.post('/unawaited/update')).status).toBe(503);
    expect(escaped).toEqual([]);
  });

  it('update() whose function takes longer than the response is logged where it fails', async () => {
    const { browser, log } = await run(platform, make);
    failing = { method: 'commit' };
    expect((await browser.post('/unawaited/slow-update')).status).toBe(200);
    expect(log.text).not.toContain('was not awaited');
    finish();
    await until(() => log.text.includes('session.update() failed, and its promise was not awaited'));
    expect(escaped).toEqual([]);
  });
});
