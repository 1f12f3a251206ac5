import { jest } from '@jest/globals';
import { FakeClock } from 'nest-sessions/testing';
import {
  hashedSubjectRevocationOf,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type RevocationContext,
} from '../../lib/revocations/revocation-list.js';
import { SharedRevocations, type RevocationSource } from '../../lib/revocations/replicated.js';
import type { RevocationPage } from '../../lib/revocations/revocation-source.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';

const START = Date.UTC(2030, 0, 1);
const LATER = 1e15;
const TIMEOUT = 3_000;
const ended = { why: 'ended', grace: 0, honoured: false } as const;
const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });
const token = (id: string) => ({ id, subject: 'alice', version: 0, issuedAt: 1, epoch: '' });
const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `session ${i}`);

/** Lets what waits for a response go on, without time passing. */
const settled = () => jest.advanceTimersByTimeAsync(0);
const hanging = () => new Promise<never>(() => undefined);
const refused = () => Promise.reject(new Error('refused'));

/** A list on another machine, which does what the spec says. */
function setup(
  options: ConstructorParameters<typeof SharedRevocations>[1] = {},
  source: Partial<RevocationSource> = {},
) {
  /** Times of a query, or undefined where the list's clock decides. */
  const queries: (number | undefined)[] = [];
  const added: Revocation[] = [];
  const warnings: string[] = [];
  const listeners = new Set<() => void>();
  const clock = new FakeClock(START);
  const server = {
    changes: (page: RevocationPage): Promise<RevocationPage> => Promise.resolve(page),
    add: (standing: Revocation) => Promise.resolve({ added: true, standing, crowded: false }),
    ahead: 0,
  };
  const list = new SharedRevocations(
    {
      changes: (cursor, now) => {
        queries.push(now);
        const time = clock.now() + server.ahead;
        return server.changes({ epoch: 'one', time, cursor, revocations: [], unreadable: 0, more: false });
      },
      add: (revocation) => {
        added.push(revocation);
        return server.add(revocation);
      },
      listen: (onNotice) => {
        listeners.add(onNotice);
        return () => void listeners.delete(onNotice);
      },
      ...source,
    },
    options,
  );
  const context = (change: Partial<RevocationContext> = {}): RevocationContext => ({
    clock,
    clockInjected: true,
    timeout: TIMEOUT,
    warn: (message) => warnings.push(message),
    ...change,
  });
  /** The list in use by a module, and read. */
  const bind = (change?: Partial<RevocationContext>) => {
    list.bind(context(change));
    return settled();
  };
  const reads = (change: Partial<RevocationPage>) =>
    (server.changes = async (page) => ({ ...page, ...change }));
  return { list, server, clock, queries, added, warnings, listeners, context, bind, reads };
}

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

