import type { TestRunner } from './runner.js';
import {
  aRecord,
  aSubject,
  atOnce,
  rotation,
  TEST_TIMEOUT,
  type StoreUnderTest,
} from './store-under-test.js';

/** More sessions of one subject than a store may process in one batch. */
export const MANY = 1_100;

export function listingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  /** Ids of sessions of one subject, in the order in which they began and were created. */
  const givenInOrder = async (owner: string, count: number): Promise<string[]> => {
    const start = Date.now() - 10_000;
    const ids: string[] = [];
    for (let index = 0; index < count; index++) {
      const at = start + index * 10;
      ids.push((await store.given({ subject: owner, createdAt: at, startedAt: at })).id);
    }
    return ids;
  };

  describe('listing', () => {
    it('knows the live sessions of a subject, and only those', async () => {
      const [owner, other] = [aSubject(), aSubject()];
      const records = await atOnce(3, () => store.given({ subject: owner, factors: { pwd: 1 } }));
      await store.given({ subject: other });
      await store.given();
      const { id: destroyed } = await store.given({ subject: owner });
      await store.destroy(destroyed);
      const listed = await store.list(owner);
      expect(listed.map(({ id }) => id).sort()).toEqual(records.map(({ id }) => id).sort());
      for (const record of records) {
        const { data: _, ...head } = record;
        expect(listed.find(({ id }) => id === record.id)).toMatchObject(head);
      }
    });

    it('shows what a commit wrote', async () => {
      const owner = aSubject();
      const record = await store.given({
        subject: owner,
        factors: { pwd: 1 },
        device: { ip: '192.0.2.1' },
      });
      const heads = [
        { lastSeenAt: record.lastSeenAt + 1 },
        { factors: { pwd: 1, otp: 5 }, startedAt: record.startedAt + 2, rotatedAt: record.rotatedAt + 3 },
        { device: { ip: '192.0.2.2', userAgent: 'Browser/2.0' } },
      ];
      let expected = record;
      for (const head of heads) {
        await store.commit(record.id, { epoch: 0, head });
        expected = { ...expected, ...head };
        expect(await store.list(owner)).toMatchObject([expected]);
      }
      const delta = { ...rotation(record), head: { rotatedAt: 9 }, set: { a: '1' } };
      await store.commit(record.id, delta);
      expect(await store.list(owner)).toMatchObject([{ id: record.id, rotatedAt: 9, revision: 1 }]);
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
      const records = await Promise.all(subjects.map((owner) => store.given({ subject: owner })));
      for (const { id, subject: owner } of records) expect(await store.idsOf(owner!)).toEqual([id]);
    });

    it('takes subjects that are names of properties', async () => {
      for (const owner of ['__proto__', 'constructor', 'toString']) {
        const { id } = await store.given({ subject: owner });
        expect(await store.idsOf(owner)).toContain(id);
        await store.destroy(id);
        expect(await store.idsOf(owner)).not.toContain(id);
      }
    });

    it('takes a subject of 255 characters', async () => {
      const owner = aSubject().padEnd(255, '漢');
      const { id } = await store.given({ subject: owner });
      expect(await store.idsOf(owner)).toEqual([id]);
    });

    it('lists no more than the limit, and those that were created first', async () => {
      const owner = aSubject();
      const ids = await givenInOrder(owner, 7);
      for (const limit of [1, 3, 6]) {
        const listed = await store.list(owner, limit);
        expect(listed.map(({ id }) => id).sort()).toEqual(ids.slice(0, limit).sort());
      }
      for (const limit of [7, 100]) expect(await store.list(owner, limit)).toHaveLength(7);
    });

    it(
      'counts no session in the limit that has ended',
      async () => {
        const owner = aSubject();
        const ended = await givenInOrder(owner, 3);
        const live = await store.given({ subject: owner });
        await store.destroy(ended[0]!, { reason: 'replaced', ttl: 60_000 });
        await store.destroy(ended[1]!);
        await store.commit(ended[2]!, { epoch: 0, ttl: 0 });
        expect(await store.list(owner, 1)).toMatchObject([{ id: live.id }]);
      },
      TEST_TIMEOUT,
    );

    it(
      'has shown all when page after page was destroyed',
      async () => {
        const owner = aSubject();
        const records = await atOnce(MANY, () => store.given({ subject: owner }));
        const ids = records.map(({ id }) => id).sort();
        expect(await store.idsOf(owner)).toEqual(ids);
        const seen: string[] = [];
        for (;;) {
          const page = await store.list(owner, 400);
          if (page.length === 0) break;
          expect(page.length).toBeLessThanOrEqual(400);
          seen.push(...page.map(({ id }) => id));
          await Promise.all(page.map(({ id }) => store.destroy(id)));
          if (seen.length > MANY) break;
        }
        expect(seen.sort()).toEqual(ids);
        expect(await store.list(owner)).toEqual([]);
      },
      TEST_TIMEOUT,
    );

    it('lists a session as soon as its create has returned', async () => {
      const owner = aSubject();
      const created: string[] = [];
      for (let count = 0; count < 3; count++) {
        created.push((await store.given({ subject: owner })).id);
        expect(await store.idsOf(owner)).toEqual([...created].sort());
      }
      await atOnce(20, async () => {
        const record = aRecord({ subject: owner });
        await store.create(record);
        created.push(record.id);
        const before = [...created];
        expect(await store.idsOf(owner)).toEqual(expect.arrayContaining(before));
      });
      expect(await store.idsOf(owner)).toEqual(created.sort());
    });
  });
}
