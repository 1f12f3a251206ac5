import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { isSuspect } from '../../../lib/core/model/policy.js';
import type { RequestState } from '../../../lib/core/request/request-state.js';
import { CookieAction } from '../../../lib/core/request/state.js';
import {
  before,
  coded,
  GRACE,
  legacyOf,
  LIMITS,
  MINUTE,
  node,
  REMEMBERED,
  ROTATE_EVERY,
  SECOND,
} from './node.js';

/** Its error as that of a promise, however it fails. */
const failed = (commit: () => unknown) => (async () => commit())();

/** A request of a user who logged in so long ago, and that counts as activity. */
async function opened(ago: number, kind?: 'sealed' | 'sealed for each rotation', over = {}) {
  const nodes = node(over, kind);
  const cookie = await nodes.loggedIn('alice', { cart: 1 });
  if (ago > 0) nodes.clock.advance(ago);
  const state = await nodes.request(cookie);
  state.countActivity(true);
  nodes.forget();
  return { ...nodes, cookie, state };
}

describe('a commit', () => {
  it('of nothing is done at once', async () => {
    const { engine, request, state, store } = await opened(0);
    expect(engine.commit(state, true)).toBeUndefined();
    expect(engine.save(state)).toBeUndefined();
    expect(engine.commit(await request(), true)).toBeUndefined();
    expect(store.writes).toEqual([]);
  });

  it('of a request that failed is neither activity nor the logout that it intended', async () => {
    const { engine, state, store } = await opened(ROTATE_EVERY);
    state.intendLogout({ everywhere: true });
    expect(engine.commit(state, false)).toBeUndefined();
    expect([state.active, state.intent, store.writes]).toEqual([false, undefined, []]);
  });

  it('of a request that failed stores its data all the same', async () => {
    const { engine, state, store } = await opened(ROTATE_EVERY);
    state.bag.proxy['cart'] = 2;
    await engine.commit(state, false);
    expect(store.records()).toMatchObject([{ data: { cart: '2' } }]);
    expect(store.records()[0]!.lastSeenAt).toBe(state.handle!.record.startedAt);
  });

  it('in the middle of a handler leaves the logout for its end', async () => {
    const { engine, state, store, told } = await opened(0);
    state.intendLogout({ everywhere: false });
    state.bag.proxy['cart'] = 2;
    await engine.save(state);
    expect([state.state.kind, store.writes, told()]).toEqual(['live', ['commit'], []]);
    await engine.commit(state, true);
    expect([state.state.kind, told()]).toEqual(['ended', ['ended logout']]);
  });

  it('of a logout does not look at data that could not be stored', async () => {
    const { engine, state, told } = await opened(0);
    state.bag.proxy['cart'] = 1n;
    state.intendLogout({ everywhere: false });
    await engine.commit(state, true);
    expect(told()).toEqual(['ended logout']);
  });

  it('of data that cannot be stored is rejected, which is the failure of the request until one succeeds', async () => {
    const { engine, state, store } = await opened(0);
    state.bag.proxy['cart'] = 1n;
    const refused = coded('ERR_DATA_NOT_SERIALIZABLE');
    await expect(engine.commit(state, true)).rejects.toThrow(refused);
    expect(state.failure).toEqual(refused);
    state.bag.proxy['cart'] = 2;
    await engine.commit(state, true);
    expect(state.failure).toBeUndefined();
    expect(store.records()).toMatchObject([{ data: { cart: '2' } }]);
  });

  it('waits for one that is under way, and writes only what that one did not', async () => {
    const { engine, state, store } = await opened(0);
    state.bag.proxy['cart'] = 2;
    const first = engine.commit(state, true);
    const second = engine.commit(state, true);
    expect(second).toBeInstanceOf(Promise);
    await Promise.all([first, second]);
    expect(store.writes).toEqual(['commit']);
  });

  it('that waits carries out the logout as well', async () => {
    const { engine, state, told } = await opened(0);
    state.bag.proxy['cart'] = 2;
    const first = engine.save(state);
    state.intendLogout({ everywhere: false });
    await Promise.all([first, engine.save(state)]);
    expect(told()).toEqual([]);
    state.bag.proxy['cart'] = 3;
    await Promise.all([engine.save(state), engine.commit(state, true)]);
    expect(told()).toEqual(['ended logout']);
  });

  it('of nothing waits for a login that is under way', async () => {
    const { engine, request } = node();
    const state = await request();
    const login = engine.login(state, 'alice');
    await engine.commit(state, true);
    expect(state.live?.handle.record.subject).toBe('alice');
    await login;
  });

  it('of a session that is gone does not load it again', async () => {
    const { engine, state, backend, store } = await opened(MINUTE);
    backend.save = () => Promise.resolve({ outcome: 'gone' });
    await engine.commit(state, true);
    expect([store.calls, state.state.kind]).toEqual([[], 'ended']);
  });

  it('stores what was there at its call', async () => {
    const { engine, state, store } = await opened(0);
    state.bag.proxy['cart'] = 2;
    const first = engine.commit(state, true);
    state.bag.proxy['cart'] = 3;
    await first;
    expect(store.records()).toMatchObject([{ data: { cart: '2' } }]);
    expect(state.changed).toBe(true);
  });

  it.each(['ended', 'renewed'])(
    'fails each call in the middle whose data are lost because it was %s',
    async (how) => {
      const { engine, another, cookie, state, store } = await opened(0);
      await another(cookie, (one) => (how === 'ended' ? engine.end(one, 'cleared') : engine.relogin(one)));
      store.forget();
      state.bag.proxy['cart'] = 2;
      const calls = [engine.save(state)];
      state.bag.proxy['note'] = 3;
      calls.push(engine.save(state));
      const reason = coded('ERR_SESSION_ENDED');
      for (const call of await Promise.allSettled(calls))
        expect(call).toEqual({ status: 'rejected', reason });
      await expect(failed(() => engine.save(state))).rejects.toThrow(reason);
      expect(store.writes).toEqual(['commit']);
      // The handler may respond to that as it likes.
      expect(engine.commit(state, true)).toBeUndefined();
    },
  );

  it('in the middle of a request fails not where the session ended without a loss', async () => {
    const { engine, state } = await opened(0);
    state.gone();
    expect(engine.save(state)).toBeUndefined();
  });

  it('in the middle succeeds after changes that a commit before could not store', async () => {
    const { engine, state, store } = await opened(0);
    state.bag.proxy['cart'] = 2;
    state.changesLost();
    state.bag.proxy['note'] = 3;
    await engine.save(state);
    expect([state.losses, store.records()]).toMatchObject([1, [{ data: { note: '3' } }]]);
  });

  it('writes nothing, if the session is lost before its turn', async () => {
    const { engine, state, store } = await opened(0);
    state.bag.proxy['cart'] = 2;
    const commit = engine.commit(state, true);
    state.lost();
    await commit;
    expect([store.writes, state.state.kind]).toEqual([[], 'ended']);
  });
});

