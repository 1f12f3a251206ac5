import fc from 'fast-check';
import type { OpenedToken, RejectedToken, SessionHandle } from '../../../lib/core/storage/backend.js';
import {
  CookieAction,
  handleOf,
  formerOf,
  type EndRequest,
  type LiveState,
  type State,
} from '../../../lib/core/request/state.js';
import * as to from '../../../lib/core/request/transitions.js';
import type { Snapshot } from '../../../lib/core/request/transitions.js';

const handle = (id: string): SessionHandle => ({
  token: `token of ${id}`,
  legacy: false,
  record: {
    id,
    secretHash: `secret of ${id}`,
    revision: 0,
    factors: {},
    createdAt: 0,
    startedAt: 0,
    lastSeenAt: 0,
    rotatedAt: 0,
    remember: false,
    data: {},
  },
});

const token = (change: Partial<OpenedToken>): OpenedToken => ({
  kind: 'live',
  handle: handle('opened'),
  now: 0,
  skew: 0,
  present: true,
  renewed: false,
  confirms: false,
  ...change,
});
const reuse: RejectedToken = {
  kind: 'rejected',
  why: 'reused',
  id: 'former',
  former: { handle: handle('former'), everywhere: true },
};
const foreign: RejectedToken = { kind: 'rejected', why: 'foreign', id: 'foreign' };

type Step = (at: Snapshot) => Snapshot;
type Steps = Record<string, Step>;

const LOGOUT: EndRequest = { reason: 'logout', everywhere: false };
const CLEAR: EndRequest = { reason: 'cleared', everywhere: true };

/** How a request may begin. */
const BEGINNINGS: Steps = {
  'no token': (at) => at,
  'a token': (at) => to.opened(at, token({})),
  'a predecessor': (at) => to.opened(at, token({ present: false, renewed: true })),
  'a successor': (at) => to.opened(at, token({ confirms: true })),
  'a reused token': (at) => to.rejected(at, reuse, true),
  'a foreign cookie': (at) => to.rejected(at, foreign, false),
  'a store that fails': (at) => to.unavailable(at, new Error('down')),
  'an expired session': to.discarded,
};

const CONTINUING: Steps = {
  saved: (at) => to.continued(at, { handle: handle('opened'), confirms: false, marks: false }),
  rotated: (at) => to.continued(at, { handle: handle('opened') }, true),
  suspected: (at) => to.continued(at, { suspicious: true, marks: true }),
  postponed: to.postponed,
  reloaded: (at) => to.reloaded(at, handle('opened')),
};
const INTENDING: Steps = {
  active: to.active,
  'logging out': (at) => to.loggingOut(at, false),
  withdrawn: to.withdrawn,
};
const ENDING: Steps = {
  logout: (at) => to.ending(at, 'ended', LOGOUT),
  clear: (at) => to.ending(at, 'ended', CLEAR),
  ended: (at) => to.ended(at, 'ended'),
  gone: (at) => to.gone(at, 'ended'),
  revoked: (at) => to.revoked(at, 'ended'),
};
const AFTERWARDS: Steps = {
  'the others remain': to.othersRemain,
  'the others have ended': (at) => to.othersEnded(at, LOGOUT),
  'without a cookie': to.withoutCookie,
};
const BEGINNING_ANEW: Steps = {
  created: (at) => to.created(at, handle('created')),
  replaced: (at) => to.replaced(at, handle('replaced')),
};

const oneOf = (...steps: Steps[]) => fc.constantFrom(...Object.entries(Object.assign({}, ...steps) as Steps));
const many = (...steps: Steps[]) => fc.array(oneOf(...steps), { maxLength: 8 });
const run = (at: Snapshot, steps: [string, Step][]) => steps.reduce((now, [, step]) => step(now), at);
const begun = oneOf(BEGINNINGS).map(([, step]) => step(to.UNOPENED));

const dead = ({ state }: Snapshot) => state.kind === 'ended' || state.kind === 'ending';

