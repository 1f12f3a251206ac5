import type { MigratedLogin } from '../../../lib/core/migration/source.js';
import { Takeover } from '../../../lib/core/operations/takeover.js';
import { EngineContext } from '../../../lib/core/request/engine-context.js';
import { beside, LIMITS, OldLibrary, SECOND, subjectOf, switching } from './switching.js';

const ALICE: MigratedLogin = { subject: 'alice' };
/** When the clock stands at first. */
const START = Date.UTC(2030, 0, 1);
const VISITOR: MigratedLogin = { subject: null, data: { cart: 1 } };
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' }) as Error;
const down = () => Promise.reject(new Error('the store is down'));

/** A library with one session, and a node to which it comes over. */
function switched(login: MigratedLogin | undefined, keepOld = false, over = {}) {
  const library = new OldLibrary({ keepOld });
  library.add('k', login);
  return { library, ...switching([library], over) };
}

describe('a request of a client with an old session', () => {
  it('is of the user who is logged in there, in a session of ours', async () => {
    const { visit, library, told, emitted, clock, engine } = switched(ALICE);
    const state = await visit({ old: 'k' });
    expect(state.live!.handle.record).toMatchObject({
      id: library.claim('k').id,
      subject: 'alice',
      startedAt: clock.now(),
      device: { ip: '192.0.2.1' },
    });
    expect(emitted.at(-1)).toMatchObject({ type: 'migrated', source: library.name, subject: 'alice' });
    expect(told()).toEqual(['created', 'migrated']);
    expect(engine.cookieOf(state)).toMatch(/^session=/);
    expect(state.takenOver!.removals).toEqual(library.removals);
    expect(library.sessions.size).toBe(0);
  });

  it('confirms no cookie and presents none, so that a lost response loses no session', async () => {
    const { visit } = switched(ALICE);
    const { live, cookie } = await visit({ old: 'k' });
    expect(live).toMatchObject({ presentedHash: undefined, confirms: false });
    expect(cookie).toBe('set');
  });

  it('opens the same session again while the new cookie was not presented, for as long as it may be idle', async () => {
    const { visit, clock, told, library, cookieOf } = switched(ALICE);
    const first = await visit({ old: 'k' });
    told();
    clock.advance(LIMITS.idle - 1);
    const again = await visit({ old: 'k' });
    expect([again.id, subjectOf(again)]).toEqual([first.id, 'alice']);
    expect(cookieOf(again)).toBe(cookieOf(first));
    expect(again.takenOver!.removals).toEqual(library.removals);
    expect(told()).toEqual([]);
  });

  it('opens nothing once the new cookie was presented', async () => {
    const { visit, library, clock } = await beside(new OldLibrary());
    clock.advance(10 * SECOND + 1);
    // It could not be ended.
    library.add('k', ALICE);
    const copy = await visit({ old: 'k' });
    expect(subjectOf(copy)).toBeUndefined();
    expect(copy.takenOver).toBeUndefined();
    expect(library.sessions.size).toBe(1);
  });

  it('ends the old session, whose cookies are taken away, where ours has ended', async () => {
    const { visit, library, engine, cookie } = await beside(new OldLibrary());
    const leaving = await visit({}, { cookie });
    leaving.intendLogout({ everywhere: false });
    await engine.commit(leaving, true);
    library.add('k', ALICE);
    const copy = await visit({ old: 'k' });
    expect(subjectOf(copy)).toBeUndefined();
    expect(copy.takenOver!.removals).toEqual(library.removals);
    expect(library.sessions.size).toBe(0);
  });

  it('ends the old session with a logout', async () => {
    const { visit, library, engine } = switched(ALICE, true);
    const state = await visit({ old: 'k' });
    state.intendLogout({ everywhere: false });
    await engine.commit(state, true);
    expect(library.sessions.size).toBe(0);
    expect(state.takenOver!.removals).toEqual(library.removals);
  });

  it('ends the old session of a user whose sessions were revoked since that login', async () => {
    const { visit, library, engine, told } = switched({ subject: 'alice', loggedInAt: START - SECOND });
    await engine.revokeAll('alice');
    const state = await visit({ old: 'k' });
    expect(subjectOf(state)).toBeUndefined();
    expect(state.takenOver!.removals).toEqual(library.removals);
    expect(library.sessions.size).toBe(0);
    expect(told()).toEqual([]);
  });

  it.each<[string, MigratedLogin | undefined, boolean]>([
    ['of which the map takes nothing', undefined, false],
    ['of a visitor who may still log in there', VISITOR, true],
    [
      'whose lifetime, from its login on, is over',
      { subject: 'alice', loggedInAt: START - LIMITS.lifetime },
      false,
    ],
  ])('leaves a session alone %s', async (_, login, keepOld) => {
    const { visit, library, told, failures } = switched(login, keepOld);
    const state = await visit({ old: 'k' });
    expect([state.state.kind, state.takenOver]).toEqual(['anonymous', undefined]);
    expect([library.sessions.size, told(), failures]).toEqual([1, [], []]);
  });

  it('takes over a moment before the lifetime is over, which counts from the old login', async () => {
    const loggedInAt = START - LIMITS.lifetime + 1;
    const { visit, clock } = switched({ subject: 'alice', loggedInAt });
    expect(subjectOf(await visit({ old: 'k' }))).toBe('alice');
    clock.advance(1);
    expect(subjectOf(await visit({ old: 'k' }))).toBeUndefined();
  });

  it('brings the data of a visitor', async () => {
    const { visit } = switched(VISITOR);
    const state = await visit({ old: 'k' });
    expect(subjectOf(state)).toBeNull();
    expect(state.bag.proxy['cart']).toBe(1);
  });

  it('is not looked at without a session, or with one that is not there', async () => {
    const { visit, library, told } = switched(ALICE);
    expect((await visit({})).state.kind).toBe('anonymous');
    expect(library.calls).toEqual(['find']);
    const state = await visit({ old: 'gone' });
    expect([state.state.kind, state.takenOver, told()]).toEqual(['anonymous', undefined, []]);
  });
});