describe('a store that always responds with a conflict', () => {
  const quick = { pause: () => Promise.resolve() };
  const conflicting = async () => {
    const nodes = await opened(MINUTE, undefined, quick);
    let calls = 0;
    nodes.backend.save = () => Promise.resolve((calls++, { outcome: 'conflict' }));
    return { ...nodes, calls: () => calls };
  };

  it('is asked 500 times, and then the data are not stored', async () => {
    const { engine, state, calls } = await conflicting();
    state.bag.proxy['cart'] = 2;
    await expect(failed(() => engine.commit(state, true))).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      message: 'session.commit(): each of 500 attempts conflicted with another request. Try again later.',
    });
    expect([calls(), state.state.kind, state.changed]).toEqual([500, 'live', true]);
  });

  it('is asked no more where data are changed while the roll is tried', async () => {
    const { engine, state, backend } = await conflicting();
    let calls = 0;
    backend.save = () => {
      if (++calls > 600) return Promise.reject(new Error('asked without end'));
      if (calls === 500) state.bag.proxy['cart'] = 2;
      return Promise.resolve({ outcome: 'conflict' });
    };
    await expect(failed(() => engine.commit(state, true))).rejects.toThrow(coded('ERR_CONFLICT'));
    expect([calls, state.changed]).toEqual([501, true]);
  });

  it('fails no request that changed nothing, whose roll the next one tries again', async () => {
    const { engine, state, calls } = await conflicting();
    await engine.commit(state, true);
    expect([calls(), state.state.kind, state.active]).toEqual([500, 'live', false]);
  });
});

