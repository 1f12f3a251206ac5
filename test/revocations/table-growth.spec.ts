import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { subjectRevocationOf } from '../../lib/revocations/revocation-list.js';
import { newId } from '../../lib/core/token/ids.js';
import { MOST_PER_SUBJECT, RevocationTable } from '../../lib/revocations/revocation-table.js';

const FAR = 1e12;
const MINUTE = 60_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

describe('the revocation table', () => {
  it('takes no memory for the same revocation again', () => {
    const table = new RevocationTable();
    const all = (i: number) => subjectRevocationOf('alice', i, FAR + i * MINUTE);
    for (let i = 0; i < 1_000; i++) table.apply(all(i));
    const before = heap();
    for (let i = 0; i < 100_000; i++) table.apply(all(i));
    expect(table.size).toBe(1);
    // It was 345 bytes each.
    expect((heap() - before) / 100_000).toBeLessThan(100);
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

  it('keeps nothing of a subject whose revocations have expired', () => {
    const table = new RevocationTable();
    const before = heap();
    for (let i = 0; i < 20_000; i++) table.apply(subjectRevocationOf(`user ${i}`, i, FAR));
    table.sweep(FAR + 2 * MINUTE);
    expect(table.size).toBe(0);
    // A subject that is kept takes 660.
    expect((heap() - before) / 20_000).toBeLessThan(200);
  });
});
