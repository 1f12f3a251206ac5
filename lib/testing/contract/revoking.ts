import type { SessionLimit } from '../../core/storage/store.js';
import type { TestRunner } from './runner.js';
import { aRecord, aSubject, pause, TEST_TIMEOUT, TTL, type StoreUnderTest } from './store-under-test.js';

const LIMITS: Record<string, SessionLimit | undefined> = {
  'without a limit': undefined,
  'with a limit that evicts': { max: 1, onExceeded: 'evict-oldest', tombstoneTtl: TTL },
  'with a limit that rejects': { max: 2, onExceeded: 'reject', tombstoneTtl: TTL },
};

export function revokingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  /** The result of a login that authenticated at this time. */
  const login = async (owner: string, provedAt: number, limit?: SessionLimit): Promise<string> => {
    const { outcome } = await store.create(aRecord({ subject: owner }), TTL, limit, provedAt);
    return outcome;
  };

  describe('revoking', () => {
    it('refuses a create whose proof is older than the mark or as old', async () => {
      const [owner, at] = [aSubject(), Date.now()];
      await store.markRevoked(owner, at);
      expect(await login(owner, at - 5_000)).toBe('revoked');
      expect(await login(owner, at - 1)).toBe('revoked');
      expect(await login(owner, at)).toBe('revoked');
    });

    it('accepts a create whose proof is later than the mark', async () => {
      const [owner, at] = [aSubject(), Date.now()];
      await store.markRevoked(owner, at);
      const record = aRecord({ subject: owner });
      expect(await store.create(record, TTL, undefined, at + 1)).toEqual({
        outcome: 'created',
        evicted: [],
      });
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.idsOf(owner)).toEqual([record.id]);
    });

    it('compares fractions of a millisecond', async () => {
      const [owner, at] = [aSubject(), Date.now() + 0.5];
      await store.markRevoked(owner, at);
      expect(await login(owner, at - 0.25)).toBe('revoked');
      expect(await login(owner, at)).toBe('revoked');
      expect(await login(owner, at + 0.25)).toBe('created');
    });

    for (const [which, limit] of Object.entries(LIMITS)) {
      it(`leaves nothing of a create that it refuses ${which}`, async () => {
        const [owner, at] = [aSubject(), Date.now()];
        const there = await store.given({ subject: owner });
        await store.markRevoked(owner, at);
        const refused = aRecord({ subject: owner });
        expect(await store.create(refused, TTL, limit, at)).toEqual({ outcome: 'revoked' });
        expect(await store.load(refused.id)).toBeUndefined();
        expect(await store.destroy(refused.id)).toBeUndefined();
        expect(await store.record(there.id)).toEqual(there);
        expect(await store.idsOf(owner)).toEqual([there.id]);
        // The login does not count towards the limit either.
        const rejecting = { max: 2, onExceeded: 'reject', tombstoneTtl: TTL } as const;
        expect(await login(owner, at + 1, rejecting)).toBe('created');
      });

      it(`asks for the mark ${which}, and lets a later proof in`, async () => {
        const [owner, at] = [aSubject(), Date.now()];
        await store.markRevoked(owner, at);
        expect(await login(owner, at, limit)).toBe('revoked');
        expect(await login(owner, at + 1, limit)).toBe('created');
      });
    }

    it('replaces an earlier mark by a later one, and never the other way round', async () => {
      const [owner, at] = [aSubject(), Date.now()];
      await store.markRevoked(owner, at - 100);
      await store.markRevoked(owner, at);
      expect(await login(owner, at - 50)).toBe('revoked');
      await store.markRevoked(owner, at - 100);
      await store.markRevoked(owner, at - 0.5);
      expect(await login(owner, at)).toBe('revoked');
      expect(await login(owner, at + 1)).toBe('created');
    });

    it('revokes no other subject', async () => {
      const [owner, at] = [aSubject(), Date.now()];
      await store.markRevoked(owner, at);
      for (const other of [aSubject(), `${owner} `, owner.toUpperCase()]) {
        expect(await login(other, at - 1)).toBe('created');
      }
      expect(await login(owner, at - 1)).toBe('revoked');
    });

    it('keeps the mark when sessions are created, committed and destroyed, the last one, too', async () => {
      const [owner, at] = [aSubject(), Date.now()];
      const before = await store.given({ subject: owner });
      await store.markRevoked(owner, at);
      await store.destroy(before.id);
      expect(await login(owner, at)).toBe('revoked');
      const after = aRecord({ subject: owner });
      await store.create(after, TTL, LIMITS['with a limit that rejects'], at + 1);
      await store.commit(after.id, { epoch: 0, head: { lastSeenAt: 5 }, ttl: TTL });
      await store.list(owner);
      expect(await login(owner, at)).toBe('revoked');
      await store.destroy(after.id, { reason: 'replaced', ttl: TTL });
      expect(await store.list(owner)).toEqual([]);
      expect(await login(owner, at)).toBe('revoked');
    });

    it(
      'keeps the mark when the sessions of the subject expire',
      async () => {
        const [owner, at] = [aSubject(), Date.now()];
        await store.markRevoked(owner, at);
        const passing = aRecord({ subject: owner });
        await store.create(passing, 30, undefined, at + 1);
        await store.untilGone(passing.id);
        expect(await store.list(owner)).toEqual([]);
        expect(await login(owner, at)).toBe('revoked');
      },
      TEST_TIMEOUT,
    );

    it('keeps a mark for its whole ttl, whatever the ttl of later marks', async () => {
      const at = Date.now();
      const [first, second] = [aSubject(), aSubject()];
      await store.markRevoked(first, at, TTL);
      await store.markRevoked(first, at - 10, 10);
      await store.markRevoked(second, at, TTL);
      await store.markRevoked(second, at + 10, 10);
      await pause(60);
      expect(await login(first, at)).toBe('revoked');
      expect(await login(second, at)).toBe('revoked');
    });

    it('takes a ttl of a mark with a fraction, and one of more than 2^31 - 1 milliseconds', async () => {
      const at = Date.now();
      const ttls = [TTL + 0.5, 2 ** 31 + 10, 2 ** 32 + 20];
      const owners = ttls.map(aSubject);
      for (const [index, ttl] of ttls.entries()) await store.markRevoked(owners[index]!, at, ttl);
      await pause(60);
      for (const owner of owners) expect(await login(owner, at)).toBe('revoked');
    });

    it('leaves the sessions that exist alone at a mark', async () => {
      const owner = aSubject();
      const record = await store.given({ subject: owner });
      await store.markRevoked(owner, Date.now() + 1_000);
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.idsOf(owner)).toEqual([record.id]);
      const delta = { epoch: 0, set: { a: '1' } };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
    });
  });
}