describe('the first data of a visitor', () => {
  it('create a session of nobody, by the id that the request knows', async () => {
    const { engine, request, clock, store, emitted, cookieOf } = node();
    const state = await request();
    const { id } = state;
    state.bag.proxy['cart'] = 1;
    await engine.commit(state, true);
    const now = clock.now();
    const { record } = state.handle!;
    expect(record).toEqual({
      id,
      secretHash: record.secretHash,
      revision: 0,
      factors: {},
      createdAt: now,
      startedAt: now,
      lastSeenAt: now,
      rotatedAt: now,
      remember: false,
      data: { cart: '1' },
    });
    expect(store.calls).toMatchObject([{ question: 'create', args: [record, LIMITS.idle] }]);
    expect(emitted).toEqual([{ type: 'created', id, at: now }]);
    expect([state.cookie, state.changed]).toEqual([CookieAction.Set, false]);
    expect((await request(cookieOf(state))).id).toBe(id);
  });

  it('create it by the time of the store', async () => {
    const { engine, request, backend, clock, store } = node();
    backend.now = () => clock.now() + MINUTE;
    const state = await request();
    state.bag.proxy['cart'] = 1;
    await engine.commit(state, true);
    expect(store.records()).toMatchObject([{ startedAt: clock.now() + MINUTE }]);
    expect(store.calls[0]!.args[1]).toBe(LIMITS.idle);
  });

  it('create none without a response, which could not set the cookie', async () => {
    const { engine, request, store } = node();
    const state = await request();
    state.response.detach();
    state.bag.proxy['cart'] = 1;
    await expect(failed(() => engine.commit(state, true))).rejects.toThrow(coded('ERR_NO_RESPONSE'));
    expect(store.calls).toEqual([]);
  });

  it('create none in place of one whose new cookie is under way', async () => {
    const { engine, request, another, loggedIn, store, forget } = node();
    const cookie = await loggedIn();
    await another(cookie, (state) => engine.relogin(state));
    const state = await request(cookie);
    forget();
    state.bag.proxy['cart'] = 1;
    await expect(failed(() => engine.commit(state, true))).rejects.toThrow(coded('ERR_SESSION_ENDED'));
    expect([store.writes, state.state.kind]).toEqual([[], 'anonymous']);
  });
});

describe('a logout that a request intends', () => {
  it('takes the place of an end that is not carried out yet', async () => {
    const { engine, state, store, told } = await opened(0);
    store.fail('rejects', 'destroy');
    await expect(engine.end(state, 'cleared')).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    expect(state.cookie).toBe(CookieAction.Expire);
    store.heal();
    state.intendLogout({ everywhere: false });
    await engine.commit(state, true);
    expect([told(), state.cookie]).toEqual([['ended logout'], CookieAction.Forget]);
  });

  it('leaves the cookie as it is until the other sessions have ended', async () => {
    const { engine, state, store } = await opened(0);
    state.intendLogout({ everywhere: true });
    store.fail('rejects', 'markRevoked');
    await expect(failed(() => engine.commit(state, true))).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    store.heal();
    const cookies: CookieAction[] = [state.cookie];
    before(store, 'markRevoked', () => Promise.resolve(cookies.push(state.cookie)));
    await engine.commit(state, true);
    expect([...cookies, state.cookie]).toEqual([CookieAction.Keep, CookieAction.Keep, CookieAction.Forget]);
  });
});

