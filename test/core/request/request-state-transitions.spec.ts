import type { RequestState } from '../../../lib/core/request/request-state.js';
import type { State } from '../../../lib/core/request/state.js';
import { changed, live, NEXT, NOW, OTHER, STORED, unopened } from './request-states.js';
import { CLEAR, handle, LOGOUT, reuse, token } from './snapshots.js';

const error = new Error('the store is down');

/** Confirms a rotation, and is used by a different client: every mark that a state can have. */
function marked(): RequestState {
  const state = unopened();
  state.opened(token({ handle: STORED, confirms: true }));
  state.suspected(true);
  return state;
}

/** A state that has begun to end its session. */
function leaving(): RequestState {
  const state = changed();
  state.ending(LOGOUT);
  return state;
}

const MARKS = { confirms: true, suspicious: true, marks: true };
const NONE = { confirms: false, suspicious: false, marks: false };
const presentedHash = 'secret of opened';

describe('each transition of the state of a request', () => {
  const former = { handle: STORED, everywhere: false };

  it.each<[string, () => RequestState, (state: RequestState) => void, State, string]>([
    [
      'opened with a confirmation',
      unopened,
      (state) => state.opened(token({ handle: STORED, confirms: true, renewed: true })),
      { kind: 'live', handle: STORED, presentedHash, ...NONE, confirms: true },
      'set',
    ],
    [
      'rejected, with its cookie expired',
      unopened,
      (state) => state.rejected(reuse, 'expire'),
      { kind: 'anonymous', former: reuse.former },
      'expire',
    ],
    [
      'rejected, with its cookie kept',
      unopened,
      (state) => state.rejected(reuse, 'keep'),
      { kind: 'anonymous', former: reuse.former },
      'keep',
    ],
    ['discarded', live, (state) => state.discarded(), { kind: 'anonymous' }, 'expire'],
    ['unavailable', unopened, (state) => state.unavailable(error), { kind: 'unavailable', error }, 'keep'],
    [
      'without a cookie, where it is unavailable',
      () => {
        const state = unopened();
        state.unavailable(error);
        return state;
      },
      (state) => state.expireCookie(),
      { kind: 'unavailable', error },
      'expire',
    ],
    [
      'suspected, not marked yet',
      live,
      (state) => state.suspected(true),
      { kind: 'live', handle: STORED, presentedHash, confirms: false, suspicious: true, marks: true },
      'keep',
    ],
    [
      'suspected, marked before',
      live,
      (state) => state.suspected(false),
      { kind: 'live', handle: STORED, presentedHash, confirms: false, suspicious: true, marks: false },
      'keep',
    ],
    [
      'created',
      unopened,
      (state) => state.created(NEXT, { set: {}, remove: [] }),
      { kind: 'live', handle: NEXT, ...NONE },
      'set',
    ],
    [
      'saved',
      marked,
      (state) => state.saved(NEXT, undefined, false),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE, suspicious: true },
      'keep',
    ],
    [
      'saved with a new cookie',
      marked,
      (state) => state.saved(NEXT, { set: {}, remove: [] }, true),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE, suspicious: true },
      'set',
    ],
    [
      'updated',
      marked,
      (state) => state.updated(NEXT, 'b', '3', false),
      { kind: 'live', handle: NEXT, presentedHash, ...MARKS },
      'keep',
    ],
    [
      'updated with a new cookie',
      live,
      (state) => state.updated(NEXT, 'b', '3', true),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE },
      'set',
    ],
    [
      'postponed',
      marked,
      (state) => state.postponed(),
      { kind: 'live', handle: STORED, presentedHash, ...NONE, suspicious: true },
      'keep',
    ],
    [
      'reloaded',
      marked,
      (state) => state.reloaded(NEXT),
      { kind: 'live', handle: NEXT, presentedHash, ...MARKS, confirms: false },
      'keep',
    ],
    [
      'recognised',
      marked,
      (state) => state.recognised(NEXT),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE },
      'keep',
    ],
    [
      'bound',
      marked,
      (state) => state.bound(NEXT, false),
      { kind: 'live', handle: NEXT, presentedHash, ...MARKS },
      'keep',
    ],
    [
      'bound with a new cookie',
      live,
      (state) => state.bound(NEXT, true),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE },
      'set',
    ],
    [
      'proved',
      marked,
      (state) => state.proved(NEXT),
      { kind: 'live', handle: NEXT, presentedHash, ...NONE },
      'set',
    ],
    [
      'regenerated',
      marked,
      (state) => state.regenerated(NEXT),
      { kind: 'live', handle: NEXT, presentedHash, ...MARKS, confirms: false },
      'set',
    ],
    ['replaced', marked, (state) => state.replacedBy(OTHER), { kind: 'live', handle: OTHER, ...NONE }, 'set'],
    [
      'ending',
      live,
      (state) => state.ending(LOGOUT),
      { kind: 'ending', id: 'opened', handle: STORED, end: LOGOUT },
      'forget',
    ],
    [
      'ending, where the other sessions remain',
      leaving,
      (state) => state.othersRemain(),
      { kind: 'ending', id: 'opened', handle: STORED, end: LOGOUT },
      'keep',
    ],
    [
      'ending, where the other sessions have ended',
      leaving,
      (state) => state.othersEnded(CLEAR),
      { kind: 'ending', id: 'opened', handle: STORED, end: LOGOUT },
      'expire',
    ],
    ['ended', leaving, (state) => state.ended(), { kind: 'ended', id: 'opened' }, 'forget'],
    ['gone', live, (state) => state.gone(), { kind: 'ended', id: 'opened', former }, 'keep'],
    ['revoked', live, (state) => state.revoked(), { kind: 'ended', id: 'opened' }, 'expire'],
    ['lost', live, (state) => state.lost(), { kind: 'ended', id: 'opened', former }, 'keep'],
    [
      'lost while it ends',
      leaving,
      (state) => state.lost(),
      { kind: 'ending', id: 'opened', handle: STORED, end: LOGOUT },
      'forget',
    ],
    ['lost without a session', unopened, (state) => state.lost(), { kind: 'anonymous' }, 'keep'],
    ['started over', leaving, (state) => state.startedOver(), { kind: 'anonymous' }, 'expire'],
    [
      'with its changes lost',
      live,
      (state) => state.changesLost(),
      { kind: 'live', handle: STORED, presentedHash, ...NONE },
      'keep',
    ],
  ])('%s', (_, make, transition, expected, cookie) => {
    const state = make();
    transition(state);
    expect(state.state).toEqual(expected);
    expect(state.cookie).toBe(cookie);
  });
});

