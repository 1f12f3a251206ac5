import {
  afterConfirmation,
  afterRotation,
  KNOWN_PREDECESSORS,
  standingOfToken,
  TokenStanding,
} from '../../../lib/core/model/predecessors.js';
import type { PredecessorSecret, SessionRecord } from '../../../lib/core/model/record.js';
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

describe('what a confirmation keeps', () => {
  it('begins the grace of all predecessors at the confirmation', () => {
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

  it('does not open the session again by the confirmation of a rotation that was pending for too long', () => {
    const record = rotated({ pending: true, honoured: true, until: NOW });
    expect(afterConfirmation(record, NOW, GRACE)).toMatchObject({ honoured: false, until: NOW + GRACE });
  });
});

describe('what a rotation keeps', () => {
  const TERMS = { from: 'present', nonce: 'nonce', honoured: true, now: NOW, grace: GRACE };
  const rotation = { ...TERMS, pendingFor: PENDING_FOR, presented: false };
  const before = (previous: Partial<PredecessorSecret>) => ({
    record: aRecord({
      previous: { hash: 'old', until: NOW, honoured: true, nonce: 'n', ...previous },
    }),
  });
  const earlierAfter = (previous: Partial<PredecessorSecret>, terms = {}) =>
    afterRotation(before(previous).record, { ...rotation, ...terms }).earlier;

  it('is the present secret, honoured until its successor is presented', () => {
    const kept = { hash: 'present', until: NOW + PENDING_FOR, honoured: true, nonce: 'nonce', pending: true };
    expect(afterRotation(aRecord(), rotation)).toStrictEqual(kept);
    expect(afterRotation(aRecord(), { ...rotation, presented: true })).toStrictEqual(kept);
  });

  it('is the present secret with an epoch, not honoured, at a re-login', () => {
    expect(afterRotation(aRecord(), { ...rotation, honoured: false })).toStrictEqual({
      ...{ hash: 'present', until: NOW + GRACE, honoured: false, nonce: 'nonce', pending: true },
      epoch: 1,
    });
  });

  it('is the epoch of the record, and the next one at a re-login', () => {
    const { record } = before({ epoch: 2 });
    expect(afterRotation(record, rotation).epoch).toBe(2);
    expect(afterRotation(record, { ...rotation, honoured: false }).epoch).toBe(3);
  });

  it.each<[string, Partial<PredecessorSecret>, number]>([
    ['gives one that was honoured until now another grace', { until: NOW + 1 }, NOW + GRACE],
    ['leaves a longer grace', { until: NOW + GRACE + 1 }, NOW + GRACE + 1],
    ['gives none to one whose grace is over', { until: NOW }, NOW],
    ['gives none to one that was not honoured', { until: NOW + 1, honoured: false }, NOW + 1],
  ])('%s', (_name, previous, until) => {
    expect(earlierAfter(previous)).toStrictEqual([{ hash: 'old', until }]);
  });

  it('lets the grace of one that is pending begin later, or now if its successor was presented', () => {
    const pending = { pending: true, until: NOW + 1 } as const;
    expect(earlierAfter(pending)).toStrictEqual([{ hash: 'old' }]);
    expect(earlierAfter(pending, { presented: true })).toStrictEqual([{ hash: 'old', until: NOW + GRACE }]);
  });

  it('drops the oldest of too many, and keeps when the last grace of these is over', () => {
    const known = (oldest: { until?: number }) => [
      ...Array.from({ length: KNOWN_PREDECESSORS - 2 }, (_, i) => ({ hash: `${i}`, until: i })),
      { hash: 'oldest', ...oldest },
    ];
    const after = (oldest: { until?: number }, rest?: { until?: number }) => {
      const kept = afterRotation(before({ earlier: known(oldest), ...(rest && { rest }) }).record, rotation);
      expect(kept.earlier).toStrictEqual([{ hash: 'old', until: NOW }, ...known({}).slice(0, -1)]);
      return kept.rest;
    };
    expect(after({ until: 50 })).toStrictEqual({ until: 50 });
    expect(after({})).toStrictEqual({});
    expect(after({ until: 50 }, { until: 40 })).toStrictEqual({ until: 50 });
    expect(after({ until: 50 }, { until: 60 })).toStrictEqual({ until: 60 });
    expect(after({ until: 50 }, {})).toStrictEqual({});
    expect(after({}, { until: 60 })).toStrictEqual({});
  });

  it('drops none of as many as it may know', () => {
    const earlier = Array.from({ length: KNOWN_PREDECESSORS - 2 }, (_, i) => ({ hash: `${i}`, until: i }));
    const kept = afterRotation(before({ earlier }).record, rotation);
    expect(kept.earlier).toStrictEqual([{ hash: 'old', until: NOW }, ...earlier]);
    expect(kept).not.toHaveProperty('rest');
  });
});
