import type { SessionHandle } from '../../../lib/core/storage/backend.js';
import { CookieAction, type LiveState, type State } from '../../../lib/core/request/state.js';
import * as to from '../../../lib/core/request/transitions.js';
import type { Snapshot } from '../../../lib/core/request/transitions.js';
import { CLEAR, foreign, handle, LOGOUT, reuse, token } from './snapshots.js';

describe('each transition', () => {
  const { Keep, Set, Expire, Forget } = CookieAction;
  const own = handle('own');
  const other = handle('other');
  const former = { handle: handle('former'), everywhere: true };
  const error = new Error('down');
  const intent = { active: true, logout: { everywhere: true } };
  const plain = { confirms: false, suspicious: false, marks: false };

  const live = (change: Partial<LiveState> = {}): State => ({
    kind: 'live',
    handle: own,
    ...plain,
    ...change,
  });
  const leaving: State = { kind: 'ending', id: 'own', handle: own, former, end: LOGOUT };
  const clearing: State = { kind: 'ending', id: 'own', former, end: CLEAR };
  const at = (state: State, cookie = Set): Snapshot => ({ state, cookie, intent });
  const rotating = (id: string, pending: boolean, secretHash = 'present'): SessionHandle => {
    const one = handle(id);
    const previous = { hash: 'old', until: 1, honoured: true, nonce: 'n', ...(pending && { pending }) };
    return { ...one, record: { ...one.record, secretHash, previous } };
  };

  it('begins with a snapshot of a request that has presented nothing', () => {
    expect(to.UNOPENED).toEqual({ state: { kind: 'anonymous' }, cookie: Keep, intent: { active: false } });
  });

  it.each<[string, () => Snapshot, Snapshot]>([
    [
      'opened',
      () => to.opened(at({ kind: 'anonymous' }), token({ handle: own, confirms: true })),
      at(live({ presentedHash: 'secret of own', confirms: true }), Keep),
    ],
    [
      'opened by a predecessor',
      () => to.opened(at({ kind: 'anonymous' }), token({ handle: own, present: false, renewed: true })),
      at(live({ presentedHash: undefined }), Set),
    ],
    [
      'rejected, to be expired',
      () => to.rejected(at(live()), reuse, true),
      at({ kind: 'anonymous', former: reuse.former }, Expire),
    ],
    ['rejected, to be kept', () => to.rejected(at(live()), foreign, false), at({ kind: 'anonymous' }, Keep)],
    ['discarded', () => to.discarded(at(live())), at({ kind: 'anonymous' }, Expire)],
    ['unavailable', () => to.unavailable(at(live()), error), at({ kind: 'unavailable', error }, Keep)],
    ['without a cookie', () => to.withoutCookie(at(live())), at(live(), Expire)],
    [
      'active',
      () => to.active({ ...at(live()), intent: { active: false, logout: { everywhere: true } } }),
      at(live()),
    ],
    [
      'logging out',
      () => to.loggingOut({ ...at(live()), intent: { active: true } }, false),
      { ...at(live()), intent: { active: true, logout: { everywhere: false } } },
    ],
    [
      'logging out everywhere',
      () => to.loggingOut({ ...at(live()), intent: { active: true, logout: { everywhere: false } } }, true),
      at(live()),
    ],
    ['logging out here, and everywhere before', () => to.loggingOut(at(live()), false), at(live())],
    ['withdrawn', () => to.withdrawn(at(live())), { ...at(live()), intent: { active: false } }],

    ['continued', () => to.continued(at(live(), Keep), { handle: other }), at(live({ handle: other }), Keep)],
    [
      'continued with a new cookie',
      () => to.continued(at(live(), Keep), { marks: true }, true),
      at(live({ marks: true })),
    ],
    [
      'continued while it ends',
      () => to.continued(at(leaving, Forget), { handle: other, confirms: true }, true),
      at({ ...leaving, handle: other }, Forget),
    ],
    [
      'continued while it ends, with no handle',
      () => to.continued(at(leaving), { marks: true }),
      at(leaving),
    ],
    [
      'continued while a former one ends',
      () => to.continued(at(clearing), { handle: other }, true),
      at(clearing),
    ],
    [
      'continued after its end',
      () => to.continued(at({ kind: 'ended', id: 'own' }), { handle: other }, true),
      at({ kind: 'ended', id: 'own' }),
    ],

    ['created', () => to.created(at({ kind: 'anonymous', former }, Keep), own), at(live({ former }))],
    [
      'postponed',
      () => to.postponed(at(live({ confirms: true, marks: true, suspicious: true }), Keep)),
      { ...at(live({ suspicious: true }), Keep), intent: { ...intent, active: false } },
    ],
    [
      'replaced',
      () => to.replaced(at(live({ former, confirms: true }), Keep), other),
      { ...at(live({ handle: other })), intent: { active: true } },
    ],

    [
      'reloaded',
      () => to.reloaded(at(live({ presentedHash: 'present', confirms: true })), rotating('own', true)),
      at(live({ handle: rotating('own', true), presentedHash: 'present', confirms: true })),
    ],
    [
      'reloaded, with nothing to confirm',
      () => to.reloaded(at(live({ presentedHash: 'present' })), rotating('own', true)),
      at(live({ handle: rotating('own', true), presentedHash: 'present' })),
    ],
    [
      'reloaded, confirmed by another request',
      () => to.reloaded(at(live({ presentedHash: 'present', confirms: true })), rotating('own', false)),
      at(live({ handle: rotating('own', false), presentedHash: 'present' })),
    ],
    [
      'reloaded, rotated by another request',
      () =>
        to.reloaded(at(live({ presentedHash: 'present', confirms: true })), rotating('own', true, 'newer')),
      at(live({ handle: rotating('own', true, 'newer'), presentedHash: 'present' })),
    ],
    [
      'reloaded, without a predecessor',
      () => to.reloaded(at(live({ presentedHash: 'secret of own', confirms: true })), own),
      at(live({ presentedHash: 'secret of own' })),
    ],
    ['reloaded while it ends', () => to.reloaded(at(leaving), other), at({ ...leaving, handle: other })],

    [
      'ending by a logout',
      () => to.ending(at(live({ former })), 'own', LOGOUT),
      {
        ...at({ kind: 'ending', id: 'own', handle: own, former, end: LOGOUT }, Forget),
        intent: { active: true },
      },
    ],
    [
      'ending by clear()',
      () => to.ending(at(live()), 'own', CLEAR),
      { ...at({ kind: 'ending', id: 'own', handle: own, end: CLEAR }, Expire), intent: { active: true } },
    ],
    [
      'ending of a former session',
      () => to.ending(at({ kind: 'anonymous', former }), 'former', LOGOUT),
      { ...at({ kind: 'ending', id: 'former', former, end: LOGOUT }, Forget), intent: { active: true } },
    ],
    [
      'ending of none',
      () => to.ending(at({ kind: 'unavailable', error }, Keep), 'none', LOGOUT),
      { ...at({ kind: 'ended', id: 'none' }, Keep), intent: { active: true } },
    ],
    ['others remain', () => to.othersRemain(at(leaving)), at(leaving, Keep)],
    ['others ended, by a logout', () => to.othersEnded(at(leaving), LOGOUT), at(leaving, Forget)],
    ['others ended, by clear()', () => to.othersEnded(at(leaving), CLEAR), at(leaving, Expire)],
    ['ended', () => to.ended(at(leaving, Forget), 'own'), at({ kind: 'ended', id: 'own' }, Forget)],

    [
      'gone',
      () => to.gone(at(live()), 'own'),
      at({ kind: 'ended', id: 'own', former: { handle: own, everywhere: false } }, Keep),
    ],
    [
      'gone, with a former one',
      () => to.gone(at(live({ former })), 'own'),
      at({ kind: 'ended', id: 'own', former }, Keep),
    ],
    [
      'gone, with nothing',
      () => to.gone(at({ kind: 'anonymous' }), 'own'),
      at({ kind: 'ended', id: 'own' }, Keep),
    ],
    [
      'gone while it ends',
      () => to.gone(at(leaving, Forget), 'own'),
      at({ kind: 'ending', id: 'own', former, end: LOGOUT }, Keep),
    ],
    ['revoked', () => to.revoked(at(live()), 'own'), at({ kind: 'ended', id: 'own' }, Expire)],
    [
      'revoked while it ends by a logout',
      () => to.revoked(at(leaving), 'own'),
      at({ kind: 'ended', id: 'own' }, Forget),
    ],
    [
      'revoked while it ends by clear()',
      () => to.revoked(at(clearing), 'own'),
      at({ kind: 'ended', id: 'own' }, Expire),
    ],

    [
      'started over after a logout',
      () => to.startedOver(at(leaving, Forget)),
      at({ kind: 'anonymous', former }, Expire),
    ],
    [
      'started over, cookie kept',
      () => to.startedOver(at({ kind: 'ended', id: 'own' }, Keep)),
      at({ kind: 'anonymous' }, Keep),
    ],
  ])('%s', (_name, transition, expected) => {
    expect(transition()).toEqual(expected);
  });
});
