import type { Client } from '../../../lib/core/storage/backend.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import { isSuspect } from '../../../lib/core/model/policy.js';
import { before, coded, GRACE, HOUR, LIMITS, node, ROTATE_EVERY, SECOND } from './node.js';

const CLIENT: Client = { ip: '192.0.2.1', userAgent: 'a browser' };

/** A request of a user who logged in half an hour ago. */
async function opened(data: Record<string, unknown> = {}, over = {}) {
  const nodes = node({ rotateEvery: false, ...over });
  const cookie = await nodes.loggedIn('alice', data);
  nodes.clock.advance(HOUR / 2);
  const state = await nodes.request(cookie, CLIENT);
  nodes.forget();
  return { ...nodes, cookie, state };
}

describe('a re-login', () => {
  it('renews the secret, the lifetime and the proof of the same session', async () => {
    const { engine, request, clock, cookie, state, store, emitted, cookieOf } = await opened({ cart: 1 });
    const old = state.handle!.record;
    const now = clock.now();
    await engine.relogin(state, { factor: 'otp' });
    const { record } = state.handle!;
    expect(store.records()).toEqual([record]);
    expect(record).toEqual({
      ...old,
      secretHash: record.secretHash,
      factors: { ...old.factors, otp: now },
      startedAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      device: { ip: '192.0.2.1', userAgent: 'a browser' },
      previous: record.previous,
    });
    expect(record.previous).toMatchObject({ hash: old.secretHash, honoured: false });
    expect(store.calls).toMatchObject([{ question: 'commit', args: [record.id, { ttl: LIMITS.idle }] }]);
    const event = { id: record.id, at: now, subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'relogin', factor: 'otp' },
      { ...event, type: 'rotated' },
    ]);
    expect(state.cookie).toBe(CookieAction.Set);
    expect((await request(cookie)).rejectReason).toBe('superseded');
    expect((await request(cookieOf(state))).id).toBe(record.id);
  });

  it('is by password, of the user of the session, where nothing else is said', async () => {
    const { engine, clock, state, emitted } = await opened();
    const { id } = state;
    await engine.relogin(state);
    expect(state.handle!.record.factors).toEqual({ pwd: clock.now() });
    expect(emitted[0]).toMatchObject({ type: 'relogin', factor: 'pwd' });
    clock.advance(SECOND);
    await engine.relogin(state, { subject: 'alice' });
    expect(state.handle!.record).toMatchObject({ id, factors: { pwd: clock.now() } });
  });

  it('keeps the data, also what is not stored yet', async () => {
    const { engine, request, state, cookieOf } = await opened({ cart: 1 });
    state.bag.proxy['note'] = 2;
    await engine.relogin(state);
    await engine.commit(state, true);
    expect((await request(cookieOf(state))).handle!.record.data).toEqual({ cart: '1', note: '2' });
  });

  it('of another user is a login, and keeps no data', async () => {
    const { engine, state, told, emitted } = await opened({ cart: 1 });
    const { id } = state;
    await engine.relogin(state, { subject: 'bob', factor: 'otp' });
    expect(emitted).toMatchObject([{ id, subject: 'alice' }, { subject: 'bob' }, { factor: 'otp' }]);
    expect(told()).toEqual(['ended replaced', 'created', 'login']);
    expect(state.id).not.toBe(id);
    expect(state.handle!.record).toMatchObject({ subject: 'bob', data: {} });
  });

  it('of a user is a login, if there is no session', async () => {
    const { engine, request, told } = node();
    const state = await request();
    await engine.relogin(state, { subject: 'bob' });
    expect(told()).toEqual(['created', 'login']);
  });

  it('is refused to those who are not logged in', async () => {
    const { engine, request, visitor, loggedIn, store, forget } = node();
    const refused = coded('ERR_NOT_LOGGED_IN');
    const states = [await request(), await request(await visitor()), await request(await loggedIn())];
    await engine.end(states[2]!, 'logout');
    forget();
    for (const state of states) await expect(engine.relogin(state)).rejects.toThrow(refused);
    expect(store.calls).toEqual([]);
  });

  it('takes back the suspicion that another client uses the session', async () => {
    const { engine, state, store, clock } = await opened({}, { protect: () => 'relogin' });
    await engine.commit(state, true);
    expect(isSuspect(store.records()[0]!.factors)).toBe(true);
    await engine.relogin(state);
    expect(state.live!.suspicious).toBe(false);
    expect(store.records()[0]!.factors).toEqual({ pwd: clock.now() });
  });

  it('counts from its call, however long it has to try', async () => {
    const { engine, another, clock, cookie, state, store } = await opened({}, { rotateEvery: ROTATE_EVERY });
    const called = clock.now();
    before(store, 'commit', async () => {
      // A rotation by another request, after which the secret that this one would replace is not the present one.
      await another(cookie, (one) => one.countActivity(true));
      clock.advance(SECOND);
    });
    await engine.relogin(state);
    expect(store.writes.length).toBeGreaterThan(2);
    const { record } = state.handle!;
    expect(record).toMatchObject({ factors: { pwd: called }, startedAt: called });
    expect(record).toMatchObject({ lastSeenAt: called + SECOND, rotatedAt: called + SECOND });
    expect(store.records()).toEqual([record]);
  });

  it.each(['ended', 'renewed'])('fails if another request has %s the session', async (how) => {
    const { engine, another, cookie, state, store, told } = await opened();
    before(store, 'commit', () =>
      another(cookie, (one) => (how === 'ended' ? engine.end(one, 'cleared') : engine.regenerate(one))),
    );
    await expect(engine.relogin(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect(told()).toEqual(how === 'ended' ? ['ended cleared'] : ['regenerated', 'rotated']);
    expect(state.state.kind).toBe('ended');
    // Who presented it can still end it, but no other session.
    expect(state.former?.everywhere).toBe(false);
  });
});

