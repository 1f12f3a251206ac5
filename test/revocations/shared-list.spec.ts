import { jest } from '@jest/globals';
import { revocationOf, subjectRevocationOf } from '../../lib/revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';
import { ended, hanging, LATER, settled, sharedList, START, token } from '../support/shared-list.js';

const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });
const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `session ${i}`);

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

describe('the staleness of a shared list', () => {
  it.each([
    [undefined, 5_000],
    [{}, 5_000],
    [{ staleness: '20s' }, 20_000],
    [{ staleness: 700 }, 700],
  ] as const)('of %j is its lag in milliseconds: %i', (options, lag) => {
    expect(sharedList(options).list.lag).toBe(lag);
  });

  it('is refused by name if it is no duration', () => {
    expect(() => sharedList({ staleness: 'soon' as '5s' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringContaining('staleness') }),
    );
  });

  it('is how long the copy is current', async () => {
    const { list, bind, server } = sharedList({ staleness: 900 });
    await bind();
    server.changes = hanging;
    await jest.advanceTimersByTimeAsync(900);
    expect(list.fresh()).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    const call = list.fresh();
    call?.catch(() => undefined);
    expect(call).toBeInstanceOf(Promise);
  });
});

describe('a shared list in use', () => {
  it('is queried at once, and then three times in the staleness', async () => {
    const { bind, queries } = sharedList({ staleness: 9_000 });
    await bind();
    expect(queries).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2_999);
    expect(queries).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(queries).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(6_000);
    expect(queries).toHaveLength(4);
  });

  it('is queried after as long as a timer can wait if the staleness is longer', async () => {
    const { bind, queries } = sharedList({ staleness: '1y' });
    await bind();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(queries).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2 ** 31 - 1 - 60_000);
    expect(queries).toHaveLength(2);
  });

  it('is queried after a notice', async () => {
    const { bind, queries, listeners } = sharedList();
    await bind();
    for (const notify of listeners) notify();
    expect(queries).toHaveLength(2);
  });

  it('is listened to and queried once for several modules, up to the last that closes it', async () => {
    const { list, bind, queries, listeners } = sharedList({ staleness: 9_000 });
    await bind();
    await bind();
    expect([queries.length, listeners.size]).toEqual([1, 1]);
    await list.close();
    await jest.advanceTimersByTimeAsync(3_000);
    expect([queries.length, listeners.size]).toEqual([2, 1]);
    const notices = [...listeners];
    await list.close();
    expect(listeners.size).toBe(0);
    for (const notify of notices) notify();
    await jest.advanceTimersByTimeAsync(9_000);
    expect(queries).toHaveLength(2);
  });

  it('is not queried for a notice that waits when it is closed', async () => {
    const { list, bind, queries, listeners } = sharedList();
    await bind();
    for (let i = 0; i < 26; i++) {
      for (const notify of listeners) notify();
      await settled();
    }
    expect(queries).toHaveLength(26);
    await list.close();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(queries).toHaveLength(26);
  });

  it('may be closed without having been used', () => {
    expect(sharedList().list.close()).toBeUndefined();
  });

  it('may be used again after that', async () => {
    const { list, bind, queries, listeners } = sharedList();
    await bind();
    await list.close();
    await bind();
    expect([queries.length, listeners.size]).toEqual([2, 1]);
    for (const notify of listeners) notify();
    expect(queries).toHaveLength(3);
  });

  it('forgets with a query what has expired', async () => {
    const { list, clock, bind, reads } = sharedList({ staleness: 9_000 });
    reads({ revocations: [revocationOf('a', START + 60_000, ended), revocationOf('b', LATER, ended)] });
    await bind();
    expect(list.size).toBe(2);
    reads({});
    clock.advance('10m');
    await jest.advanceTimersByTimeAsync(3_000);
    expect(list.size).toBe(1);
  });
});

describe('the copy of a shared list', () => {
  it('says what is revoked', async () => {
    const { list, bind, reads } = sharedList();
    reads({
      revocations: [revocationOf('a', LATER, ended), subjectRevocationOf('bob', 5, LATER, { at: 4 })],
    });
    expect([list.epoch, list.size]).toEqual(['', 0]);
    await bind();
    expect([list.epoch, list.size]).toEqual(['one', 2]);
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([false, true]);
    expect([list.revokedSince('bob'), list.revokedAt('bob')]).toEqual([5, 4]);
    expect([list.revokedSince('alice'), list.revokedAt('alice')]).toEqual([-Infinity, -Infinity]);
  });

  it.each([
    ['that of the list, which is ahead', false, 700],
    ['the one that the application injects', true, 0],
  ])('decides by this clock: %s', async (_, clockInjected, ahead) => {
    const { list, server, clock, queries, bind, reads } = sharedList();
    server.ahead = 700;
    const grace = START + 10_000;
    reads({ revocations: [revocationOf('a', LATER, { ...ended, why: 'replaced', grace })] });
    await bind({ clockInjected });
    expect([list.skew, queries]).toEqual([700, [clockInjected ? START : undefined]]);
    clock.advance(10_000 - ahead - 1);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'replaced' });
    clock.advance(1);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'ended' });
  });

  it('is read before any module uses it, by the clock of the machine', async () => {
    const { list, queries, reads, server } = sharedList();
    const time = { time: 0 };
    reads({ ...time, revocations: [revocationOf('a', LATER, { ...ended, why: 'replaced', grace: 500 })] });
    await list.fresh();
    expect(queries).toEqual([undefined]);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'replaced' });
    jest.setSystemTime(500);
    expect(list.check(token('a'))).toEqual({ live: false, why: 'ended' });
    server.changes = hanging;
    let outcome: unknown = 'pending';
    list.sync().catch((error: unknown) => (outcome = error));
    await jest.advanceTimersByTimeAsync(1_999);
    expect(outcome).toBe('pending');
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome).toEqual(unavailable);
  });

  it('keeps twice as many entries of a subject as the list, and merges more with a warning', async () => {
    const { list, warnings, bind, reads } = sharedList();
    const pageOf = (count: number) =>
      reads({
        revocations: [subjectRevocationOf('alice', 5, LATER, { only: idsOf(count) })],
      });
    pageOf(2 * MOST_PER_SUBJECT);
    await bind();
    expect([list.check(token('bystander')).live, warnings]).toEqual([true, []]);
    pageOf(2 * MOST_PER_SUBJECT + 1);
    await list.sync();
    expect(list.check(token('bystander')).live).toBe(false);
    expect(warnings).toEqual([expect.stringContaining(`${MOST_PER_SUBJECT}`)]);
  });

  it('warns of entries that nobody can read, with their number, and not without them', async () => {
    const { list, warnings, bind, reads } = sharedList();
    await bind();
    expect(warnings).toEqual([]);
    reads({ unreadable: 3 });
    await list.sync();
    expect(warnings).toEqual([expect.stringContaining('3')]);
  });
});
