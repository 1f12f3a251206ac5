import type { MigratedLogin } from '../../../lib/core/migration/source.js';
import { beside, OldLibrary, OldStore, SECOND, subjectOf, switching } from './switching.js';

const ALICE: MigratedLogin = { subject: 'alice' };
const VISITOR: MigratedLogin = { subject: null, data: { cart: 1 } };
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' }) as Error;
const down = () => Promise.reject(new Error('the store is down'));

describe.each([
  ['the request presents', OldLibrary],
  ['is found by its key', OldStore],
])('a session beside an old one that %s', (_, Library) => {
  const kept = () => beside(new Library({ keepOld: true }));

  it('goes on with it, which keeps its cookies', async () => {
    const { visit, cookie, id, library, told } = await kept();
    const state = await visit({ old: 'k' }, { cookie });
    expect([state.id, subjectOf(state)]).toEqual([id, 'alice']);
    expect(state.takenOver!.removals).toEqual([]);
    expect([library.calls.includes('load k'), library.sessions.size, told()]).toEqual([true, 1, []]);
  });

  it('ends it with a logout', async () => {
    const { visit, cookie, library, engine } = await kept();
    const state = await visit({ old: 'k' }, { cookie });
    state.intendLogout({ everywhere: false });
    await engine.commit(state, true);
    expect(library.sessions.size).toBe(0);
    expect(state.takenOver!.removals).toEqual(library.removals);
  });

  it.each<[string, (library: OldLibrary) => void]>([
    ['has ended', (library) => library.sessions.delete('k')],
    ['has no user any more', (library) => library.add('k', undefined)],
    ['names no user any more', (library) => library.add('k', {} as MigratedLogin)],
    ['is of a visitor now', (library) => library.add('k', VISITOR)],
    ['is of another user', (library) => library.add('k', { subject: 'bob' })],
  ])('ends as after a logout when that one %s', async (__, change) => {
    const { visit, cookie, library, told, store, id } = await kept();
    change(library);
    const state = await visit({ old: 'k' }, { cookie, carries: false });
    expect(state.state.kind).toBe('anonymous');
    expect(told()).toEqual(['ended logout']);
    expect(store.load(id)).toBeUndefined();
  });

  it('gives way to one with another user', async () => {
    const { visit, cookie, library, told } = await kept();
    library.sessions.delete('k');
    library.add('k2', { subject: 'bob' });
    expect(subjectOf(await visit({ old: 'k2' }, { cookie }))).toBe('bob');
    expect(told()).toEqual(['ended logout', 'created', 'migrated']);
  });

  it('is refused while the old one cannot be loaded', async () => {
    const { visit, cookie, library } = await kept();
    library.loading = down;
    await expect(visit({ old: 'k' }, { cookie })).rejects.toThrow(unavailable);
  });
});

describe('a session beside an old one that is found by its key, for a request that does not present it,', () => {
  it('goes on with it, and ends with it', async () => {
    const { visit, cookie, library, told } = await beside(new OldStore({ keepOld: true }));
    const state = await visit({}, { cookie });
    expect([subjectOf(state), library.calls]).toEqual(['alice', ['load k']]);
    expect(state.takenOver!.removals).toEqual([]);
    library.sessions.delete('k');
    expect((await visit({}, { cookie })).state.kind).toBe('anonymous');
    expect(told()).toEqual(['ended logout']);
  });

  it('is looked for at its own library', async () => {
    const [other, own] = ['other', 'own'].map((id) => new OldStore({ id, keepOld: true }));
    own!.add('k', ALICE);
    const { visit, cookieOf } = switching([other!, own!]);
    const cookie = cookieOf(await visit({ own: 'k' }));
    const state = await visit({}, { cookie });
    expect([subjectOf(state), other!.calls]).toEqual(['alice', ['find']]);
  });
});

describe('a session that came from a library whose cookie is the session', () => {
  it('goes on for a request that does not present it', async () => {
    const { visit, cookie, told, library } = await beside(new OldLibrary({ keepOld: true }));
    const state = await visit({}, { cookie });
    expect([subjectOf(state), state.takenOver, told()]).toEqual(['alice', undefined, []]);
    expect(library.calls).toEqual(['find']);
  });
});

describe('a session that comes from no library, beside one that keeps its sessions', () => {
  async function visiting(login?: string) {
    const [ended, kept] = [new OldLibrary({ id: 'ended' }), new OldStore({ id: 'kept', keepOld: true })];
    for (const library of [ended, kept]) library.add('k', ALICE);
    const node = switching([ended, kept]);
    const first = await node.visit({});
    if (login === undefined) first.bag.proxy['cart'] = 1;
    else await node.engine.login(first, login);
    await node.engine.commit(first, true);
    for (const library of [ended, kept]) library.calls.length = 0;
    node.told();
    return { ...node, ended, kept, id: first.id, cookie: node.cookieOf(first) };
  }

  it('gives way to a login there, if it is of a visitor', async () => {
    const { visit, cookie, ended, told, emitted, store, id, clock } = await visiting();
    const state = await visit({ kept: 'k', ended: 'k' }, { cookie });
    expect(subjectOf(state)).toBe('alice');
    expect(ended.calls).toEqual([]);
    expect(emitted.at(-1)).toMatchObject({ type: 'ended', id, reason: 'replaced' });
    expect(told()).toEqual(['created', 'migrated', 'ended replaced']);
    expect(store.load(id)).toMatchObject({ ended: 'replaced' });
    clock.advance(10 * SECOND + 1);
    expect(store.load(id)).toBeUndefined();
  });

  it('stays where there is no login', async () => {
    const { visit, cookie, told, id } = await visiting();
    const state = await visit({ ended: 'k' }, { cookie });
    expect([state.id, subjectOf(state), told()]).toEqual([id, null, []]);
  });

  it('stays where the response cannot carry a cookie', async () => {
    const { visit, cookie, kept, id } = await visiting();
    expect((await visit({ kept: 'k' }, { cookie, carries: false })).id).toBe(id);
    expect(kept.calls).toEqual([]);
  });

  it('stays where a user is logged in here', async () => {
    const { visit, cookie, kept, id } = await visiting('bob');
    const state = await visit({ kept: 'k' }, { cookie });
    expect([state.id, subjectOf(state)]).toEqual([id, 'bob']);
    expect(kept.calls).toEqual([]);
  });
});

describe('a map that fails', () => {
  it.each<[string, () => MigratedLogin]>([
    [
      'throws',
      () => {
        throw new TypeError('no user');
      },
    ],
    ['returns a user that is none', () => ({ subject: '' })],
    ['returns a promise', () => Promise.resolve(ALICE) as unknown as MigratedLogin],
  ])('does not end a session beside the old one where it %s', async (_, login) => {
    const { visit, library, cookie, failures } = await beside(new OldLibrary({ keepOld: true }));
    library.sessions.set('k', { login });
    expect(subjectOf(await visit({ old: 'k' }, { cookie }))).toBe('alice');
    expect(failures).toEqual([[library.name, expect.any(Error)]]);
  });
});