describe('a renewal', () => {
  it.each(['relogin', 'regenerate'] as const)('gives up after 500 conflicts: %s()', async (name) => {
    const { engine, state, backend, store } = await opened({}, { pause: () => Promise.resolve() });
    const { save } = backend;
    let conflicts = 499;
    backend.save = (...args) =>
      conflicts-- > 0 ? Promise.resolve({ outcome: 'conflict' }) : save.apply(backend, args);
    await engine[name](state);
    expect(store.writes).toEqual(['commit']);
    conflicts = 500;
    await expect(engine[name](state)).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      message: `${name}(): each of 500 attempts conflicted with another request. Try again later.`,
    });
    expect([store.writes, state.state.kind]).toEqual([['commit'], 'live']);
  });

  it('fails if the request itself begins to end the session meanwhile', async () => {
    const { engine, state, backend } = await opened();
    const { reload } = backend;
    backend.save = () => Promise.resolve({ outcome: 'conflict' });
    backend.reload = (handle) => {
      state.ending({ reason: 'corrupt', everywhere: false });
      return reload.call(backend, handle);
    };
    await expect(engine.relogin(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect(state.state.kind).toBe('ending');
  });

  it('does not load a session that it knows to be gone', async () => {
    const { engine, state, backend, store } = await opened();
    backend.save = () => {
      backend.save = () => Promise.reject(new Error('again'));
      return Promise.resolve({ outcome: 'gone' });
    };
    await expect(engine.relogin(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect([store.calls, state.state.kind]).toEqual([[], 'ended']);
  });
});

describe('a regenerate', () => {
  it('renews the secret and clears the data of the same session, but what is kept', async () => {
    const { engine, request, clock, cookie, state, store, emitted, cookieOf } = await opened({
      cart: 1,
      theme: 2,
    });
    const old = state.handle!.record;
    const now = clock.now();
    state.bag.proxy['note'] = 3;
    await engine.regenerate(state, { keep: ['cart', 'note', 'none'] });
    const { record } = state.handle!;
    expect(store.records()).toEqual([record]);
    expect(record).toEqual({
      ...old,
      secretHash: record.secretHash,
      revision: old.revision + 1,
      lastSeenAt: now,
      rotatedAt: now,
      previous: record.previous,
      data: { cart: '1', note: '3' },
    });
    const delta = {
      ttl: LIMITS.idle,
      remove: ['theme'],
      set: { cart: '1', note: '3' },
      revision: old.revision,
    };
    expect(store.calls).toMatchObject([{ question: 'commit', args: [record.id, delta] }]);
    const event = { id: record.id, at: now, subject: 'alice' };
    expect(emitted).toEqual([
      { ...event, type: 'regenerated' },
      { ...event, type: 'rotated' },
    ]);
    expect({ ...state.bag.proxy }).toEqual({ cart: 1, note: 3 });
    expect([state.cookie, state.changed]).toEqual([CookieAction.Set, false]);
    expect((await request(cookie)).rejectReason).toBe('superseded');
    expect((await request(cookieOf(state))).id).toBe(record.id);
  });

  it('clears all data where nothing else is said', async () => {
    const { engine, state, store } = await opened({ cart: 1 });
    await engine.regenerate(state);
    expect(store.records()).toMatchObject([{ data: {} }]);
    expect(Object.keys(store.records()[0]!.data)).toEqual([]);
  });

  it('keeps the latest of what another request writes meanwhile, and clears the rest', async () => {
    const { engine, another, cookie, state, store } = await opened({ cart: 1 });
    before(store, 'commit', () =>
      another(cookie, (one) => Object.assign(one.bag.proxy, { cart: 2, note: 3 })),
    );
    await engine.regenerate(state, { keep: ['cart'] });
    expect(store.records()[0]!.data).toEqual({ cart: '2' });
    expect({ ...state.bag.proxy }).toEqual({ cart: 2 });
  });

  it.each(['ended', 'renewed'])('fails if another request has %s the session', async (how) => {
    const { engine, another, cookie, state, store } = await opened();
    before(store, 'commit', () =>
      another(cookie, (one) => (how === 'ended' ? engine.end(one, 'cleared') : engine.relogin(one))),
    );
    await expect(engine.regenerate(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect(state.state.kind).toBe('ended');
  });

  it('without a session begins anew with what is kept, and stores nothing yet', async () => {
    const { engine, request, told, store } = node();
    const state = await request();
    Object.assign(state.bag.proxy, { cart: 1, theme: 2 });
    const { id } = state;
    await engine.regenerate(state, { keep: ['cart'] });
    expect([state.state.kind, state.id === id, store.calls.length]).toEqual(['anonymous', false, 0]);
    expect({ ...state.bag.proxy }).toEqual({ cart: 1 });
    expect(told()).toEqual([]);
    await engine.commit(state, true);
    expect(store.records()).toMatchObject([{ id: state.id, data: { cart: '1' } }]);
  });

  it('ends first what the request has begun to end, and then begins anew', async () => {
    const { engine, state, store, told } = await opened({ cart: 1 });
    store.fail('rejects', 'destroy');
    await expect(engine.end(state, 'logout')).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    store.heal();
    await engine.regenerate(state, { keep: ['cart'] });
    expect(told()).toEqual(['ended logout']);
    expect([state.state.kind, { ...state.bag.proxy }, store.records()]).toEqual(['anonymous', {}, []]);
  });
});

describe('a reload', () => {
  it('brings what another request has written, and keeps what this one changed', async () => {
    const { engine, another, cookie, state } = await opened({ cart: 1, theme: 2 });
    state.bag.proxy['theme'] = 5;
    await another(cookie, (one) => Object.assign(one.bag.proxy, { cart: 2, theme: 3 }));
    await engine.reload(state);
    expect({ ...state.bag.proxy }).toEqual({ cart: 2, theme: 5 });
    expect(state.handle!.record.data).toEqual({ cart: '2', theme: '3' });
  });

  it.each(['end', 'renewal'])('fails after the %s of the session by another request', async (what) => {
    const { engine, another, cookie, state } = await opened();
    await another(cookie, (one) => (what === 'end' ? engine.end(one, 'logout') : engine.relogin(one)));
    await expect(engine.reload(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect([state.state.kind, state.cookie]).toEqual(['ended', CookieAction.Keep]);
  });

  it('fails without a session, which asks the store for nothing', async () => {
    const { engine, request, store } = node();
    const state = await request();
    await expect(engine.reload(state)).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect(store.calls).toEqual([]);
  });

  it('that is tried says whether there is a session, and leaves the state as it is without one', async () => {
    const { engine, operations, another, cookie, state } = await opened();
    expect(await operations.tryReload(state)).toBe(true);
    await another(cookie, (one) => engine.end(one, 'logout'));
    expect(await operations.tryReload(state)).toBe(false);
    expect(state.state.kind).toBe('live');
  });

  it.each([
    ['a login', true],
    ['an end', false],
  ])('does not undo %s that comes meanwhile', async (_what, live) => {
    const { operations, backend, state } = await opened({ cart: 1 });
    const reload = backend.reload.bind(backend);
    backend.reload = async (handle) => {
      const found = await reload(handle);
      await (live ? operations.login(state, 'bob') : operations.end(state, 'logout'));
      return found;
    };
    expect(await operations.tryReload(state)).toBe(live);
    expect(state.handle?.record.subject).toBe(live ? 'bob' : undefined);
    expect({ ...state.bag.proxy }).toEqual({});
  });
});

describe('a renewed secret', () => {
  it('leaves the old one the grace, counted from when the new one is presented', async () => {
    const { engine, request, another, cookie, clock, state, cookieOf } = await opened();
    await engine.relogin(state);
    const latest = cookieOf(state);
    clock.advance(2 * GRACE);
    expect((await request(cookie)).rejectReason).toBe('superseded');
    await another(latest, () => undefined);
    clock.advance(GRACE - 1);
    expect((await request(cookie)).rejectReason).toBe('superseded');
    clock.advance(1);
    expect((await request(cookie)).rejectReason).toBe('reused');
    expect((await request(latest)).rejectReason).toBe('unknown');
  });
});