describe('the transitions of one request', () => {
  it('never bring an ended session back: only another session takes its place', () => {
    fc.assert(
      fc.property(
        begun,
        many(CONTINUING, INTENDING),
        oneOf(ENDING),
        many(CONTINUING, INTENDING, ENDING, AFTERWARDS),
        (at, before, [, end], after) => {
          const ended = end(run(at, before));
          expect(dead(ended)).toBe(true);
          expect(dead(run(ended, after))).toBe(true);
        },
      ),
    );
  });

  it('never set a cookie for a session that this request ends', () => {
    fc.assert(
      fc.property(
        begun,
        many(CONTINUING, INTENDING),
        fc.constantFrom(ENDING['logout']!, ENDING['clear']!, ENDING['revoked']!),
        many(CONTINUING, INTENDING, AFTERWARDS),
        (at, before, end, after) => {
          const live = run(at, before);
          fc.pre(handleOf(live.state) !== undefined || formerOf(live.state) !== undefined);
          expect([CookieAction.Expire, CookieAction.Forget, CookieAction.Keep]).toContain(
            run(end(live), after).cookie,
          );
        },
      ),
    );
  });

  it('leave the cookie alone where there is no session to end', () => {
    fc.assert(
      fc.property(fc.constantFrom(LOGOUT, CLEAR), fc.boolean(), (end, wasForeign) => {
        const at = wasForeign ? to.rejected(to.UNOPENED, foreign, false) : to.UNOPENED;
        expect(to.ending(at, 'ended', end)).toMatchObject({
          state: { kind: 'ended' },
          cookie: CookieAction.Keep,
        });
      }),
    );
  });

  it('keep what can still end the session until something has', () => {
    fc.assert(
      fc.property(begun, many(CONTINUING, INTENDING), (at, before) => {
        const live = run(at, before);
        fc.pre(live.state.kind !== 'unavailable');
        const { id } = (handleOf(live.state) ?? formerOf(live.state)?.handle)?.record ?? {};
        const lost = to.gone(live, 'ended');
        expect((handleOf(lost.state) ?? formerOf(lost.state)?.handle)?.record.id).toBe(id);
        const left = to.ending(live, 'ended', LOGOUT);
        expect((handleOf(left.state) ?? formerOf(left.state)?.handle)?.record.id).toBe(id);
      }),
    );
  });

  it('forget the planned logout as soon as the session ends or another takes its place', () => {
    fc.assert(
      fc.property(
        begun,
        many(CONTINUING, INTENDING),
        oneOf({ logout: ENDING['logout']!, clear: ENDING['clear']!, replaced: BEGINNING_ANEW['replaced']! }),
        (at, before, [, step]) => {
          const planned = to.loggingOut(run(at, before), true);
          expect(step(planned).intent).toEqual({ active: planned.intent.active });
        },
      ),
    );
  });

  it('plan a logout everywhere if one of several handlers asks for it', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1 }), (asked) => {
        const { intent } = asked.reduce((at, everywhere) => to.loggingOut(at, everywhere), to.UNOPENED);
        expect(intent.logout).toEqual({ everywhere: asked.includes(true) });
      }),
    );
  });

  it('take neither suspicion nor confirmation over to another session', () => {
    fc.assert(
      fc.property(begun, many(CONTINUING), oneOf(BEGINNING_ANEW), (at, before, [, step]) => {
        expect(step(run(at, before))).toMatchObject({
          state: { kind: 'live', suspicious: false, confirms: false, marks: false },
          cookie: CookieAction.Set,
        });
      }),
    );
  });

  it('start over after an end without clearing other data of the browser', () => {
    fc.assert(
      fc.property(begun, oneOf(ENDING), many(AFTERWARDS), (at, [, end], after) => {
        const anew = to.startedOver(run(end(at), after));
        expect(anew.state.kind).toBe('anonymous');
        expect(anew.cookie).not.toBe(CookieAction.Forget);
      }),
    );
  });

  it('never change a value that was handed out', () => {
    fc.assert(
      fc.property(begun, many(CONTINUING, INTENDING, ENDING, AFTERWARDS, BEGINNING_ANEW), (at, steps) => {
        const seen = [at];
        const texts = [JSON.stringify(at)];
        for (const [, step] of steps) {
          const next = step(seen.at(-1)!);
          seen.push(next);
          texts.push(JSON.stringify(next));
        }
        expect(seen.map((value) => JSON.stringify(value))).toEqual(texts);
      }),
    );
  });
});

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
    const previous = { hash: 'old', until: 1, honoured: true, nonce: 'n', pending };
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
