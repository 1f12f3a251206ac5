import { Controller, Get, Post, HttpCode, Req } from '@nestjs/common';
import { inspect } from 'node:util';
import {
  isSessionError,
  Session,
  SessionError,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, SECRET, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore, type Fault } from '../../support/spy-store.js';
import { COOKIE, forgedCookie, legacyCookie, signedCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

const dumps: string[] = [];

function everyView(value: unknown): string[] {
  const views = [inspect(value, { depth: 20, showHidden: true, getters: true })];
  for (const view of [
    () => JSON.stringify(value),
    () => String(value),
    () => inspect(structuredClone(value)),
  ]) {
    try {
      views.push(view());
    } catch (error) {
      // What cannot be copied or written shows nothing either.
      views.push(inspect(error));
    }
  }
  return views;
}

@Controller('show')
class ShowController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get()
  show(@Session() session: Session<Data>, @Req() request: object) {
    dumps.push(...everyView(session), ...everyView(this.sessions), ...everyView(session.data));
    dumps.push(inspect(session, { depth: 20, customInspect: false, showHidden: true }));
    // Node 20 keeps the asynchronous context on the timer itself.
    const timer = setTimeout(() => undefined, 0);
    dumps.push(...everyView(timer));
    clearTimeout(timer);
    for (const one of [request, (request as { raw?: object }).raw ?? {}])
      for (const key of Object.getOwnPropertySymbols(one))
        if (/nest-sessions/.test(String(key))) dumps.push(...everyView(Reflect.get(one, key)));
    return { ok: true };
  }

  @Post('twice')
  @HttpCode(200)
  async twice(@Session() session: Session<Data>) {
    session.data['a'] = 1;
    try {
      await session.commit();
    } catch (error) {
      dumps.push(...everyView(error), ...everyView((error as Error).cause));
      return { code: isSessionError(error) && error.code };
    }
    return { code: null };
  }
}