describe('where nothing comes over', () => {
  it('the state stays the same, at once, without sources', () => {
    const { engine } = switching([]);
    const client = { request: { headers: {} } as never, ip: undefined };
    const state = engine.open(undefined, client) as never;
    expect(engine.takeOver(state, client, () => true)).toBe(state);
  });

  it('the state stays the same, at once, without a request of HTTP', () => {
    const { engine, library } = switched(ALICE);
    const client = { ip: undefined };
    const state = engine.open(undefined, client) as never;
    expect(engine.takeOver(state, client, () => true)).toBe(state);
    expect(library.calls).toEqual([]);
  });

  it('no source is asked where the response cannot carry a cookie', async () => {
    const { visit, library } = switched(ALICE);
    expect((await visit({ old: 'k' }, { carries: false })).state.kind).toBe('anonymous');
    expect(library.calls).toEqual([]);
  });

  it('no source is asked where the session could not be loaded', () => {
    const { engine, library } = switched(ALICE);
    const client = { request: { headers: { 'old-old': 'k' } } as never, ip: undefined };
    const state = engine.refuse(client, new Error('the store is down'));
    expect(engine.takeOver(state, client, () => true)).toBe(state);
    expect(library.calls).toEqual([]);
  });

  it('no source is asked about a client with a live session, or a token that was replaced', async () => {
    const { visit, library, engine, cookieOf } = switched(ALICE);
    const first = await visit({});
    await engine.login(first, 'bob');
    const cookie = cookieOf(first);
    library.calls.length = 0;
    const second = await visit({ old: 'k' }, { cookie });
    expect(subjectOf(second)).toBe('bob');
    expect(engine.takeOver(second, second.client, () => true)).toBe(second);
    await engine.regenerate(second);
    const third = await visit({}, { cookie: cookieOf(second) });
    await engine.commit(third, true);
    const late = await visit({ old: 'k' }, { cookie });
    expect(late.former).toBeDefined();
    expect(library.calls).toEqual([]);
  });
});

describe('of several libraries', () => {
  it('the first with a session that comes over has it', async () => {
    const [one, two, three] = ['one', 'two', 'three'].map((id) => new OldLibrary({ id }));
    one!.add('k', undefined);
    two!.add('k', { subject: 'bob' });
    three!.add('k', ALICE);
    const { visit, emitted } = switching([one!, two!, three!]);
    expect(subjectOf(await visit({ one: 'k', two: 'k', three: 'k' }))).toBe('bob');
    expect(three!.calls).toEqual([]);
    expect(emitted.at(-1)).toMatchObject({ source: 'the library two' });
  });
});