describe('an active request', () => {
  const recordOf = (state: RequestState) => state.handle!.record;

  it('extends the idle timeout once that is due', async () => {
    const { engine, state, store, emitted, clock } = await opened(MINUTE);
    const old = recordOf(state);
    await engine.commit(state, true);
    expect(store.calls).toEqual([
      {
        question: 'commit',
        args: [old.id, { epoch: 0, ttl: LIMITS.idle, head: { lastSeenAt: clock.now() } }],
      },
    ]);
    expect(store.records()).toEqual([{ ...old, lastSeenAt: clock.now() }]);
    expect(emitted).toEqual([{ type: 'rolled', id: old.id, at: clock.now(), subject: 'alice' }]);
    expect(state.cookie).toBe(CookieAction.Keep);
  });

  it('sets the cookie of a remembered session anew with it, and only then', async () => {
    const { engine, request, clock, cookieOf, store } = node();
    const login = await request();
    await engine.login(login, 'alice', { remember: true });
    const cookie = cookieOf(login);
    const changes = await request(cookie);
    changes.bag.proxy['cart'] = 1;
    await engine.commit(changes, true);
    expect(changes.cookie).toBe(CookieAction.Keep);
    clock.advance(MINUTE);
    const state = await request(cookie);
    state.countActivity(true);
    store.forget();
    await engine.commit(state, true);
    expect(state.cookie).toBe(CookieAction.Set);
    expect(store.calls[0]!.args[1]).toMatchObject({ ttl: REMEMBERED.idle });
  });

  it('replaces a cookie with an old signature with it', async () => {
    const { engine, request, cookie } = await opened(MINUTE);
    const state = await request(legacyOf(cookie));
    expect(state.handle!.legacy).toBe(true);
    state.countActivity(true);
    await engine.commit(state, true);
    expect(state.cookie).toBe(CookieAction.Set);
  });

  it('rotates the secret once that is due, and the old one opens the session until the new one comes', async () => {
    const { engine, request, state, cookie, store, told, clock, cookieOf } = await opened(ROTATE_EVERY);
    const old = recordOf(state);
    const now = clock.now();
    await engine.commit(state, true);
    const { record } = state.handle!;
    expect(record).toEqual({
      ...old,
      secretHash: record.secretHash,
      lastSeenAt: now,
      rotatedAt: now,
      previous: record.previous,
    });
    expect(record.previous).toMatchObject({
      hash: old.secretHash,
      honoured: true,
      pending: true,
      until: now + LIMITS.idle,
    });
    expect(store.records()).toEqual([record]);
    expect([told(), state.cookie]).toEqual([['rotated', 'rolled'], CookieAction.Set]);
    expect((await request(cookie)).id).toBe(record.id);

    clock.advance(SECOND);
    const next = await request(cookieOf(state));
    store.forget();
    await engine.commit(next, false);
    expect(store.records()[0]!.previous).toMatchObject({ until: now + SECOND + GRACE });
    expect(store.records()[0]!.previous!.pending).toBeFalsy();
    expect([store.writes, told(), next.cookie]).toEqual([['commit'], [], CookieAction.Keep]);
  });

  it('does not rotate where the new cookie comes too late, and still extends the timeout', async () => {
    const { engine, state, told } = await opened(ROTATE_EVERY);
    state.response.cookieComesTooLate(true);
    await engine.commit(state, true);
    expect(told()).toEqual(['rolled']);
  });

  it('of a rotation that another request made first stores its data without one', async () => {
    const { engine, another, cookie, state, store, told } = await opened(ROTATE_EVERY);
    const messages: unknown[] = [];
    const note = (message: unknown) => void messages.push(message);
    subscribe('nest-sessions:conflict', note);
    before(store, 'commit', () => another(cookie, (one) => one.countActivity(true)));
    state.bag.proxy['note'] = 2;
    await engine.commit(state, true);
    unsubscribe('nest-sessions:conflict', note);
    expect(messages).toEqual([{ id: state.id }]);
    expect(store.records()).toMatchObject([{ data: { cart: '1', note: '2' } }]);
    // The first are those of the other request.
    expect(told()).toEqual(['rotated', 'rolled']);
    expect(store.writes).toEqual(['commit', 'commit', 'commit']);
  });

  it.each([
    ['gone', 'ended'],
    ['rotated and then gone', 'ended'],
  ])('whose session is %s has none any more, and fails only if its data is lost', async (how, kind) => {
    for (const data of [true, false]) {
      const { engine, another, backend, cookie, state, store } = await opened(ROTATE_EVERY);
      const messages: unknown[] = [];
      const note = (message: unknown) => void messages.push(message);
      subscribe('nest-sessions:conflict', note);
      before(store, 'commit', async () => {
        if (how === 'gone') return engine.revokeAll('alice');
        await another(cookie, (one) => one.countActivity(true));
        backend.reload = () => Promise.resolve(undefined);
        return undefined;
      });
      if (data) state.bag.proxy['note'] = 2;
      const done = await failed(() => engine.commit(state, true)).catch((error: unknown) => error);
      unsubscribe('nest-sessions:conflict', note);
      expect(done).toEqual(data ? coded('ERR_SESSION_ENDED') : undefined);
      expect([state.state.kind, state.cookie]).toEqual([kind, CookieAction.Keep]);
      expect(messages).toHaveLength(how === 'gone' ? 0 : 1);
    }
  });

  it('does not fail with a store that cannot be written, and tries once', async () => {
    const { engine, request, cookie, state, store, told } = await opened(ROTATE_EVERY);
    store.fail('rejects', 'commit');
    await engine.commit(state, true);
    await engine.commit(state, true);
    expect([store.writes, told(), state.state.kind, state.failure]).toEqual([
      ['commit'],
      [],
      'live',
      undefined,
    ]);
    expect([state.cookie, state.active]).toEqual([CookieAction.Keep, false]);
    store.heal();
    const next = await request(cookie);
    next.countActivity(true);
    await engine.commit(next, true);
    expect(told()).toEqual(['rotated', 'rolled']);
  });

  it('fails with a store that cannot be written if it has data, which a later attempt stores', async () => {
    const { engine, state, store } = await opened(MINUTE);
    state.bag.proxy['cart'] = 2;
    store.fail('rejects', 'commit');
    await expect(engine.commit(state, true)).rejects.toThrow(coded('ERR_STORE_UNAVAILABLE'));
    expect(state.failure).toEqual(coded('ERR_STORE_UNAVAILABLE'));
    store.heal();
    await engine.commit(state, true);
    expect(store.records()).toMatchObject([{ data: { cart: '2' } }]);
    expect(state.failure).toBeUndefined();
  });

  it('writes data alone without a new time, and sets no cookie', async () => {
    const { engine, state, store, told } = await opened(0);
    state.bag.proxy['cart'] = 2;
    await engine.commit(state, true);
    const delta = { epoch: 0, set: { cart: '2' }, remove: [] };
    expect(store.calls).toEqual([{ question: 'commit', args: [state.id, delta] }]);
    expect([told(), state.cookie, state.changed]).toEqual([[], CookieAction.Keep, false]);
  });

  it('of a different client marks the session, whether it counts as activity or not', async () => {
    const { engine, state, store, clock, told } = await opened(SECOND, undefined, {
      protect: () => 'relogin',
    });
    expect(state.live!.marks).toBe(true);
    await engine.commit(state, false);
    const delta = { epoch: 0, head: { factors: { pwd: clock.now() - SECOND, '~suspect': -clock.now() } } };
    expect(store.calls).toEqual([{ question: 'commit', args: [state.id, delta] }]);
    expect([told(), state.cookie, state.live!.marks]).toEqual([[], CookieAction.Keep, false]);
  });
});