async function open(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const store = new SpyStore();
  const sink = new LogSink();
  const running = await start(platform, {
    controllers: [AppController, ShowController],
    options: { store, storeTimeout: '40ms', ...options },
    prepare: sink.attach,
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  const login = async (user = 'alice') => {
    const browser = new Browser(running.url);
    await browser.post('/login', { user });
    events.length = 0;
    return browser;
  };
  return { ...running, store, sink, events, login };
}

function bytesOf({ status, headers, body, setCookies }: Answer): string {
  const { date, ...rest } = headers;
  expect(date).toBeDefined();
  return JSON.stringify([status, rest, setCookies, body]);
}

describe.each(platforms)('what a client learns on %s', (platform) => {
  it.each(['/me', '/look', '/sensitive', '/poll'])(
    'is the same for unknown, expired, revoked, tampered and reused: %s',
    async (path) => {
      const { login, clock, app } = await open(platform, { rotateGrace: '1s' });
      const [expired, revoked, loggedOut, reused] = [
        await login(),
        await login('bob'),
        await login('carol'),
        await login('dave'),
      ];
      const cookies: Record<string, string> = {
        unknown: signedCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`),
        unknownLegacy: legacyCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`),
        tampered: expired.cookie.replace(/..$/, 'AA'),
        nonsense: `${COOKIE}=nonsense`,
        expired: expired.cookie,
        revoked: revoked.cookie,
        loggedOut: loggedOut.cookie,
        superseded: reused.cookie,
      };
      clock.advance('20m');
      await reused.get('/me');
      await reused.get('/me'); // presents the successor
      clock.advance('10m');
      await app.get(SessionService).revokeAll('bob');
      await loggedOut.post('/logout');
      const seen: Record<string, string> = {};
      const takenAway: string[] = [];
      for (const [kind, cookie] of Object.entries(cookies)) {
        const answer = await reused.get(path, { cookie });
        if (answer.setCookies.length > 0) takenAway.push(kind);
        // The id of a session that does not exist yet is random.
        seen[kind] = bytesOf({ ...answer, setCookies: [] })
          .replace(/\\"id\\":\\"[\w-]{22}\\"/, '')
          .replace(/"etag":"[^,]*",/, '')
          .replace(/"set-cookie":\[[^\]]*\],?/, '');
      }
      for (const [kind, bytes] of Object.entries(seen))
        expect([kind, bytes]).toEqual([kind, seen['unknown']]);
      // What we did not sign may be another application's: it is left alone.
      const ours = Object.keys(cookies).filter((kind) => kind !== 'tampered' && kind !== 'nonsense');
      expect(takenAway).toEqual(ours);
    },
  );

  it.each<[Fault]>([['throws'], ['rejects'], ['hangs']])(
    'while the store %s is that it is down, on every way in',
    async (fault) => {
      const { login, store, sink } = await open(platform);
      const browser = await login();
      const cookie = browser.cookie;
      store.fail(fault);
      for (const [method, path] of [
        ['GET', '/me'],
        ['GET', '/look'],
        ['GET', '/untouched'],
        ['POST', '/data'],
        ['POST', '/login'],
      ] as const) {
        const answer = await browser.send(path, {
          method,
          body: method === 'POST' ? { user: 'bob' } : undefined,
        });
        expect([path, answer.status, answer.setCookies]).toEqual([path, 503, []]);
        expect(answer.json()['code']).toBe('ERR_STORE_UNAVAILABLE');
        expect(answer.body).not.toMatch(/down|Error|stack/);
      }
      expect(browser.cookie).toBe(cookie);
      store.heal();
      expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
      expect(sink.text).not.toContain(tokenOf(cookie).secret);
    },
  );

  it.each<[Fault]>([['throws'], ['rejects'], ['hangs']])(
    'while the store %s is no excuse for a logout to keep the cookie, unless another site asks for it',
    async (fault) => {
      const { login, store } = await open(platform);
      const browser = await login();
      const cookie = browser.cookie;
      store.fail(fault);
      const foreign = await browser.post('/logout', undefined, {
        cookie,
        headers: { 'sec-fetch-site': 'cross-site' },
      });
      expect([foreign.status, foreign.setCookies]).toEqual([503, []]);
      const answer = await browser.post('/logout');
      expect([answer.status, answer.json()['code']]).toEqual([503, 'ERR_STORE_UNAVAILABLE']);
      expect(answer.setCookies).toEqual([expect.stringContaining('Max-Age=0')]);
      expect(browser.cookie).toBe('');
      store.heal();
      expect((await browser.get('/me', { cookie })).status).toBe(200);
    },
  );

  it.each<[Fault]>([['throws'], ['rejects'], ['hangs']])(
    'while the store %s is a 503 where no handler answers, too',
    async (fault) => {
      const { login, store } = await open(platform);
      const browser = await login();
      store.fail(fault);
      const answer = await browser.get('/nowhere');
      expect([answer.status, answer.json()['code'], answer.setCookies]).toEqual([
        503,
        'ERR_STORE_UNAVAILABLE',
        [],
      ]);
    },
  );

  it.each<[Fault]>([['throws'], ['rejects'], ['hangs']])(
    'where the store %s only as it writes is a 503, and never half a success',
    async (fault) => {
      const { login, store } = await open(platform);
      const browser = await login();
      store.fail(fault, 'commit', 'create');
      const cookie = browser.cookie;
      for (const [path, body] of [
        ['/data', { a: 1 }],
        ['/increment/n', undefined],
        ['/login', { user: 'bob' }],
        ['/relogin', {}],
        ['/regenerate', {}],
      ] as const) {
        const answer = await browser.post(path, body);
        expect([path, answer.status, answer.setCookies]).toEqual([path, 503, []]);
        expect(answer.json()['code']).toBe('ERR_STORE_UNAVAILABLE');
      }
      store.heal();
      expect(browser.cookie).toBe(cookie);
      expect((await browser.get('/look')).json()).toEqual(
        expect.objectContaining({ subject: 'alice', data: {} }),
      );
    },
  );

  it('of a new visitor, while the store cannot write, is a 503 without a cookie', async () => {
    const { url, store } = await open(platform);
    store.fail('rejects');
    const browser = new Browser(url);
    expect((await browser.get('/look')).status).toBe(200);
    const answer = await browser.post('/data', { a: 1 });
    expect([answer.status, answer.setCookies]).toEqual([503, []]);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(503);
    expect(browser.cookie).toBe('');
  });

  it.each<[Fault]>([['throws'], ['rejects'], ['hangs']])(
    'of a logout while the store %s is an error, though the cookie is taken away',
    async (fault) => {
      const { login, store } = await open(platform);
      // Everywhere first, while there is no other session: one that could not be ended keeps the cookie, to ask again.
      for (const path of ['/logout-everywhere', '/logout', '/clear']) {
        store.heal();
        const browser = await login();
        const captured = browser.cookie;
        store.fail(fault, 'destroy');
        const answer = await browser.post(path);
        expect([path, answer.status, answer.setCookies.length]).toEqual([path, 503, 1]);
        expect(answer.setCookies[0]).toContain('Max-Age=0');
        expect(browser.cookie).toBe('');
        // Which is why the client has to be told.
        expect((await browser.get('/me', { cookie: captured })).status).toBe(200);
      }
    },
  );

  it('of a failed write is that it failed, though the handler caught it', async () => {
    const { login, store } = await open(platform);
    const browser = await login();
    store.fail('rejects', 'commit');
    // The change is still there, so the response tries to store it once more.
    expect((await browser.post('/show/twice')).status).toBe(503);
  });

  it('never contains a token: nor does anything that is logged, thrown or emitted', async () => {
    const { login, store, sink, events, clock, url } = await open(platform, { rotateGrace: '1s' });
    dumps.length = 0;
    const output: string[] = [];
    const restore = captureOutput(output);
    const secrets: string[] = [];
    const keep = (answer: Answer) => {
      for (const one of answer.setCookies)
        if (!one.includes('Max-Age=0')) secrets.push(tokenOf(one).secret, tokenOf(one).signature);
      return answer;
    };
    try {
      const browser = new Browser(url);
      keep(await browser.post('/data', { a: { b: 1 } }));
      keep(await browser.post('/login', { user: 'alice', keep: ['a'] }));
      await browser.get('/show');
      const first = browser.cookie;
      clock.advance('16m');
      keep(await browser.get('/show'));
      keep(await browser.post('/relogin', {}));
      keep(await browser.post('/regenerate', {}));
      for (const path of ['/fail', '/otp', '/nowhere', '/devices', '/show']) await browser.get(path);
      store.fail('rejects', 'commit');
      await browser.post('/show/twice');
      store.fail('hangs');
      await browser.get('/me');
      store.heal();
      store.tamper = () => {
        throw new SessionError('ERR_RECORD_CORRUPT', 'unreadable');
      };
      await browser.get('/me');
      store.tamper = undefined;
      const other = await login('bob');
      secrets.push(tokenOf(other.cookie).secret);
      await other.get('/me', { cookie: first });
      await other.get('/me', { cookie: other.cookie.replace(/..$/, 'AA') });
      await other.get('/look', { headers: { host: 'app.example.com' }, cookie: other.cookie });
      await other.post('/logout', undefined, { headers: { host: 'app.example.com' } });
    } finally {
      restore();
    }
    expect(secrets).toHaveLength(11);
    expect(dumps.length).toBeGreaterThan(20);
    const shown = [...dumps, ...output, sink.text, JSON.stringify(events), inspect(events), store.dump()];
    for (const secret of [...secrets, SECRET])
      for (const text of shown) {
        const at = text.indexOf(secret);
        // Around it, should it be there: enough to find the leak.
        expect(at < 0 ? '' : text.slice(Math.max(0, at - 300), at)).toBe('');
      }
    expect(sink.text).toContain('trust proxy');
  });
});

