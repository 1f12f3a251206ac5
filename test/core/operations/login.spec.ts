import type { TakenOver } from '../../../lib/core/migration/taken-over.js';
import type { Client } from '../../../lib/core/storage/backend.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { before, coded, GRACE, HOUR, LIMITS, MINUTE, node, REMEMBERED } from './node.js';

const CLIENT: Client = { ip: '192.0.2.1', userAgent: 'a browser' };
const DEVICE = { ip: '192.0.2.1', userAgent: 'a browser' };

describe('a login', () => {
  it('stores a session of the user that begins now', async () => {
    const { engine, request, clock, store, emitted } = node();
    const state = await request(undefined, CLIENT);
    await engine.login(state, 'alice');
    const now = clock.now();
    const { record } = state.handle!;
    expect(record).toEqual({
      id: state.id,
      secretHash: record.secretHash,
      revision: 0,
      subject: 'alice',
      factors: { pwd: now },
      createdAt: now,
      startedAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      remember: false,
      device: DEVICE,
      data: {},
    });
    expect(store.calls).toEqual([
      { question: 'create', args: [record, LIMITS.idle, undefined, expect.any(Number)] },
    ]);
    const event = { id: state.id, at: now, subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'created' },
      { ...event, type: 'login', factor: 'pwd', remember: false },
    ]);
  });

  it('is remembered, and by another factor, where it says so', async () => {
    const { engine, request, clock, store, emitted } = node();
    const state = await request();
    await engine.login(state, 'alice', { remember: true, factor: 'otp' });
    expect(state.handle!.record).toMatchObject({ remember: true, factors: { otp: clock.now() } });
    expect(store.calls[0]!.args[1]).toBe(REMEMBERED.idle);
    expect(emitted.at(-1)).toMatchObject({ type: 'login', factor: 'otp', remember: true });
  });

  it('does not begin for something that is no user', async () => {
    const { engine, request, visitor, store, forget } = node();
    const state = await request(await visitor());
    forget();
    await expect(engine.login(state, '')).rejects.toThrow(coded('ERR_SUBJECT'));
    expect(store.calls).toEqual([]);
  });

  it('ends the session before it once the new one is stored, and leaves a tombstone for the grace', async () => {
    const { engine, request, visitor, store, told, forget } = node();
    const cookie = await visitor();
    const state = await request(cookie);
    const { id } = state;
    forget();
    await engine.login(state, 'alice');
    expect(told()).toEqual(['ended replaced', 'created', 'login']);
    expect(store.writes).toEqual(['create', 'destroy']);
    expect(store.calls.at(-1)!.args).toEqual([id, { reason: 'replaced', ttl: GRACE }]);
    expect((await request(cookie)).rejectReason).toBe('replaced');
  });

  it('ends the session of a token that no longer opens it, and the one beside it', async () => {
    const { engine, request, another, loggedIn, told, forget, store, clock } = node();
    const old = await loggedIn();
    await another(old, (one) => engine.regenerate(one));
    clock.advance(MINUTE);
    const state = await request(old);
    state.bag.proxy['cart'] = 1;
    await engine.commit(state, true);
    forget();
    await engine.login(state, 'alice', { keep: ['cart'] });
    expect(told()).toEqual(['ended replaced', 'ended replaced', 'created', 'login']);
    expect(store.records()).toMatchObject([{ id: state.id, data: { cart: '1' } }]);
  });

  it('ends first what the request has begun to end, for the reason that it had', async () => {
    const { engine, request, loggedIn, store, told, forget } = node();
    const state = await request(await loggedIn());
    store.fail('rejects', 'destroy');
    await expect(engine.end(state, 'logout')).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    store.heal();
    forget();
    await engine.login(state, 'bob');
    expect(told()).toEqual(['ended logout', 'created', 'login']);
  });

  it('ends the session of another library that this one took over', async () => {
    const { engine, request, visitor } = node();
    const state = await request(await visitor());
    const ends: string[] = [];
    state.takenOver = { end: async () => void ends.push(state.id) } as unknown as TakenOver;
    await engine.login(state, 'alice');
    expect(ends).toEqual([state.id]);
  });

  it('is refused if the sessions of the user are revoked while it is under way', async () => {
    const { engine, request, store } = node();
    const state = await request();
    before(store, 'create', () => engine.revokeAll('alice'));
    await expect(engine.login(state, 'alice')).rejects.toThrow(coded('ERR_LOGIN_REVOKED'));
    expect(store.size).toBe(0);
    await engine.login(state, 'alice');
    expect(store.size).toBe(1);
  });
});

