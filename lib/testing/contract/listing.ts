import type { SessionRecord } from '../../core/record.js';
import type { SessionLimit } from '../../core/store.js';
import { aRecord, aSubject, atOnce, TEST_TIMEOUT, TTL, type StoreSubject } from './subject.js';

export function listingSpecs(subject: StoreSubject): void {
  /** Sessions of one subject, the oldest first. */
  const givenThree = async (owner: string): Promise<SessionRecord[]> => {
    const now = Date.now();
    const records = [300, 200, 100].map((age) => aRecord({ subject: owner, createdAt: now - age }));
    for (const record of records) await subject.create(record);
    return records;
  };

  describe('listing', () => {
    it('knows the live sessions of a subject, and only those', async () => {
      const [owner, other] = [aSubject(), aSubject()];
      const records = await atOnce(3, () => subject.given({ subject: owner, factors: { pwd: 1 } }));
      await subject.given({ subject: other });
      await subject.given();
      const { id: destroyed } = await subject.given({ subject: owner });
      await subject.destroy(destroyed);
      const listed = await subject.list(owner);
      expect(listed.map(({ id }) => id).sort()).toEqual(records.map(({ id }) => id).sort());
      for (const record of records) {
        const { data: _, ...head } = record;
        expect(listed.find(({ id }) => id === record.id)).toMatchObject(head);
      }
    });

    it('keeps subjects apart that resemble each other', async () => {
      const base = aSubject();
      const subjects = [
        base,
        `${base} `,
        `${base}:1`,
        base.toUpperCase(),
        `{${base}}`,
        `${base}\u00e9`,
        `${base}e\u0301`,
      ];
      const records = await Promise.all(subjects.map((owner) => subject.given({ subject: owner })));
      for (const { id, subject: owner } of records) expect(await subject.idsOf(owner!)).toEqual([id]);
    });

    it('takes a subject of 255 characters', async () => {
      const owner = aSubject().padEnd(255, '漢');
      const { id } = await subject.given({ subject: owner });
      expect(await subject.idsOf(owner)).toEqual([id]);
    });
  });

  describe('limiting', () => {
    const limit = (rest: Partial<SessionLimit> = {}): SessionLimit => ({
      max: 3,
      onExceeded: 'evict-oldest',
      linger: TTL,
      ...rest,
    });
    const create = (record: SessionRecord, rest?: Partial<SessionLimit>) =>
      subject.create(record, TTL, limit(rest));

    it('does nothing below the limit', async () => {
      const record = aRecord({ subject: aSubject() });
      expect(await create(record)).toEqual({ outcome: 'created', evicted: [] });
      expect(await subject.record(record.id)).toEqual(record);
    });

    it('evicts the oldest, which leave a word', async () => {
      const owner = aSubject();
      const [oldest, second, third] = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      expect(await create(fourth)).toMatchObject({
        outcome: 'created',
        evicted: [{ id: oldest!.id, subject: owner }],
      });
      expect(await subject.load(oldest!.id)).toEqual({ departed: 'evicted' });
      expect(await subject.idsOf(owner)).toEqual([second!.id, third!.id, fourth.id].sort());
    });

    it('evicts several where the limit was lowered', async () => {
      const owner = aSubject();
      const [oldest, second, third] = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      const created = await create(fourth, { max: 2 });
      expect(created).toMatchObject({ outcome: 'created' });
      const evicted = created.outcome === 'created' ? created.evicted.map(({ id }) => id).sort() : [];
      expect(evicted).toEqual([oldest!.id, second!.id].sort());
      expect(await subject.idsOf(owner)).toEqual([third!.id, fourth.id].sort());
    });

    it('counts as oldest what began first by the record, not what was created first', async () => {
      const owner = aSubject();
      const now = Date.now();
      const younger = await subject.given({ subject: owner, createdAt: now - 100 });
      const older = await subject.given({ subject: owner, createdAt: now - 200 });
      await create(aRecord({ subject: owner }), { max: 2 });
      expect(await subject.record(younger.id)).toBeDefined();
      expect(await subject.load(older.id)).toEqual({ departed: 'evicted' });
    });

    it('keeps the newcomer where others began at the very same time', async () => {
      const [owner, createdAt] = [aSubject(), Date.now()];
      for (let login = 0; login < 10; login++) {
        const newcomer = aRecord({ subject: owner, createdAt });
        await create(newcomer, { max: 1 });
        expect(await subject.idsOf(owner)).toEqual([newcomer.id]);
      }
    });

    it('goes by when a session began anew, as a re-login makes it', async () => {
      const owner = aSubject();
      const [oldest, second] = await givenThree(owner);
      await subject.commit(oldest!.id, { secret: oldest!.secretHash, head: { createdAt: Date.now() } });
      await create(aRecord({ subject: owner }));
      expect(await subject.record(oldest!.id)).toBeDefined();
      expect(await subject.load(second!.id)).toEqual({ departed: 'evicted' });
    });

    it('rejects the newcomer, and writes nothing', async () => {
      const owner = aSubject();
      const records = await givenThree(owner);
      const fourth = aRecord({ subject: owner });
      expect(await create(fourth, { onExceeded: 'reject' })).toEqual({ outcome: 'rejected' });
      expect(await subject.load(fourth.id)).toBeUndefined();
      expect(await subject.idsOf(owner)).toEqual(records.map(({ id }) => id).sort());
      // Nor is a place held for it.
      await subject.destroy(records[0]!.id);
      expect(await create(aRecord({ subject: owner }), { onExceeded: 'reject' })).toMatchObject({
        outcome: 'created',
      });
    });

    it.each(['evict-oldest', 'reject'] as const)(
      'does not count the session that is replaced (%s)',
      async (onExceeded) => {
        const owner = aSubject();
        const [, , third] = await givenThree(owner);
        const fourth = aRecord({ subject: owner });
        expect(await create(fourth, { onExceeded, replaces: third!.id })).toEqual({
          outcome: 'created',
          evicted: [],
        });
        expect(await subject.idsOf(owner)).toHaveLength(4);
      },
    );

    it('counts a session that is replaced only where it is the subject’s', async () => {
      const owner = aSubject();
      await givenThree(owner);
      const stranger = await subject.given({ subject: aSubject() });
      const rest = { onExceeded: 'reject', replaces: stranger.id } as const;
      expect(await create(aRecord({ subject: owner }), rest)).toEqual({ outcome: 'rejected' });
    });

    it('does not count what has ended', async () => {
      const owner = aSubject();
      const [destroyed, expired] = await givenThree(owner);
      await subject.destroy(destroyed!.id, { epitaph: 'replaced', linger: TTL });
      await subject.commit(expired!.id, { secret: expired!.secretHash, ttl: 0 });
      for (let more = 0; more < 2; more++) {
        expect(await create(aRecord({ subject: owner }), { onExceeded: 'reject' })).toEqual({
          outcome: 'created',
          evicted: [],
        });
      }
    });

    it('does not count what came in under the limit and has expired', async () => {
      const owner = aSubject();
      const rest = { max: 1, onExceeded: 'reject' } as const;
      const passing = aRecord({ subject: owner });
      await subject.create(passing, 50, limit(rest));
      await subject.untilGone(passing.id);
      expect(await create(aRecord({ subject: owner }), rest)).toMatchObject({ outcome: 'created' });
    });

    it('is no limit for other subjects', async () => {
      await givenThree(aSubject());
      expect(await create(aRecord({ subject: aSubject() }), { onExceeded: 'reject' })).toMatchObject({
        outcome: 'created',
      });
    });

    it(
      'lets 20 logins at once leave 3',
      async () => {
        const owner = aSubject();
        const records = Array.from({ length: 20 }, () => aRecord({ subject: owner }));
        const created = await Promise.all(records.map((record) => create(record)));
        const evicted = created.flatMap((one) => (one.outcome === 'created' ? one.evicted : []));
        const left = await subject.idsOf(owner);
        expect(left).toHaveLength(3);
        // Each of the others was told of once.
        expect([...evicted.map(({ id }) => id), ...left].sort()).toEqual(records.map(({ id }) => id).sort());
        for (const { id } of evicted) expect(await subject.load(id)).toEqual({ departed: 'evicted' });
      },
      TEST_TIMEOUT,
    );

    it(
      'lets 3 of 20 in at once where the rest is rejected',
      async () => {
        const owner = aSubject();
        const created = await atOnce(20, () => create(aRecord({ subject: owner }), { onExceeded: 'reject' }));
        expect(created.filter(({ outcome }) => outcome === 'created')).toHaveLength(3);
        expect(await subject.idsOf(owner)).toHaveLength(3);
      },
      TEST_TIMEOUT,
    );
  });
}