function captureOutput(into: string[]): () => void {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write);
  const methods = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const;
  const before = methods.map((method) => console[method]);
  for (const stream of streams) stream.write = (chunk: unknown) => (into.push(String(chunk)), true);
  for (const method of methods)
    console[method] = (...parts: unknown[]) => void into.push(parts.map((part) => inspect(part)).join(' '));
  return () => {
    streams.forEach((stream, i) => (stream.write = writes[i]!));
    methods.forEach((method, i) => (console[method] = before[i]!));
  };
}

describe.each(platforms)('events on %s', (platform) => {
  it('are emitted for every change in a session’s life', async () => {
    const { url, events, clock, app } = await open(platform, { rotateGrace: '1s' });
    const browser = new Browser(url);
    const told = () =>
      events.splice(0).map(({ at, ...rest }) => {
        expect(at).toBe(clock.now());
        return rest;
      });
    const id = () => tokenOf(browser.cookie).id;
    await browser.post('/data', { a: 1 });
    const anonymous = id();
    expect(told()).toEqual([{ type: 'created', id: anonymous }]);
    await browser.post('/login', { user: 'alice', remember: true, factor: 'otp' });
    const [first, subject] = [id(), 'alice'];
    expect(told()).toEqual([
      { type: 'ended', id: anonymous, reason: 'replaced' },
      { type: 'created', id: first, subject },
      { type: 'login', id: first, subject, factor: 'otp', remember: true },
    ]);
    clock.advance('2m');
    await browser.get('/me');
    expect(told()).toEqual([{ type: 'rolled', id: first, subject }]);
    await browser.get('/me');
    expect(told()).toEqual([]);
    clock.advance('15m');
    const stolen = browser.cookie;
    await browser.get('/me');
    expect(told()).toEqual([
      { type: 'rotated', id: first, subject },
      { type: 'rolled', id: first, subject },
    ]);
    await browser.post('/relogin', { factor: 'webauthn' });
    expect(told()).toEqual([
      { type: 'relogin', id: first, subject, factor: 'webauthn' },
      { type: 'rotated', id: first, subject },
    ]);
    clock.advance('2s');
    await browser.get('/me', { cookie: stolen });
    expect(told()).toEqual([
      { type: 'reused', id: first, subject },
      { type: 'ended', id: first, subject, reason: 'reused' },
    ]);
    await browser.post('/login', { user: 'alice' });
    const second = id();
    await browser.post('/regenerate', {});
    const third = id();
    await browser.post('/logout');
    expect(third).toBe(second);
    expect(told().slice(-3)).toEqual([
      { type: 'regenerated', id: second, subject },
      { type: 'rotated', id: second, subject },
      { type: 'ended', id: second, subject, reason: 'logout' },
    ]);
    await browser.post('/login', { user: 'alice' });
    const fourth = id();
    told();
    clock.advance('31m');
    await browser.get('/me');
    // What the memory store forgets by itself nobody can tell of.
    expect(told().every((event) => event.id === fourth || event.id === '')).toBe(true);
    await browser.post('/login', { user: 'alice' });
    const fifth = id();
    told();
    await app.get(SessionService).revoke(fifth);
    expect(told()).toEqual([{ type: 'ended', id: fifth, subject, reason: 'revoked' }]);
    // Another application's, perhaps.
    await browser.get('/me', { cookie: `${COOKIE}=foreign` });
    expect(told()).toEqual([]);
    await browser.get('/me', { cookie: forgedCookie() });
    expect(told()).toEqual([{ type: 'tampered', id: '' }]);
  });

  it('report guessing, once in ten bad tokens', async () => {
    const { url, events, clock } = await open(platform);
    const browser = new Browser(url);
    const guess = (i: number) =>
      browser.get('/look', { cookie: signedCookie(`${String(i).padStart(22, 'A')}.${'B'.repeat(43)}`) });
    for (let i = 0; i < 9; i++) await guess(i);
    expect(events).toEqual([]);
    await guess(9);
    expect(events).toEqual([{ type: 'guessing', id: '', at: clock.now(), ip: '127.0.0.1', count: 10 }]);
    clock.advance('61s');
    for (let i = 0; i < 9; i++) await guess(i);
    expect(events).toHaveLength(1);
  });

  it('report a record that cannot be read, and the session ends', async () => {
    const { login, store, events } = await open(platform);
    const browser = await login();
    store.tamper = () => {
      throw new SessionError('ERR_RECORD_CORRUPT', 'unreadable');
    };
    const answer = await browser.get('/me');
    expect([answer.status, browser.cookie]).toEqual([401, '']);
    expect(events).toMatchObject([{ type: 'ended', reason: 'corrupt' }]);
    expect(store.records()).toEqual([]);
  });
});