describe('the staleness of a shared list', () => {
  it.each([
    [undefined, 5_000],
    [{}, 5_000],
    [{ staleness: '20s' }, 20_000],
    [{ staleness: 700 }, 700],
  ] as const)('of %j is its lag in milliseconds: %i', (options, lag) => {
    expect(setup(options).list.lag).toBe(lag);
  });

  it('is refused by name if it is no duration', () => {
    expect(() => setup({ staleness: 'soon' as '5s' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS', message: expect.stringContaining('staleness') }),
    );
  });

  it('is how long the copy is current', async () => {
    const { list, bind, server } = setup({ staleness: 900 });
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
    const { bind, queries } = setup({ staleness: 9_000 });
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
    const { bind, queries } = setup({ staleness: '1y' });
    await bind();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(queries).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(2 ** 31 - 1 - 60_000);
    expect(queries).toHaveLength(2);
  });

  it('is queried after a notice', async () => {
    const { bind, queries, listeners } = setup();
    await bind();
    for (const notify of listeners) notify();
    expect(queries).toHaveLength(2);
  });

  it('is listened to and queried once for several modules, up to the last that closes it', async () => {
    const { list, bind, queries, listeners } = setup({ staleness: 9_000 });
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
    const { list, bind, queries, listeners } = setup();
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
    expect(setup().list.close()).toBeUndefined();
  });

  it('may be used again after that', async () => {
    const { list, bind, queries, listeners } = setup();
    await bind();
    await list.close();
    await bind();
    expect([queries.length, listeners.size]).toEqual([2, 1]);
    for (const notify of listeners) notify();
    expect(queries).toHaveLength(3);
  });

  it('forgets with a query what has expired', async () => {
    const { list, clock, bind, reads } = setup({ staleness: 9_000 });
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
    const { list, bind, reads } = setup();
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
    const { list, server, clock, queries, bind, reads } = setup();
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
    const { list, queries, reads, server } = setup();
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
    const { list, warnings, bind, reads } = setup();
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
    const { list, warnings, bind, reads } = setup();
    await bind();
    expect(warnings).toEqual([]);
    reads({ unreadable: 3 });
    await list.sync();
    expect(warnings).toEqual([expect.stringContaining('3')]);
  });
});

describe('an addition to a shared list', () => {
  it.each([true, false])('says what the list says, and takes over what stands there: %s', async (isNew) => {
    const { list, server, added, bind } = setup();
    await bind();
    const [revocation, standing] = [revocationOf('a', LATER, ended), revocationOf('b', LATER, ended)];
    server.add = () => Promise.resolve({ added: isNew, standing, crowded: false });
    expect(await list.add(revocation)).toBe(isNew);
    expect(added).toEqual([revocation]);
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([true, false]);
  });

  it('fails with the list, and takes over nothing', async () => {
    const { list, server, bind } = setup();
    await bind();
    server.add = refused;
    await expect(list.add(revocationOf('a', LATER, ended))).rejects.toEqual(unavailable);
    expect(list.size).toBe(0);
  });

  it('fails if the list does not respond in time', async () => {
    const { list, server, bind } = setup();
    await bind();
    server.add = hanging;
    let outcome: unknown = 'pending';
    list.add(revocationOf('a', LATER, ended)).catch((error: unknown) => (outcome = error));
    await jest.advanceTimersByTimeAsync(TIMEOUT - 1);
    expect(outcome).toBe('pending');
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome).toEqual(unavailable);
  });
});

describe('an addition to a shared list that holds too many entries of the subject', () => {
  const one = hashedSubjectRevocationOf('alice', 5, LATER, { only: ['a'] });
  const crowded = (standing: Revocation) => Promise.resolve({ added: true, standing, crowded: true });

  it.each([
    ['without a time', one, 0],
    ['with the time of it', subjectRevocationOf('alice', 5, LATER, { except: ['a'], at: 3 }), 3],
  ])('replaces them by one for all of its sessions, %s', async (_, revocation, at) => {
    const { list, server, added, warnings, bind } = setup();
    await bind();
    server.add = crowded;
    expect(await list.add(revocation)).toBe(true);
    const { subject } = revocation.terms as { subject: string };
    expect(added).toStrictEqual([revocation, hashedSubjectRevocationOf(subject, 5, LATER, { at })]);
    expect(warnings).toEqual([expect.stringContaining(`${MOST_PER_SUBJECT}`)]);
  });

  it('takes over what stands in the list then', async () => {
    const { list, server, bind } = setup();
    await bind();
    const standing = subjectRevocationOf('alice', 8, LATER, { at: 6 });
    server.add = (revocation) => {
      server.add = () => Promise.resolve({ added: true, standing, crowded: false });
      return crowded(revocation);
    };
    await list.add(subjectRevocationOf('alice', 5, LATER, { only: ['a'] }));
    expect([list.revokedSince('alice'), list.revokedAt('alice')]).toEqual([8, 6]);
  });

  it.each([
    ['fails', refused, 0],
    ['gets no response', hanging, TIMEOUT],
  ])('is recorded though the replacement %s', async (_, response, after) => {
    const { list, server, bind } = setup();
    await bind();
    server.add = (revocation) => {
      server.add = response;
      return crowded(revocation);
    };
    let outcome: unknown = 'pending';
    void list.add(subjectRevocationOf('alice', 5, LATER, { only: ['a'] })).then(
      (added) => (outcome = added),
      (error: unknown) => (outcome = error),
    );
    await jest.advanceTimersByTimeAsync(after);
    expect(outcome).toBe(true);
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([false, true]);
  });

  it('replaces nothing for a revocation of one session', async () => {
    const { list, server, added, warnings, bind } = setup();
    await bind();
    server.add = crowded;
    expect(await list.add(revocationOf('a', LATER, ended))).toBe(true);
    expect([added.length, warnings]).toEqual([1, []]);
  });
});

describe('what is wrong with a shared list', () => {
  it('is what its source says', async () => {
    const problem = { problem: 'it is read-only', remedy: 'write' };
    const finding = { level: 'ok', finding: 'it is there' } as const;
    const contexts: RevocationContext[] = [];
    const diagnose = (context: RevocationContext) => {
      contexts.push(context);
      return Promise.resolve([problem]);
    };
    const { list, bind } = setup({}, { diagnose, examine: () => Promise.resolve([finding]) });
    await bind();
    expect(await list.diagnose()).toEqual([problem]);
    expect(await list.examine()).toEqual([finding]);
    expect(contexts).toEqual([expect.objectContaining({ timeout: TIMEOUT })]);
  });

  it('is nothing if its source does not say', async () => {
    const { list } = setup();
    expect([await list.diagnose(), await list.examine()]).toEqual([[], []]);
  });
});

describe('a failure of a shared list between requests', () => {
  it('is a warning with its cause, once until the list responds again', async () => {
    const { list, server, warnings, bind, listeners } = setup();
    const query = async (changes: typeof server.changes) => {
      server.changes = changes;
      for (const notify of listeners) notify();
      await settled();
    };
    const works = server.changes;
    await bind();
    await query(refused);
    expect(warnings).toEqual([expect.stringContaining('refused')]);
    await query(refused);
    expect(warnings).toHaveLength(1);
    await query(works);
    await query(refused);
    expect(warnings).toHaveLength(2);
    await list.close();
  });

  it('is a matter of the module that uses it, if it reports the health of what it calls', async () => {
    const { server, warnings, bind, listeners } = setup();
    const reported: unknown[] = [];
    const report = {
      failing: false,
      succeeded: () => void reported.push('succeeded'),
      failed: (error: unknown) => void reported.push(error),
    };
    const unused = { ...report, succeeded: () => undefined, failed: () => undefined };
    await bind({ health: { read: report, write: unused } });
    server.changes = refused;
    for (const notify of listeners) notify();
    await settled();
    expect([reported, warnings]).toEqual([['succeeded', unavailable], []]);
  });

  it('is nobody’s matter once the list is closed', async () => {
    const { list, server, warnings, bind, listeners } = setup();
    await bind();
    let fail = (): void => undefined;
    server.changes = () => new Promise((_, reject) => (fail = () => reject(new Error('closed'))));
    for (const notify of listeners) notify();
    await list.close();
    fail();
    await settled();
    expect(warnings).toEqual([]);
  });
});
