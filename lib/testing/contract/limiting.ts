import type { SessionRecord } from '../../core/model/record.js';
import type { CreateResult, SessionLimit } from '../../core/storage/store.js';
import { MANY } from './listing.js';
import type { TestRunner } from './runner.js';
import { aRecord, aSubject, atOnce, TEST_TIMEOUT, TTL, type StoreUnderTest } from './store-under-test.js';

export function limitingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  /** Sessions of one subject, oldest first. */
  const givenThree = async (owner: string): Promise<SessionRecord[]> => {
    const now = Date.now();
    const records = [300, 200, 100].map((age) => aRecord({ subject: owner, startedAt: now - age }));
    for (const record of records) await store.create(record);
    return records;
  };

  const limit = (rest: Partial<SessionLimit> = {}): SessionLimit => ({
    max: 3,
    onExceeded: 'evict-oldest',
    tombstoneTtl: TTL,
    ...rest,
  });
  const create = (record: SessionRecord, rest?: Partial<SessionLimit>) =>
    store.create(record, TTL, limit(rest));

  const evictedBy = (created: CreateResult): SessionRecord[] => {
    expect(created.outcome).toBe('created');
    return created.outcome === 'created' ? created.evicted : [];
  };

  describe('limiting', () => {
    it('evicts and rejects nobody below the limit', async () => {
      const owner = aSubject();
      const other = await store.given({ subject: owner });
      const record = aRecord({ subject: owner });
      expect(await create(record)).toEqual({ outcome: 'created', evicted: [] });
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.record(other.id)).toEqual(other);
    });

    it('lets as many in as the limit says, and no more', async () => {
      const owner = aSubject();
      for (let count = 1; count <= 5; count++) {
        const created = await create(aRecord({ subject: owner }), { onExceeded: 'reject' });
        expect(created.outcome).toBe(count <= 3 ? 'created' : 'rejected');
      }
    });

    it('evicts the oldest, which leave a tombstone', async () => {
      const owner = aSubject();
      const [oldest, second, third] = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      expect(evictedBy(await create(fourth))).toMatchObject([{ id: oldest!.id, subject: owner }]);
      expect(await store.load(oldest!.id)).toEqual({ ended: 'evicted' });
      expect(await store.idsOf(owner)).toEqual([second!.id, third!.id, fourth.id].sort());
    });

    it('evicts several where the limit was lowered', async () => {
      const owner = aSubject();
      const [oldest, second, third] = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      const evicted = evictedBy(await create(fourth, { max: 2 }));
      expect(evicted.map(({ id }) => id).sort()).toEqual([oldest!.id, second!.id].sort());
      expect(await store.idsOf(owner)).toEqual([third!.id, fourth.id].sort());
    });

    it(
      'ends all above the limit, however many, each told by one call',
      async () => {
        const owner = aSubject();
        const records = await atOnce(MANY, () => store.given({ subject: owner, startedAt: 1 }));
        const newcomer = aRecord({ subject: owner });
        const created = await create(newcomer, { max: 1 });
        const evicted = [...evictedBy(created)];
        let more = created.outcome === 'created' && created.more === true;
        for (let calls = 0; more && calls < MANY; calls++) {
          const next = await store.raw.evict!(owner, limit({ max: 1 }));
          evicted.push(...next.evicted);
          more = next.more;
        }
        expect(evicted.map(({ id }) => id).sort()).toEqual(records.map(({ id }) => id).sort());
        expect(await store.idsOf(owner)).toEqual([newcomer.id]);
        expect(await store.load(evicted.at(-1)!.id)).toEqual({ ended: 'evicted' });
      },
      TEST_TIMEOUT,
    );

    it('evicts by itself what is above the limit, and only that, if it offers evict', async () => {
      const owner = aSubject();
      const [oldest, ...others] = await givenThree(owner);
      if (!store.raw.evict) return;
      expect(await store.raw.evict(owner, limit())).toEqual({ evicted: [], more: false });
      const { evicted, more } = await store.raw.evict(owner, limit({ max: 2 }));
      expect([evicted.map(({ id }) => id), more]).toEqual([[oldest!.id], false]);
      expect(await store.load(oldest!.id)).toEqual({ ended: 'evicted' });
      expect(await store.idsOf(owner)).toEqual(others.map(({ id }) => id).sort());
    });

    it(
      'forgets the tombstone of an evicted session when its ttl is over',
      async () => {
        const owner = aSubject();
        const [oldest] = await givenThree(owner);
        await create(aRecord({ subject: owner }), { tombstoneTtl: 30.5 });
        await store.untilGone(oldest!.id);
      },
      TEST_TIMEOUT,
    );

    it('takes the session with the lowest createdAt for the oldest, not the one that was created first', async () => {
      const owner = aSubject();
      const now = Date.now();
      const younger = await store.given({ subject: owner, startedAt: now - 100 });
      const older = await store.given({ subject: owner, startedAt: now - 200 });
      await create(aRecord({ subject: owner }), { max: 2 });
      expect(await store.record(younger.id)).toBeDefined();
      expect(await store.load(older.id)).toEqual({ ended: 'evicted' });
    });

    it('keeps the newcomer where others began at the very same time', async () => {
      const [owner, startedAt] = [aSubject(), Date.now()];
      for (let login = 0; login < 10; login++) {
        const newcomer = aRecord({ subject: owner, startedAt });
        await create(newcomer, { max: 1 });
        expect(await store.idsOf(owner)).toEqual([newcomer.id]);
      }
    });

    it('takes the createdAt that a re-login wrote for the age of a session', async () => {
      const owner = aSubject();
      const [oldest, second] = await givenThree(owner);
      await store.commit(oldest!.id, { epoch: 0, head: { startedAt: Date.now() } });
      await create(aRecord({ subject: owner }));
      expect(await store.record(oldest!.id)).toBeDefined();
      expect(await store.load(second!.id)).toEqual({ ended: 'evicted' });
    });

    it('rejects the newcomer, writes nothing and holds no place for it', async () => {
      const owner = aSubject();
      const records = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      expect(await create(fourth, { onExceeded: 'reject' })).toEqual({ outcome: 'rejected' });
      expect(await store.load(fourth.id)).toBeUndefined();
      expect(await store.idsOf(owner)).toEqual(records.map(({ id }) => id).sort());
      await store.destroy(records[0]!.id);
      const next = await create(aRecord({ subject: owner }), { onExceeded: 'reject' });
      expect(next).toMatchObject({ outcome: 'created' });
    });

    for (const onExceeded of ['evict-oldest', 'reject'] as const) {
      it(`does not count the session that is replaced (${onExceeded})`, async () => {
        const owner = aSubject();
        const [, , third] = await givenThree(owner);
        const fourth = aRecord({ subject: owner });
        const created = await create(fourth, { onExceeded, replaces: third!.id });
        expect(created).toEqual({ outcome: 'created', evicted: [] });
        expect(await store.idsOf(owner)).toHaveLength(4);
      });
    }

    it('evicts others than the session that is replaced', async () => {
      const owner = aSubject();
      const [oldest, second] = await givenThree(owner);
      const created = await create(aRecord({ subject: owner }), { max: 2, replaces: oldest!.id });
      expect(evictedBy(created)).toMatchObject([{ id: second!.id }]);
      expect(await store.record(oldest!.id)).toBeDefined();
    });

    it('counts a session that is replaced unless it is the subject’s', async () => {
      const owner = aSubject();
      await givenThree(owner);
      const stranger = await store.given({ subject: aSubject() });
      const rest = { onExceeded: 'reject', replaces: stranger.id } as const;
      expect(await create(aRecord({ subject: owner }), rest)).toEqual({ outcome: 'rejected' });
    });

    it('does not count what has ended', async () => {
      const owner = aSubject();
      const [destroyed, expired] = await givenThree(owner);
      await store.destroy(destroyed!.id, { reason: 'replaced', ttl: TTL });
      await store.commit(expired!.id, { epoch: 0, ttl: 0 });
      for (let more = 0; more < 2; more++) {
        expect(await create(aRecord({ subject: owner }), { onExceeded: 'reject' })).toEqual({
          outcome: 'created',
          evicted: [],
        });
      }
    });

    it(
      'does not count what came in under the limit and has expired',
      async () => {
        const owner = aSubject();
        const rest = { max: 1, onExceeded: 'reject' } as const;
        const passing = aRecord({ subject: owner });
        await store.create(passing, 50, limit(rest));
        await store.untilGone(passing.id);
        expect(await create(aRecord({ subject: owner }), rest)).toMatchObject({ outcome: 'created' });
      },
      TEST_TIMEOUT,
    );

    it('limits no other subject', async () => {
      await givenThree(aSubject());
      const created = await create(aRecord({ subject: aSubject() }), { onExceeded: 'reject' });
      expect(created).toMatchObject({ outcome: 'created' });
    });

    it(
      'lets 20 logins at once leave 3',
      async () => {
        const owner = aSubject();
        const records = Array.from({ length: 20 }, () => aRecord({ subject: owner }));
        const created = await Promise.all(records.map((record) => create(record)));
        const evicted = created.flatMap(evictedBy);
        const left = await store.idsOf(owner);
        expect(left).toHaveLength(3);
        // Each of the others was reported exactly once.
        expect([...evicted.map(({ id }) => id), ...left].sort()).toEqual(records.map(({ id }) => id).sort());
        for (const { id } of evicted) expect(await store.load(id)).toEqual({ ended: 'evicted' });
      },
      TEST_TIMEOUT,
    );

    it(
      'lets 3 of 20 in at once where the rest is rejected',
      async () => {
        const owner = aSubject();
        const created = await atOnce(20, () => create(aRecord({ subject: owner }), { onExceeded: 'reject' }));
        expect(created.filter(({ outcome }) => outcome === 'created')).toHaveLength(3);
        expect(await store.idsOf(owner)).toHaveLength(3);
      },
      TEST_TIMEOUT,
    );
  });
}
