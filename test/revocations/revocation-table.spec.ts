import fc from 'fast-check';
import { mergedWarning, MOST_PER_SUBJECT, RevocationTable } from '../../lib/revocations/revocation-table.js';
import {
  ALL_VERSIONS,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type SealedToken,
  type Verdict,
} from '../../lib/revocations/revocation-list.js';
import { newId } from '../../lib/core/token/ids.js';

const FAR = 1e12;
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

  it('an entry of a higher rank and narrower scope spares nothing that an earlier one voids', () => {
    const token = { id: 'a', subject: 'alice', version: 0, issuedAt: 5, epoch: '' };
    const table = tableOf([subjectRevocationOf('alice', 10, FAR)]);
    for (const scope of [{ except: ['a'] }, { only: ['b'] }, { except: ids }]) {
      // Under the same key, as a forged entry could be.
      const { key } = subjectRevocationOf('alice', 10, FAR);
      table.apply({ ...subjectRevocationOf('alice', 1_000, FAR, scope), key });
      expect(table.check(token, 0)).toEqual({ live: false, why: 'ended' });
    }
  });

  it('voids a session that one of several revocations did not spare', () => {
    const table = tableOf([
      subjectRevocationOf('alice', 10, FAR, { except: ['a'] }),
      subjectRevocationOf('alice', 20, FAR, { except: ['b'] }),
    ]);
    const live = (id: string, issuedAt: number) =>
      table.check({ id, subject: 'alice', version: 0, issuedAt, epoch: '' }, 0).live;
    expect([live('a', 15), live('a', 21)]).toEqual([false, true]);
    expect([live('b', 10), live('b', 11)]).toEqual([false, true]);
    expect([live('c', 20), live('c', 21)]).toEqual([false, true]);
    expect(table.revokedSince('alice')).toBe(20);
  });

  it('adds nothing for the same revocation again', () => {
    const table = new RevocationTable();
    const one = { only: ['a'] };
    expect(table.apply(subjectRevocationOf('bob', 1, FAR, one))).toBe(true);
    expect(table.apply(subjectRevocationOf('bob', 2, FAR, one))).toBe(false);
    expect(table.size).toBe(1);
  });

  it('merges too many entries of one subject into one for all of its sessions', () => {
    let merged = 0;
    const table = new RevocationTable(MOST_PER_SUBJECT, () => merged++);
    const revoked = Array.from({ length: MOST_PER_SUBJECT }, newId);
    for (const [i, id] of revoked.entries())
      table.apply(subjectRevocationOf('alice', i, FAR, { only: [id] }));
    const other = { id: newId(), subject: 'alice', version: 0, issuedAt: 7, epoch: '' };
    expect([table.size, merged, table.check(other, 0).live]).toEqual([MOST_PER_SUBJECT, 0, true]);
    table.apply(subjectRevocationOf('alice', 5_000, FAR, { only: [newId()] }));
    expect([table.size, merged, table.check(other, 0).live]).toEqual([1, 1, false]);
    expect(table.revokedSince('alice')).toBe(5_000);
    for (let i = 0; i < 150_000; i++)
      table.apply(subjectRevocationOf('alice', 6_000, FAR, { only: [`${i}`] }));
    expect(table.size).toBeLessThanOrEqual(MOST_PER_SUBJECT + 1);
    expect(() => table.revokedSince('alice')).not.toThrow();
    expect(table.check({ ...other, issuedAt: 9_000 }, 0).live).toBe(true);
    table.sweep(FAR + 2 * MINUTE);
    expect(table.size).toBe(0);
  });
});