describe('over sealed cookies', () => {
  it('each change sets a new cookie, which has it', async () => {
    for (const change of ['data', 'roll', 'mark']) {
      const over = change === 'mark' ? { protect: () => 'relogin' } : {};
      const { engine, request, state, clock, cookieOf } = await opened(
        change === 'roll' ? MINUTE : 0,
        'sealed',
        over,
      );
      if (change === 'data') state.bag.proxy['cart'] = 2;
      await engine.commit(state, true);
      expect([change, state.cookie]).toEqual([change, CookieAction.Set]);
      const { record } = (await request(cookieOf(state))).handle!;
      expect(record.data['cart']).toBe(change === 'data' ? '2' : '1');
      expect(record.lastSeenAt).toBe(clock.now());
      expect(isSuspect(record.factors)).toBe(change === 'mark');
    }
  });

  it('data cannot be changed without a response, and nothing else is tried', async () => {
    const { engine, state } = await opened(MINUTE, 'sealed', { protect: () => 'relogin' });
    state.response.detach();
    await engine.commit(state, true);
    expect([state.cookie, state.active, state.live!.marks]).toEqual([CookieAction.Keep, false, false]);
    state.bag.proxy['cart'] = 2;
    await expect(failed(() => engine.commit(state, true))).rejects.toThrow(coded('ERR_NO_RESPONSE'));
  });

  it('a mark without a response is not even tried; in a store it is written', async () => {
    const sealed = await opened(0, 'sealed', { protect: () => 'relogin' });
    sealed.state.response.detach();
    expect(sealed.engine.commit(sealed.state, true)).toBeUndefined();
    const stored = await opened(0, undefined, { protect: () => 'relogin' });
    stored.state.response.detach();
    await stored.engine.commit(stored.state, true);
    expect(isSuspect(stored.store.records()[0]!.factors)).toBe(true);
  });

  it.each([
    ['with', false],
    ['without', true],
  ])(
    'the arrival of a rotated cookie is confirmed without another one, %s a response',
    async (_, detached) => {
      const { engine, request, state, cookie, cookieOf, clock } = await opened(
        ROTATE_EVERY,
        'sealed for each rotation',
      );
      await engine.commit(state, true);
      const next = await request(cookieOf(state));
      expect([next.live!.confirms, (await request(cookie)).live?.kind]).toEqual([true, 'live']);
      if (detached) next.response.detach();
      await engine.commit(next, false);
      expect([next.cookie, next.live!.confirms]).toEqual([CookieAction.Keep, false]);
      expect((await request(cookieOf(state))).live!.confirms).toBe(false);
      clock.advance(GRACE);
      expect((await request(cookie)).live).toBeUndefined();
    },
  );

  it('data in a store is written without a response as well', async () => {
    const { engine, state, store } = await opened(0);
    state.response.detach();
    state.bag.proxy['cart'] = 2;
    await engine.commit(state, true);
    expect(store.records()).toMatchObject([{ data: { cart: '2' } }]);
  });
});
