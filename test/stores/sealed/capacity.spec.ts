import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryRevocations } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { RevocationTable } from '../../../lib/revocations/revocation-table.js';
import { revocationOf, subjectRevocationOf } from '../../../lib/revocations/revocation-list.js';
import { newId } from '../../../lib/core/token/ids.js';

const LIVE = 100_000;
const HALF_HOUR = 30 * 60_000;
const token = (id: string, subject = 'alice') => ({ id, subject, version: 0, issuedAt: 0, epoch: '' });
const terms = { why: 'ended', grace: 0, honoured: false } as const;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of live objects. */
function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Average nanoseconds of one call. */
function cost(calls: number, act: (i: number) => unknown): number {
  for (let i = 0; i < calls; i++) act(i);
  const from = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) act(i);
  return Number(process.hrtime.bigint() - from) / calls;
}

describe('100,000 live revocations', () => {
  it('take little memory and do not slow lookups down', () => {
    const table = new RevocationTable();
    const until = HALF_HOUR;
    const unknown = Array.from({ length: 1_000 }, newId);
    const empty = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    const ids = Array.from({ length: LIVE }, newId);
    const before = heap();
    for (const id of ids) table.apply(revocationOf(id, until, terms));
    const bytes = (heap() - before) / LIVE;
    const hit = cost(200_000, (i) => table.check(token(ids[i % LIVE]!), 0));
    const miss = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    for (let i = 0; i < 1_000; i++) table.apply(subjectRevocationOf(`user-${i}`, 1, until));
    const subject = cost(200_000, (i) => table.check(token(unknown[i % 1_000]!), 0));
    process.stdout.write(
      `${LIVE} live revocations: about ${bytes.toFixed(0)} bytes each (${((bytes * LIVE) / 2 ** 20).toFixed(0)} MB); ` +
        `lookup ${empty.toFixed(0)} ns with none, ${miss.toFixed(0)} ns for a live session, ${hit.toFixed(0)} ns for a revoked one, ` +
        `${subject.toFixed(0)} ns with 1,000 revoked subjects\n`,
    );
    expect(table.size).toBe(LIVE + 1_000);
    expect(bytes).toBeLessThan(2_000);
    expect(miss).toBeLessThan(20_000);
    expect(table.check(token(ids[7]!), 0).live).toBe(false);
    expect(table.check(token(unknown[7]!), 0).live).toBe(true);
  });

  it('are removed when the last token has expired, and not before', async () => {
    const clock = new FakeClock();
    const list = new MemoryRevocations();
    list.bind({ clock, clockInjected: true, timeout: 1, warn: () => undefined });
    const end = clock.now() + HALF_HOUR;
    const ids = Array.from({ length: LIVE }, newId);
    for (const id of ids) await list.add(revocationOf(id, end, terms));
    await list.add(subjectRevocationOf('alice', clock.now(), end + HALF_HOUR));
    clock.advance('29m');
    list.sweep();
    expect(list.size).toBe(LIVE + 1);
    expect(list.check(token(ids[0]!)).live).toBe(false);
    clock.advance('2m');
    list.sweep();
    expect(list.size).toBe(1);
    clock.advance('31m');
    list.sweep();
    expect(list.size).toBe(0);
    list.close();
  });
});