describe('what a table knows of a subject', () => {
  it('is nothing without a revocation of its own', () => {
    const table = tableOf([subjectRevocationOf('bob', 10, FAR, { at: 7 })]);
    expect([table.revokedSince('alice'), table.revokedAt('alice')]).toEqual([-Infinity, -Infinity]);
    expect([table.revokedSince('bob'), table.revokedAt('bob')]).toEqual([10, 7]);
  });

  it('does not concern a token without a subject, or a session that was not revoked', () => {
    const table = tableOf([subjectRevocationOf('alice', 10, FAR)]);
    const token = { id: 'a', issuedAt: 5, epoch: '' };
    expect(table.check({ ...token, version: 0 }, 0)).toEqual({ live: true, version: 0 });
    expect(table.check({ ...token, version: 3 }, 0)).toEqual({ live: true, version: 3 });
    expect(table.check({ ...token, subject: 'bob', version: 3 }, 0)).toEqual({ live: true, version: 3 });
    expect(table.check({ ...token, subject: 'alice', version: 3 }, 0)).toEqual({ live: false, why: 'ended' });
  });

  it('is merged without a listener, and by default beyond the documented number', () => {
    const ofSessions = (count: number) => ({ only: Array.from({ length: count }, (_, i) => `${i}`) });
    const table = new RevocationTable();
    table.apply(subjectRevocationOf('alice', 10, FAR, ofSessions(1_000)));
    expect(table.size).toBe(1_000);
    table.apply(subjectRevocationOf('alice', 10, FAR, ofSessions(1_001)));
    expect(table.size).toBe(1);
    expect(mergedWarning()).toMatch(/^More than 1000 revocations .* restrict who may call revoke\(\)/);
  });
});

describe('the sweep of a table', () => {
  const ended = (id: string, until: number) =>
    revocationOf(id, until, { why: 'ended', grace: 0, honoured: false }, ALL_VERSIONS);

  it('comes to an entry with the minute after its expiry', () => {
    const table = tableOf([ended('a', MINUTE / 2), ended('b', MINUTE)]);
    table.sweep(MINUTE - 1);
    expect(table.size).toBe(2);
    table.sweep(MINUTE);
    expect(table.size).toBe(1);
    table.sweep(2 * MINUTE - 1);
    expect(table.size).toBe(1);
    table.sweep(2 * MINUTE);
    expect(table.size).toBe(0);
  });

  it('keeps an entry that was extended until its new expiry', () => {
    const table = tableOf([ended('a', MINUTE / 2), ended('b', MINUTE / 2), ended('a', 3.5 * MINUTE)]);
    table.sweep(MINUTE);
    expect(table.size).toBe(1);
    table.sweep(4 * MINUTE - 1);
    expect(table.check({ id: 'a', version: 0, issuedAt: 0, epoch: '' }, 0).live).toBe(false);
    table.sweep(4 * MINUTE);
    expect(table.size).toBe(0);
  });

  it('drops the parts of a subject one by one, in any order of their expiry', () => {
    const table = tableOf([
      subjectRevocationOf('alice', 10, 3.5 * MINUTE),
      subjectRevocationOf('alice', 20, 0.5 * MINUTE, { only: ['a'] }),
      subjectRevocationOf('alice', 20, 1.5 * MINUTE, { only: ['b'] }),
      subjectRevocationOf('bob', 20, 1.5 * MINUTE, { only: ['b'] }),
    ]);
    const sizes = [0, 1, 2, 3, 4].map((minute) => {
      table.sweep(minute * MINUTE);
      return table.size;
    });
    expect(sizes).toEqual([4, 3, 1, 1, 0]);
    expect(table.apply(subjectRevocationOf('alice', 10, 9 * MINUTE))).toBe(true);
    expect(table.size).toBe(1);
  });

  it('leaves what began anew after the sweep', () => {
    const table = tableOf([ended('a', MINUTE / 2)]);
    table.sweep(MINUTE);
    expect(table.apply(ended('a', 1.5 * MINUTE))).toBe(true);
    table.sweep(MINUTE);
    expect(table.size).toBe(1);
    table.sweep(2 * MINUTE);
    expect(table.size).toBe(0);
  });
});