describe('a login where the old session cannot be ended', () => {
  async function failing(times: number) {
    const nodes = node();
    const { backend, request, visitor, forget } = nodes;
    const state = await request(await visitor());
    const { destroy } = backend;
    let failures = 0;
    backend.destroy = (...args) =>
      failures++ < times
        ? Promise.reject(new SessionError('ERR_STORE_UNAVAILABLE', `failure ${failures}`))
        : destroy.apply(backend, args);
    forget();
    return { ...nodes, state };
  }

  it('fails, removes the new session as well, and leaves the old one in place', async () => {
    const { engine, state, store, told } = await failing(1);
    const { id } = state;
    await expect(engine.login(state, 'alice')).rejects.toThrow('failure 1');
    expect(store.records().map((record) => record.id)).toEqual([id]);
    expect([state.id, state.live !== undefined]).toEqual([id, true]);
    expect(told()).toEqual([]);
  });

  it('fails with the first error, if the new one cannot be removed either', async () => {
    const { engine, state } = await failing(2);
    await expect(engine.login(state, 'alice')).rejects.toThrow('failure 1');
  });
});

describe('a limit of the sessions of a user', () => {
  const maxSessions = (subject: string) => (subject === 'alice' ? 1 : undefined);

  it('is that of the user, and does not count the session that the login replaces', async () => {
    const { engine, request, visitor, store, forget } = node({ maxSessions });
    const state = await request(await visitor());
    const { id } = state;
    forget();
    await engine.login(state, 'alice');
    const limit = { max: 1, onExceeded: 'evict-oldest', replaces: id, tombstoneTtl: 24 * HOUR };
    expect(store.calls[0]!.args[2]).toEqual(limit);
    await engine.login(await request(), 'bob');
    expect(store.calls.at(-1)).toMatchObject({ question: 'create', args: [{}, LIMITS.idle, undefined, {}] });
  });

  it('does not count the session of a token that no longer opens it', async () => {
    const { engine, request, another, loggedIn, store, forget } = node({ maxSessions });
    const old = await loggedIn();
    const { id } = await another(old, (one) => engine.regenerate(one));
    const state = await request(old);
    forget();
    await engine.login(state, 'alice');
    expect(store.calls[0]!.args[2]).toMatchObject({ replaces: id });
  });

  it('evicts the oldest, of which is told', async () => {
    const { engine, request, loggedIn, told, forget } = node({ maxSessions });
    const first = await loggedIn();
    forget();
    await engine.login(await request(), 'alice');
    expect(told()).toEqual(['ended evicted', 'created', 'login']);
    expect((await request(first)).rejectReason).toBe('evicted');
  });
});

