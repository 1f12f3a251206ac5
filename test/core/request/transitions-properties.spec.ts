import fc from 'fast-check';
import { CookieAction, handleOf, formerOf } from '../../../lib/core/request/state.js';
import * as to from '../../../lib/core/request/transitions.js';
import type { Snapshot } from '../../../lib/core/request/transitions.js';
import { CLEAR, foreign, handle, LOGOUT, reuse, token } from './snapshots.js';

type Step = (at: Snapshot) => Snapshot;
type Steps = Record<string, Step>;

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
