import { mergedWarning, RevocationTable } from '../../lib/revocations/revocation-table.js';
import {
  ALL_VERSIONS,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
} from '../../lib/revocations/revocation-list.js';

const FAR = 1e12;
const MINUTE = 60_000;

const tableOf = (applied: readonly Revocation[], most?: number): RevocationTable => {
  const table = new RevocationTable(most);
  for (const one of applied) table.apply(one);
  return table;
};

describe('the revocation table', () => {
  it('an entry of a higher rank and narrower scope spares nothing that an earlier one voids', () => {
    const token = { id: 'a', subject: 'alice', version: 0, issuedAt: 5, epoch: '' };
    const table = tableOf([subjectRevocationOf('alice', 10, FAR)]);
    for (const scope of [{ except: ['a'] }, { only: ['b'] }, { except: ['a', 'b', 'c'] }]) {
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
    const table = new RevocationTable(2, () => merged++);
    const only = (rank: number, ...ids: string[]) => subjectRevocationOf('alice', rank, FAR, { only: ids });
    const other = { id: 'other', subject: 'alice', version: 0, issuedAt: 7, epoch: '' };
    table.apply(only(10, 'a', 'b'));
    expect([table.size, merged, table.check(other, 0).live]).toEqual([2, 0, true]);
    table.apply(only(20, 'c'));
    expect([table.size, merged, table.check(other, 0).live]).toEqual([1, 1, false]);
    expect(table.revokedSince('alice')).toBe(20);
  });
});

describe('what a table knows of a subject', () => {
  it('is nothing without a revocation of its own', () => {
    const table = tableOf([subjectRevocationOf('bob', 10, FAR, { at: 7 })]);
    expect([table.revokedSince('alice'), table.revokedAt('alice')]).toEqual([-Infinity, -Infinity]);
    expect([table.revokedSince('bob'), table.revokedAt('bob')]).toEqual([10, 7]);
  });

  it('does not concern a token without a subject, or of another', () => {
    const table = tableOf([subjectRevocationOf('alice', 10, FAR), subjectRevocationOf('undefined', 10, FAR)]);
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

  it('removes nothing without a time, and ends', () => {
    const table = tableOf([ended('a', MINUTE / 2), subjectRevocationOf('alice', 10, MINUTE / 2)]);
    table.sweep(NaN);
    expect(table.size).toBe(2);
    table.sweep(MINUTE);
    expect(table.size).toBe(0);
  });

  it('never comes to an entry without an expiry, because none is taken', () => {
    const table = new RevocationTable();
    const untimed = [
      ended('a', NaN),
      subjectRevocationOf('alice', 10, NaN),
      subjectRevocationOf('alice', NaN, FAR),
    ];
    for (const one of untimed)
      expect(() => table.apply(one)).toThrow(
        expect.objectContaining({
          code: 'ERR_STORE_UNAVAILABLE',
          cause: expect.objectContaining({ message: expect.stringContaining('no rank or no expiry') }),
        }),
      );
    expect(table.size).toBe(0);
    table.sweep(FAR);
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