describe('the data of the session before a login', () => {
  const DATA = { cart: [1], theme: 'dark' };

  it.each([
    ['a visitor', undefined, ['cart'], { cart: '[1]' }],
    ['a visitor', undefined, undefined, {}],
    ['the same user', 'alice', ['cart', 'none'], { cart: '[1]' }],
    ['another user', 'bob', ['cart'], {}],
  ])('of %s (%s), of which %j is kept, is %j', async (_who, subject, keep, data) => {
    const { engine, request, loggedIn, visitor } = node();
    const state = await request(await (subject === undefined ? visitor(DATA) : loggedIn(subject, DATA)));
    await engine.login(state, 'alice', keep && { keep: keep });
    expect(state.handle!.record.data).toEqual(data);
  });

  interface Late {
    by?: string;
    keep?: string[];
    mine?: object;
    late: (data: Record<string, unknown>) => unknown;
    stored: object;
  }

  it.each<[string, Late]>([
    [
      'is carried over',
      { keep: ['cart'], late: (data) => (data['cart'] = [1, 2]), stored: { cart: '[1,2]' } },
    ],
    [
      'is carried over where it is new',
      { keep: ['cart', 'note'], late: (data) => (data['note'] = 1), stored: { cart: '[1]', note: '1' } },
    ],
    [
      'is carried over where it is removed',
      { keep: ['cart'], late: (data) => delete data['cart'], stored: {} },
    ],
    [
      'is carried over with what else changed',
      {
        keep: ['cart', 'theme'],
        late: (data) => (delete data['cart'], (data['theme'] = 'light')),
        stored: { theme: '"light"' },
      },
    ],
    [
      'is not carried over where it is not kept',
      { keep: ['theme'], late: (data) => (data['cart'] = 2), stored: { theme: '"dark"' } },
    ],
    [
      'is not carried over in place of what the login itself changed',
      {
        keep: ['cart'],
        mine: { cart: [3] },
        late: (data) => (data['cart'] = [1, 2]),
        stored: { cart: '[3]' },
      },
    ],
    [
      'is carried over within one user',
      { by: 'alice', keep: ['cart'], late: (data) => (data['cart'] = [1, 2]), stored: { cart: '[1,2]' } },
    ],
    [
      'is not carried over from another user',
      { by: 'bob', keep: ['cart', 'note'], late: (data) => (data['note'] = 1), stored: {} },
    ],
  ])('that another request writes meanwhile %s', async (_what, { by, keep = [], mine, late, stored }) => {
    const { engine, request, another, loggedIn, visitor, store } = node();
    const cookie = await (by === undefined ? visitor(DATA) : loggedIn(by, DATA));
    const state = await request(cookie);
    Object.assign(state.bag.proxy, mine);
    before(store, 'destroy', () => another(cookie, (other) => late(other.bag.proxy)));
    await engine.login(state, 'alice', { keep: keep });
    expect(store.records()).toMatchObject([{ id: state.id }]);
    expect(store.records()[0]!.data).toEqual(stored);
    expect(state.handle!.record.data).toEqual(stored);
    expect(Object.keys(state.bag.proxy).sort()).toEqual(Object.keys(stored).sort());
  });

  it('that is removed meanwhile is removed, and nothing is set in its place', async () => {
    const { engine, request, another, visitor, store, forget } = node();
    const cookie = await visitor(DATA);
    const state = await request(cookie);
    before(store, 'destroy', async () => {
      await another(cookie, (other) => delete other.bag.proxy['cart']);
      forget();
    });
    await engine.login(state, 'alice', { keep: ['cart'] as never });
    const [, delta] = store.calls.find(({ question }) => question === 'commit')!.args as [string, object];
    expect(delta).toStrictEqual({ epoch: 0, set: {}, remove: ['cart'] });
  });

  it('is written once, if nobody wrote meanwhile', async () => {
    const { engine, request, visitor, store, forget } = node();
    const state = await request(await visitor(DATA));
    forget();
    await engine.login(state, 'alice', { keep: ['cart'] as never });
    expect(store.writes).toEqual(['create', 'destroy']);
  });

  it('goes on without what came late, if the new session has ended meanwhile', async () => {
    const { engine, request, another, visitor, store } = node();
    const cookie = await visitor(DATA);
    const state = await request(cookie);
    before(store, 'destroy', async () => {
      await another(cookie, (other) => (other.bag.proxy['cart'] = 2));
      before(store, 'commit', () => engine.revokeAll('alice'));
    });
    await engine.login(state, 'alice', { keep: ['cart'] as never });
    expect(state.handle!.record.data).toEqual({ cart: '[1]' });
    expect(store.records()).toEqual([]);
  });

  it('goes on, if the old session has ended meanwhile', async () => {
    const { engine, request, visitor, store, told, forget } = node();
    const cookie = await visitor(DATA);
    const state = await request(cookie);
    before(store, 'destroy', async () => engine.end(await request(cookie), 'cleared'));
    forget();
    await engine.login(state, 'alice', { keep: ['cart'] as never });
    expect(told()).toEqual(['ended cleared', 'created', 'login']);
    expect(store.records()).toMatchObject([{ id: state.id, data: { cart: '[1]' } }]);
  });
});

