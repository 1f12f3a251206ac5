import fc from 'fast-check';
import {
  afterConfirmation,
  afterRotation,
  KNOWN_PREDECESSORS,
  standingOfToken,
  TokenStanding,
} from '../../../lib/core/model/predecessors.js';
import { epochOf, type SessionRecord } from '../../../lib/core/model/record.js';
import { aRecord } from '../../../lib/testing/contract/store-under-test.js';

const { Present, Honoured, Reused } = TokenStanding;

const NOW = 1_000_000;
const GRACE = 10_000;
const PENDING_FOR = 60_000;

/** What may happen to a session, one thing after the other. */
interface Step {
  kind: 'rotation' | 'relogin' | 'confirmation';
  wait: number;
  /** The rotation comes with the present secret. */
  presented: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('rotation', 'relogin', 'confirmation'),
    wait: fc.constantFrom(0, 1, GRACE - 1, GRACE, PENDING_FOR, 5 * PENDING_FOR),
    presented: fc.boolean(),
  }),
  // By default most arrays are so short that no record ever has too many predecessors.
  { maxLength: 3 * KNOWN_PREDECESSORS, size: 'max' },
);

interface History {
  record: SessionRecord;
  /** Every secret that the session had, the present one last. */
  secrets: string[];
  now: number;
}

function carriedOut(
  all: readonly Step[],
  onStep: (before: SessionRecord, history: History) => void,
): History {
  const history: History = { record: aRecord({ secretHash: 'secret 0' }), secrets: ['secret 0'], now: NOW };
  for (const step of all) {
    const before = history.record;
    history.now += step.wait;
    history.record = step.kind === 'confirmation' ? confirmed(history) : replaced(history, step);
    onStep(before, history);
  }
  return history;
}

function confirmed({ record, now }: History): SessionRecord {
  const previous = afterConfirmation(record, now, GRACE);
  return { ...record, ...(previous && { previous }) };
}

function replaced({ record, secrets, now }: History, { kind, presented }: Step): SessionRecord {
  const previous = afterRotation(record, {
    from: record.secretHash,
    nonce: 'nonce',
    honoured: kind === 'rotation',
    now,
    grace: GRACE,
    pendingFor: PENDING_FOR,
    presented,
  });
  const secretHash = `secret ${secrets.length}`;
  secrets.push(secretHash);
  return { ...record, secretHash, previous };
}

const OPENING = [Present, Honoured];

describe('afterRotation and afterConfirmation', () => {
  it('let the present secret open the session, its predecessor perhaps, and no other', () => {
    fc.assert(
      fc.property(steps, (all) => {
        carriedOut(all, (_before, { record, secrets, now }) => {
          const standings = secrets.map((secret) => standingOfToken(record, secret, now, true));
          expect(standings.at(-1)).toBe(Present);
          for (const standing of standings.slice(0, -2)) expect(OPENING).not.toContain(standing);
        });
      }),
    );
  });

  it('report no reuse for another grace of a secret that was valid until now', () => {
    fc.assert(
      fc.property(steps, (all) => {
        carriedOut(all, (before, { record, secrets, now }) => {
          if (record.previous === before.previous) return;
          for (const secret of secrets) {
            if (!OPENING.includes(standingOfToken(before, secret, now, true))) continue;
            for (const later of [0, GRACE - 1])
              expect(standingOfToken(record, secret, now + later, true)).not.toBe(Reused);
          }
        });
      }),
    );
  });

  it('remember at most so many hashes, each of them of this session', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { record, secrets } = carriedOut(all, () => undefined);
        const { previous } = record;
        const known = previous ? [previous, ...(previous.earlier ?? [])].map(({ hash }) => hash) : [];
        expect(known.length).toBeLessThanOrEqual(KNOWN_PREDECESSORS);
        expect(known).toEqual(secrets.slice(0, -1).reverse().slice(0, KNOWN_PREDECESSORS));
        expect(previous?.rest !== undefined).toBe(secrets.length - 1 > KNOWN_PREDECESSORS);
      }),
    );
  });

  it('count an epoch for each re-login, and none for a rotation or confirmation', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { record } = carriedOut(all, () => undefined);
        expect(epochOf(record)).toBe(all.filter(({ kind }) => kind === 'relogin').length);
      }),
    );
  });

  it('change nothing by a second confirmation', () => {
    fc.assert(
      fc.property(steps, fc.nat(PENDING_FOR), (all, later) => {
        const history = carriedOut(
          [...all, { kind: 'confirmation', wait: 0, presented: true }],
          () => undefined,
        );
        expect(afterConfirmation(history.record, history.now + later, GRACE)).toEqual(
          history.record.previous,
        );
      }),
    );
  });
});
