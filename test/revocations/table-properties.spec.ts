import fc from 'fast-check';
import { MOST_PER_SUBJECT, RevocationTable } from '../../lib/revocations/revocation-table.js';
import {
  ALL_VERSIONS,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type SealedToken,
  type Verdict,
} from '../../lib/revocations/revocation-list.js';

const MINUTE = 60_000;

const ids = ['a', 'b', 'c'];
const subjects = ['alice', 'bob'];
const anId = fc.constantFrom(...ids);
const time = fc.integer({ min: 0, max: 12 });
const until = fc.integer({ min: 1, max: 5 }).map((minutes) => minutes * MINUTE);

const ofSession: fc.Arbitrary<Revocation> = fc
  .record({
    id: anId,
    until,
    why: fc.constantFrom('ended', 'replaced', 'evicted', 'rotated'),
    grace: time,
    honoured: fc.boolean(),
    rank: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(ALL_VERSIONS)),
  })
  .map(({ id, until, rank, ...terms }) => revocationOf(id, until, terms, rank));

const ofSubject: fc.Arbitrary<Revocation> = fc
  .record({
    subject: fc.constantFrom(...subjects),
    rank: time,
    until,
    scope: fc.oneof(
      fc.constant({}),
      fc.record({ except: fc.uniqueArray(anId, { maxLength: 2 }) }),
      fc.record({ only: fc.uniqueArray(anId, { minLength: 1, maxLength: 2 }) }),
    ),
  })
  .map(({ subject, rank, until, scope }) => subjectRevocationOf(subject, rank, until, scope));

const revocations = fc.array(fc.oneof(ofSession, ofSubject), { maxLength: 25 });
const bound = fc.constantFrom(1, 2, MOST_PER_SUBJECT);

const tokens: SealedToken[] = ids.flatMap((id) =>
  [undefined, ...subjects].flatMap((subject) =>
    [0, 6, 13].flatMap((issuedAt) =>
      [0, 2, 3].map((version) => ({
        id,
        version,
        issuedAt,
        epoch: '',
        ...(subject !== undefined && { subject }),
      })),
    ),
  ),
);
const NOWS = [0, 6, 20];

const verdicts = (table: RevocationTable) =>
  NOWS.flatMap((now) => tokens.map((token) => table.check(token, now)));

/** Indexes of the tokens that were void before and are live after. */
const revived = (before: Verdict[], after: Verdict[]): number[] =>
  before.flatMap((verdict, i) => (!verdict.live && after[i]!.live ? [i] : []));

const tableOf = (applied: readonly Revocation[], most?: number): RevocationTable => {
  const table = new RevocationTable(most);
  for (const one of applied) table.apply(one);
  return table;
};

describe('the revocation table', () => {
  it('never makes a void token live, whatever is applied later', () => {
    fc.assert(
      fc.property(revocations, bound, (applied, most) => {
        const table = new RevocationTable(most);
        let before = verdicts(table);
        for (const one of applied) {
          table.apply(one);
          const after = verdicts(table);
          expect(revived(before, after)).toEqual([]);
          before = after;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('voids what each entry alone would void, until that entry expires', () => {
    fc.assert(
      fc.property(revocations, bound, fc.integer({ min: 0, max: 6 }), (applied, most, minutes) => {
        const table = tableOf(applied, most);
        const now = minutes * MINUTE + 1;
        table.sweep(now);
        const after = verdicts(table);
        for (const one of applied) {
          if (one.until <= now) continue;
          expect(revived(verdicts(tableOf([one])), after)).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('does not depend on the order or repetition of entries', () => {
    const twice = revocations.chain((applied) =>
      fc.tuple(
        fc.constant(applied),
        fc.shuffledSubarray([...applied, ...applied], { minLength: 2 * applied.length }),
      ),
    );
    fc.assert(
      fc.property(twice, (orders) => {
        const [one, other] = orders.map((applied) => tableOf(applied));
        expect(verdicts(one!)).toEqual(verdicts(other!));
        expect(one!.size).toBe(other!.size);
        for (const subject of subjects) expect(one!.revokedSince(subject)).toBe(other!.revokedSince(subject));
      }),
      { numRuns: 150 },
    );
  });

  it('removes nothing early, and everything once all has expired', () => {
    fc.assert(
      fc.property(revocations, bound, (applied, most) => {
        const table = tableOf(applied, most);
        const dead = verdicts(table);
        table.sweep(0);
        expect(verdicts(table)).toEqual(dead);
        for (let minute = 1; minute <= 7; minute++) table.sweep(minute * MINUTE);
        expect(table.size).toBe(0);
        expect(verdicts(table).every(({ live }) => live)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
