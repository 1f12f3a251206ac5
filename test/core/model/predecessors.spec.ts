import fc from 'fast-check';
import {
  afterConfirmation,
  afterRotation,
  KNOWN_PREDECESSORS,
  standingOfToken,
  TokenStanding,
} from '../../../lib/core/model/predecessors.js';
import { epochOf, type PredecessorSecret, type SessionRecord } from '../../../lib/core/model/record.js';
import { aPredecessor, aRecord } from '../../../lib/testing/contract/store-under-test.js';

const { Present, Honoured, Superseded, Lapsed, Reused, Unknown } = TokenStanding;

const NOW = 1_000_000;
const GRACE = 10_000;
const PENDING_FOR = 60_000;

const rotated = (previous: Partial<PredecessorSecret>): SessionRecord =>
  aRecord({ previous: aPredecessor({ hash: 'old', ...previous }) });

describe('standingOfToken', () => {
  it.each<[string, Partial<PredecessorSecret>, TokenStanding]>([
    ['honours a predecessor within its grace', { honoured: true, until: NOW + 1 }, Honoured],
    ['reports reuse of a predecessor after its grace', { honoured: true, until: NOW }, Reused],
    [
      'supersedes one that a re-login replaced, within the grace',
      { honoured: false, until: NOW + 1 },
      Superseded,
    ],
    [
      'reports reuse of one that a re-login replaced, after the grace',
      { honoured: false, until: NOW },
      Reused,
    ],
    [
      'honours one whose successor nobody has presented',
      { honoured: true, pending: true, until: NOW + 1 },
      Honoured,
    ],
    [
      'lets one lapse whose successor nobody has presented for too long',
      { honoured: true, pending: true, until: NOW },
      Lapsed,
    ],
    [
      'supersedes one that a re-login replaced, unconfirmed, at any time',
      { honoured: false, pending: true, until: 0 },
      Superseded,
    ],
  ])('%s', (_title, previous, standing) => {
    for (const certain of [true, false])
      expect(standingOfToken(rotated(previous), 'old', NOW, certain)).toBe(standing);
  });

  it('is present for the present secret, whatever is known of predecessors', () => {
    const record = rotated({ until: 0 });
    for (const certain of [true, false])
      expect(standingOfToken(record, record.secretHash, NOW, certain)).toBe(Present);
  });

  it('judges earlier predecessors by their own grace, and forgotten ones by the last', () => {
    const earlier = [{ hash: 'waiting' }, { hash: 'late', until: NOW + 1 }, { hash: 'over', until: NOW }];
    const record = rotated({ earlier, rest: { until: NOW + 1 } });
    const of = (hash: string, at = NOW) => standingOfToken(record, hash, at, true);
    expect([of('waiting'), of('late'), of('over')]).toEqual([Superseded, Superseded, Reused]);
    expect([of('forgotten'), of('forgotten', NOW + 1)]).toEqual([Superseded, Reused]);
  });

  it('does not recognise a secret without a signature for this session', () => {
    for (const record of [aRecord(), rotated({}), rotated({ rest: {} })])
      expect(standingOfToken(record, 'forgotten', NOW, false)).toBe(Unknown);
  });
});

describe('a genuine secret that matches nothing', () => {
  const of = (record: SessionRecord) => standingOfToken(record, 'newer', NOW, true);

  it('is unknown if the record knows all predecessors: a failover of the store lost its rotation', () => {
    expect(of(aRecord())).toBe(Unknown);
    expect(of(rotated({}))).toBe(Unknown);
    expect(of(rotated({ earlier: [{ hash: 'older', until: 0 }] }))).toBe(Unknown);
  });

  it('is reused if predecessors were dropped from the record', () => {
    expect(of(rotated({ earlier: [{ hash: 'older', until: 0 }], rest: { until: NOW } }))).toBe(Reused);
  });
});

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
  { maxLength: 3 * KNOWN_PREDECESSORS },
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

  it('begin the grace of all predecessors at the confirmation', () => {
    const record = rotated({
      pending: true,
      honoured: true,
      until: NOW + 1,
      earlier: [{ hash: 'waiting' }, { hash: 'ending', until: NOW + 5 }],
      rest: {},
    });
    expect(afterConfirmation(record, NOW, GRACE)).toEqual({
      hash: 'old',
      nonce: record.previous!.nonce,
      honoured: true,
      until: NOW + GRACE,
      earlier: [
        { hash: 'waiting', until: NOW + GRACE },
        { hash: 'ending', until: NOW + 5 },
      ],
      rest: { until: NOW + GRACE },
    });
  });

  it('do not open the session again by the confirmation of a rotation that was pending for too long', () => {
    const record = rotated({ pending: true, honoured: true, until: NOW });
    expect(afterConfirmation(record, NOW, GRACE)).toMatchObject({ honoured: false, until: NOW + GRACE });
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