describe('the name of a session that is not stored', () => {
  it('stays that of the session that is created', () => {
    const state = unopened();
    const { id } = state;
    state.created(handle(id), { set: {}, remove: [] });
    expect(state.id).toBe(id);
  });

  it('is another once the session starts over', () => {
    const state = unopened();
    const { id } = state;
    state.ending(CLEAR);
    expect(state.id).toBe(id);
    state.startedOver();
    expect(state.id).toMatch(/^[\w-]{22}$/);
    expect(state.id).not.toBe(id);
  });

  it('does not come back once a login has replaced it', () => {
    const state = unopened();
    const { id } = state;
    state.replacedBy(OTHER);
    expect(state.id).toBe('other');
    state.discarded();
    expect(state.id).not.toBe(id);
  });
});

describe('what a request has proved', () => {
  it.each<[string, (state: RequestState) => void, boolean, number | undefined]>([
    ['opening', () => undefined, false, NOW + 1],
    ['a commit', (state) => state.saved(NEXT, undefined, true), false, NOW + 1],
    ['a re-login', (state) => state.proved(NEXT), true, NOW + 1],
    ['a login', (state) => state.replacedBy(OTHER), true, undefined],
  ])('after %s', (_, transition, authenticates, provedUntil) => {
    const state = live();
    state.provedUntil = NOW + 1;
    transition(state);
    expect(state.authenticates).toBe(authenticates);
    expect(state.provedUntil).toBe(provedUntil);
  });
});
