import { jest } from '@jest/globals';
import {
  hashedSubjectRevocationOf,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type RevocationContext,
} from '../../lib/revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../lib/revocations/revocation-table.js';
import {
  ended,
  hanging,
  LATER,
  refused,
  settled,
  sharedList,
  TIMEOUT,
  token,
} from '../support/shared-list.js';

const unavailable = expect.objectContaining({ code: 'ERR_STORE_UNAVAILABLE' });

beforeEach(() => jest.useFakeTimers({ now: 0 }));
afterEach(() => jest.useRealTimers());

describe('an addition to a shared list', () => {
  it.each([true, false])('says what the list says, and takes over what stands there: %s', async (isNew) => {
    const { list, server, added, warnings, bind } = sharedList();
    await bind();
    const [revocation, standing] = ['a', 'b'].map((id) =>
      subjectRevocationOf('alice', 5, LATER, { only: [id] }),
    );
    server.add = () => Promise.resolve({ added: isNew, standing: standing!, crowded: false });
    expect(await list.add(revocation!)).toBe(isNew);
    expect([added, warnings]).toEqual([[revocation], []]);
    expect([list.check(token('a')).live, list.check(token('b')).live]).toEqual([true, false]);
  });

  it('fails with the list, and takes over nothing', async () => {
    const { list, server, bind } = sharedList();
    await bind();
    server.add = refused;
    await expect(list.add(revocationOf('a', LATER, ended))).rejects.toEqual(unavailable);
    expect(list.size).toBe(0);
  });

  it('fails if the list does not respond in time', async () => {
    const { list, server, bind } = sharedList();
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
    const { list, server, added, warnings, bind } = sharedList();
    await bind();
    server.add = crowded;
    expect(await list.add(revocation)).toBe(true);
    const { subject } = revocation.terms as { subject: string };
    expect(added).toStrictEqual([revocation, hashedSubjectRevocationOf(subject, 5, LATER, { at })]);
    expect(warnings).toEqual([expect.stringContaining(`${MOST_PER_SUBJECT}`)]);
  });

  it('takes over what stands in the list then', async () => {
    const { list, server, bind } = sharedList();
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
    const { list, server, bind } = sharedList();
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
    const { list, server, added, warnings, bind } = sharedList();
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
    const { list, bind } = sharedList({}, { diagnose, examine: () => Promise.resolve([finding]) });
    await bind();
    expect(await list.diagnose()).toEqual([problem]);
    expect(await list.examine()).toEqual([finding]);
    expect(contexts).toEqual([expect.objectContaining({ timeout: TIMEOUT })]);
  });

  it('is nothing if its source does not say', async () => {
    const { list } = sharedList();
    expect([await list.diagnose(), await list.examine()]).toEqual([[], []]);
  });
});

describe('a failure of a shared list between requests', () => {
  it('is a warning with its cause, once until the list responds again', async () => {
    const { list, server, warnings, bind, listeners } = sharedList();
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

  it('is a warning from the first query on', async () => {
    const { server, warnings, bind } = sharedList();
    server.changes = refused;
    await bind();
    expect(warnings).toEqual([expect.stringContaining('refused')]);
  });

  it('is a matter of the module that uses it, if it reports the health of what it calls', async () => {
    const { server, warnings, bind, listeners } = sharedList();
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
    const { list, server, warnings, bind, listeners } = sharedList();
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