describe('a map that fails', () => {
  const broken = () => {
    throw new TypeError('no user');
  };

  it.each<[string, () => MigratedLogin]>([
    ['throws', broken],
    ['returns what cannot come over', () => ({ subject: '' })],
  ])('is told where it %s, and the user can log in anew', async (_, login) => {
    const { visit, library, failures } = switched(ALICE);
    library.sessions.set('k', { login });
    const state = await visit({ old: 'k' });
    expect([state.state.kind, state.takenOver]).toEqual(['anonymous', undefined]);
    expect(failures).toEqual([[library.name, expect.any(Error)]]);
    expect(library.sessions.size).toBe(1);
  });

  it('passes where nobody wants to know', async () => {
    const { visit, library } = switched(ALICE, false, { onMapFailed: undefined });
    library.sessions.set('k', { login: broken });
    expect((await visit({ old: 'k' })).state.kind).toBe('anonymous');
  });
});

describe('what another module continues', () => {
  it('is completed from what the other library kept', async () => {
    const { visit, library, engine } = switched(ALICE);
    const values = { passport: 1 };
    library.add('k', ALICE, { values });
    const asked: unknown[] = [];
    engine.completeMigrated((...given) => (asked.push(given), { ...given[0], data: { more: 2 } }));
    const state = await visit({ old: 'k' });
    expect(asked).toEqual([[ALICE, values]]);
    expect(state.bag.proxy['more']).toBe(2);
  });

  it('is not looked for where nothing was kept, and nothing is completed without a module', async () => {
    const { visit, library, engine } = switched(ALICE);
    library.add('with values', ALICE, { values: {} });
    expect(subjectOf(await visit({ old: 'with values' }))).toBe('alice');
    engine.completeMigrated(() => ({ subject: 'mallory' }));
    expect(subjectOf(await visit({ old: 'k' }))).toBe('alice');
  });
});

describe('where every session has to be bound to a device', () => {
  const policy = (kind: string) => ({
    device: {
      standingOfUnbound: () => ({ kind, reason: 'unbound' }),
      standingOf: () => ({ kind: 'unbound' }),
    } as never,
  });

  it('one that cannot be any more stays where it is, and is told', async () => {
    const { visit, library, emitted, clock } = switched(ALICE, false, policy('refused'));
    expect((await visit({ old: 'k' })).state.kind).toBe('anonymous');
    expect(emitted).toEqual([
      { type: 'refused', id: '', at: clock.now(), subject: 'alice', reason: 'unbound' },
    ]);
    expect(library.sessions.size).toBe(1);
  });

  it('a visitor who is refused is told without a user', async () => {
    const { visit, emitted } = switched(VISITOR, false, policy('refused'));
    await visit({ old: 'k' });
    expect(emitted.map((event) => 'subject' in event)).toEqual([false]);
  });

  it('one that still can be comes over', async () => {
    const { visit } = switched(ALICE, false, policy('unbound'));
    expect(subjectOf(await visit({ old: 'k' }))).toBe('alice');
  });
});

describe('a request while a store fails', () => {
  it('is refused where the old session cannot be loaded', async () => {
    const { visit, library } = switched(ALICE);
    library.loading = down;
    await expect(visit({ old: 'k' })).rejects.toThrow(unavailable);
  });

  it('is refused where ours cannot be created, and the old session goes on', async () => {
    const { visit, library, store } = switched(ALICE);
    const create = store.create.bind(store);
    store.create = (record, ...rest) => {
      if (record.id === library.claim('k').id) throw new Error('the store is down');
      return create(record, ...rest);
    };
    await expect(visit({ old: 'k' })).rejects.toThrow(unavailable);
    expect(library.sessions.size).toBe(1);
  });
});

it('is not possible to take sessions over where nothing can be remembered of them', () => {
  const { context } = switching([]);
  const forgetful = { ...context.backend, claims: undefined };
  const start = (migrate?: readonly OldLibrary[]) =>
    new Takeover(
      new EngineContext({ ...context.config, migrate: migrate! }, forgetful, context.events),
      undefined as never,
    );
  expect(() => start([new OldLibrary()])).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }) as Error);
  expect(() => start([])).not.toThrow();
  expect(() => start()).not.toThrow();
});
