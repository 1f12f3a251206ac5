import type { TestRunner } from './runner.js';
import { aSubject, TEST_TIMEOUT, type StoreUnderTest } from './store-under-test.js';

/** A store may look at start what is wrong with its server, and may tell of sessions whose time was over. */
export function diagnosingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  describe('diagnosing', () => {
    it('names each problem of its server with a remedy, if it looks for problems', async () => {
      const problems: unknown = store.raw.diagnose ? await store.raw.diagnose() : [];
      expect(Array.isArray(problems)).toBe(true);
      for (const problem of problems as unknown[])
        expect(problem).toEqual({
          problem: expect.stringMatching(/\S/) as string,
          remedy: expect.stringMatching(/\S/) as string,
        });
    });

    it('changes nothing as it looks for problems', async () => {
      const owner = aSubject();
      const record = await store.given({ subject: owner });
      await store.raw.diagnose?.();
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.idsOf(owner)).toEqual([record.id]);
    });
  });

  describe('expired sessions', () => {
    const told = (id: string) => store.expired.filter((session) => session.id === id);

    it(
      'are told once, with their times, if they are told',
      async () => {
        const owner = aSubject();
        const record = await store.outlasting(() => Promise.resolve(true), {
          subject: owner,
          startedAt: 1_000,
          lastSeenAt: 2_000.5,
          remember: true,
        });
        for (let i = 0; i < 3; i++) {
          expect(await store.load(record.id)).toBeUndefined();
          expect(await store.list(owner)).toEqual([]);
          expect(await store.destroy(record.id)).toBeUndefined();
        }
        const [first, ...rest] = told(record.id);
        expect(rest).toEqual([]);
        const { id, subject, startedAt, lastSeenAt, remember } = record;
        if (first) expect(first).toMatchObject({ id, subject, startedAt, lastSeenAt, remember });
      },
      TEST_TIMEOUT,
    );

    it(
      'are none that live on or were ended',
      async () => {
        const owner = aSubject();
        const [live, ended, evicted] = await Promise.all([
          store.given({ subject: owner }),
          store.given({ subject: owner }),
          store.given({ subject: owner }),
        ]);
        await store.destroy(ended.id);
        await store.destroy(evicted.id, { reason: 'evicted', ttl: 20 });
        await store.untilGone(evicted.id);
        await store.list(owner);
        for (const { id } of [live, ended, evicted]) {
          await store.load(id);
          expect(told(id)).toEqual([]);
        }
      },
      TEST_TIMEOUT,
    );
  });
}
