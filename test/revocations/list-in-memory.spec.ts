import { jest } from '@jest/globals';
import { MemoryRevocations } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { revocationOf, subjectRevocationOf } from '../../lib/revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';

const MINUTE = 60_000;
const replaced = { why: 'replaced', grace: MINUTE, honoured: false } as const;
const token = (id: string, subject = 'alice') => ({ id, subject, version: 0, issuedAt: 1, epoch: '' });

describe('the list in the memory of a process', () => {
  const environment = process.env['NODE_ENV'];
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => {
    jest.useRealTimers();
    process.env['NODE_ENV'] = environment;
  });

  function bound(list = new MemoryRevocations()) {
    const clock = new FakeClock(0);
    const warnings: string[] = [];
    const bind = () =>
      list.bind({ clock, clockInjected: true, timeout: 5_000, warn: (message) => warnings.push(message) });
    bind();
    return { list, clock, warnings, bind };
  }

  it('has an epoch of its own, and no lag', () => {
    const [one, other] = [new MemoryRevocations(), new MemoryRevocations()];
    expect(one.epoch).toMatch(/^[\w-]{8}$/);
    expect(one.epoch).not.toBe(other.epoch);
    expect([one.skew, one.lag]).toEqual([0, 0]);
  });

  it('refuses options', () => {
    expect(() => new MemoryRevocations({ staleness: '5s' } as unknown as Record<string, never>)).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS',
        message: expect.stringMatching(/^MemoryRevocations: .*staleness/),
      }),
    );
  });

  it('has nothing to read', () => {
    const { list } = bound();
    expect(list.fresh()).toBeUndefined();
    expect(list.sync()).toBeUndefined();
  });

  it('says whether a revocation was new, and what it voids by the clock of the module', async () => {
    const { list, clock } = bound();
    expect(list.check(token('a')).live).toBe(true);
    expect(await list.add(revocationOf('a', 1e15, replaced))).toBe(true);
    expect(await list.add(revocationOf('a', 1e15, replaced))).toBe(false);
    expect(list.size).toBe(1);
    clock.advance(MINUTE - 1);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'replaced' });
    clock.advance(1);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'ended' });
  });

  it('goes by the clock of the machine before it is used', async () => {
    const list = new MemoryRevocations();
    await list.add(revocationOf('a', 1e15, replaced));
    jest.setSystemTime(MINUTE - 1);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'replaced' });
    jest.setSystemTime(MINUTE);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'ended' });
  });

  it('knows since when a subject is revoked, and when that began', async () => {
    const { list } = bound();
    expect([list.revokedSince('alice'), list.revokedAt('alice')]).toEqual([-Infinity, -Infinity]);
    await list.add(subjectRevocationOf('alice', 5, 1e15, { at: 4 }));
    expect([list.revokedSince('alice'), list.revokedAt('alice')]).toEqual([5, 4]);
  });

  it('removes what has expired once a minute', async () => {
    const { list, clock } = bound();
    await list.add(revocationOf('a', 1, replaced));
    clock.advance(10 * MINUTE);
    jest.advanceTimersByTime(MINUTE - 1);
    expect(list.size).toBe(1);
    jest.advanceTimersByTime(1);
    expect(list.size).toBe(0);
  });

  it('keeps what expires later', async () => {
    const { list } = bound();
    await list.add(revocationOf('a', 1, replaced));
    list.sweep();
    expect(list.size).toBe(1);
  });

  it('goes on with that until each module has closed it, and again for one that comes later', async () => {
    const { list, clock, bind } = bound();
    bind();
    clock.advance(10 * MINUTE);
    const sizeAfterAMinute = async () => {
      await list.add(revocationOf('a', 1, replaced));
      jest.advanceTimersByTime(MINUTE);
      return list.size;
    };
    list.close();
    expect(await sizeAfterAMinute()).toBe(0);
    list.close();
    expect(await sizeAfterAMinute()).toBe(1);
    bind();
    expect(await sizeAfterAMinute()).toBe(0);
    list.close();
    expect(await sizeAfterAMinute()).toBe(1);
  });

  it('warns once of entries of one subject that were merged', async () => {
    const { list, warnings } = bound();
    const ids = Array.from({ length: MOST_PER_SUBJECT + 1 }, (_, i) => `session ${i}`);
    await list.add(subjectRevocationOf('alice', 5, 1e15, { only: ids.slice(1) }));
    expect([warnings, list.check(token('bystander')).live]).toEqual([[], true]);
    await list.add(subjectRevocationOf('alice', 5, 1e15, { only: ids.slice(0, 1) }));
    expect(warnings).toEqual([expect.stringContaining(`${MOST_PER_SUBJECT}`)]);
    expect(list.check(token('bystander')).live).toBe(false);
  });

  it('merges them before it is used, too', async () => {
    const list = new MemoryRevocations();
    const ids = Array.from({ length: MOST_PER_SUBJECT + 1 }, (_, i) => `session ${i}`);
    expect(await list.add(subjectRevocationOf('alice', 5, 1e15, { only: ids }))).toBe(true);
    expect(list.size).toBe(1);
  });

  it('warns in production that it is for one node, once however many modules use it', () => {
    process.env['NODE_ENV'] = 'production';
    const { warnings, bind } = bound();
    expect(warnings).toEqual([expect.stringMatching(/RedisRevocations.*PostgresRevocations/)]);
    bind();
    expect(warnings).toHaveLength(1);
  });

  it('does not warn elsewhere', () => {
    expect(bound().warnings).toEqual([]);
  });

  it('is found to be as it should be, and in production to be for one node', () => {
    const { list } = bound();
    expect(list.examine()).toStrictEqual([{ level: 'ok', finding: expect.stringContaining('memory') }]);
    process.env['NODE_ENV'] = 'production';
    expect(list.examine()).toStrictEqual([
      {
        level: 'warning',
        finding: expect.stringContaining('memory'),
        remedy: expect.stringMatching(/RedisRevocations.*PostgresRevocations/),
      },
    ]);
  });
});