describe('a login of an earlier time', () => {
  const NOW = Date.UTC(2030, 0, 1);
  const FIRST = 100_000_000_000;

  it.each([
    ['a number', NOW - HOUR, NOW - HOUR],
    ['a Date', new Date(NOW - HOUR), NOW - HOUR],
    ['a fraction, rounded down', NOW - 0.5, NOW - 1],
    ['the first that is not taken for seconds', FIRST, FIRST],
    ['now', NOW, NOW],
    ['as far ahead as clocks differ, as now', NOW + 5_000, NOW],
  ])('counts from then: %s', async (_what, authenticatedAt, at) => {
    const { engine, request } = node();
    const state = await request();
    await engine.login(state, 'alice', { authenticatedAt });
    expect(state.handle!.record).toMatchObject({ factors: { pwd: at }, startedAt: NOW });
  });

  it.each([
    ['seconds', NOW / 1_000],
    ['a moment before the first that is not taken for seconds', FIRST - 1],
    ['further ahead than clocks differ', NOW + 5_001],
    ['an invalid Date', new Date(Number.NaN)],
    ['a Date of seconds', new Date(NOW / 1_000)],
    ['no number', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['nothing, although it is there', undefined],
    ['null', null],
    ['a text', String(NOW)],
    ['an object that is no Date', { getTime: () => NOW }],
    ['a large integer', BigInt(NOW)],
  ])('is refused if that is none: %s', async (_what, authenticatedAt) => {
    const { engine, request, visitor, store, forget } = node();
    const state = await request(await visitor());
    forget();
    const login = engine.login(state, 'alice', { authenticatedAt: authenticatedAt as never });
    await expect(login).rejects.toThrow(coded('ERR_OPTIONS'));
    expect(store.writes).toEqual([]);
  });

  it.each<[unknown, string]>([
    [NOW / 1_000, String(NOW / 1_000)],
    [new Date(NOW / 1_000), new Date(NOW / 1_000).toISOString()],
    [Number.NaN, 'NaN'],
    [undefined, 'undefined'],
    [null, 'null'],
    ['a secret', 'string'],
    [true, 'boolean'],
    [NOW + MINUTE + 1, ' 61 '],
  ])('says in its error what was given, but no text: %p', async (authenticatedAt, given) => {
    const { engine, request } = node();
    const login = engine.login(await request(), 'alice', { authenticatedAt: authenticatedAt as never });
    const error = await login.catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ message: expect.stringContaining(given) as string });
    expect(error).toMatchObject({ message: expect.not.stringContaining('a secret') as string });
  });

  it.each([
    ['behind', -MINUTE],
    ['ahead', MINUTE],
  ])('may be that of either clock, if the one of the store is %s', async (_where, skew) => {
    const { engine, request, backend, clock } = node();
    backend.now = () => clock.now() + skew;
    const latest = Math.max(NOW, NOW + skew) + 5_000;
    const state = await request();
    await engine.login(state, 'alice', { authenticatedAt: latest });
    expect(state.handle!.record.factors).toEqual({ pwd: NOW + Math.min(0, skew) });
    const login = engine.login(await request(), 'alice', { authenticatedAt: latest + 1 });
    await expect(login).rejects.toThrow(coded('ERR_OPTIONS'));
  });

  it('is refused if the sessions of the user were revoked since', async () => {
    const { engine, request, clock } = node();
    clock.advance(HOUR);
    await engine.revokeAll('alice');
    clock.advance(HOUR);
    const login = (authenticatedAt: number) =>
      request().then((state) => engine.login(state, 'alice', { authenticatedAt }));
    await expect(login(NOW + HOUR - 1)).rejects.toThrow(coded('ERR_LOGIN_REVOKED'));
    await login(NOW + HOUR + 1);
  });
});
