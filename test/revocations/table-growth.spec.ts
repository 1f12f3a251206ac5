import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { subjectRevocationOf } from '../../lib/revocations/revocation-list.js';
import { RevocationTable } from '../../lib/revocations/revocation-table.js';

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
});
