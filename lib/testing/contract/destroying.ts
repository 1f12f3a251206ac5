import { newId } from '../../core/token/ids.js';
import type { TombstoneReason } from '../../core/storage/store.js';
import type { TestRunner } from './runner.js';
import {
  aSubject,
  atOnce,
  pause,
  rotation,
  TEST_TIMEOUT,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

const REASONS: TombstoneReason[] = ['replaced', 'evicted'];

export function destroyingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  describe('destroying', () => {
    it('returns the record as it was last, once', async () => {
      const record = await store.given({ subject: aSubject(), data: { a: '1' } });
      await store.commit(record.id, { epoch: 0, set: { b: '2' } });
      expect(await store.destroy(record.id)).toEqual({
        ...record,
        revision: 1,
        data: { a: '1', b: '2' },
      });
      expect(await store.load(record.id)).toBeUndefined();
      expect(await store.destroy(record.id)).toBeUndefined();
    });

    it('takes the session out of the list of its subject', async () => {
      const owner = aSubject();
      const [kept, destroyed] = [
        await store.given({ subject: owner }),
        await store.given({ subject: owner }),
      ];
      await store.destroy(destroyed.id);
      expect(await store.idsOf(owner)).toEqual([kept.id]);
    });

    it('gives the record to one of many that destroy it', async () => {
      const record = await store.given({ subject: aSubject() });
      const answers = await atOnce(10, () => store.destroy(record.id));
      expect(answers.filter((answer) => answer !== undefined)).toEqual([record]);
    });

    for (const reason of REASONS) {
      it(`answers ${reason} after a destroy with that tombstone`, async () => {
        const record = await store.given({ subject: aSubject() });
        expect(await store.destroy(record.id, { reason, ttl: TTL })).toEqual(record);
        expect(await store.load(record.id)).toEqual({ ended: reason });
        expect(await store.list(record.subject!)).toEqual([]);
        for (const delta of [{ epoch: 0, set: { a: '1' }, ttl: TTL }, rotation(record)]) {
          expect(await store.commit(record.id, delta)).toEqual({ outcome: 'gone' });
        }
        expect(await store.destroy(record.id)).toBeUndefined();
        expect(await store.load(record.id)).toEqual({ ended: reason });
      });
    }

    it(
      'keeps the first tombstone where another is left for the same session',
      async () => {
        const { id } = await store.given();
        await store.destroy(id, { reason: 'replaced', ttl: TTL });
        expect(await store.destroy(id, { reason: 'evicted', ttl: 20 })).toBeUndefined();
        expect(await store.load(id)).toEqual({ ended: 'replaced' });
        await pause(60);
        expect(await store.load(id)).toEqual({ ended: 'replaced' });
      },
      TEST_TIMEOUT,
    );

    it('leaves no tombstone of a session that was destroyed without one', async () => {
      const { id } = await store.given();
      await store.destroy(id);
      await store.destroy(id, { reason: 'replaced', ttl: TTL });
      expect(await store.load(id)).toBeUndefined();
    });

    it('leaves no tombstone of a session that does not exist', async () => {
      const id = newId();
      await store.destroy(id, { reason: 'replaced', ttl: TTL });
      expect(await store.load(id)).toBeUndefined();
    });

    it('leaves no tombstone whose ttl is zero or less', async () => {
      for (const ttl of [0, -1]) {
        const record = await store.given();
        expect(await store.destroy(record.id, { reason: 'replaced', ttl })).toEqual(record);
        expect(await store.load(record.id)).toBeUndefined();
      }
    });

    it(
      'forgets a tombstone when its ttl is over',
      async () => {
        const { id } = await store.given();
        await store.destroy(id, { reason: 'replaced', ttl: 50 });
        await store.untilGone(id);
      },
      TEST_TIMEOUT,
    );

    it(
      'takes a ttl with a fraction, and one of more than 2^31 - 1 milliseconds',
      async () => {
        const short = await store.given();
        await store.destroy(short.id, { reason: 'replaced', ttl: 20.5 });
        const ids: string[] = [];
        for (const ttl of [TTL + 0.5, 2 ** 31 + 10, 2 ** 32 + 20]) {
          const { id } = await store.given();
          await store.destroy(id, { reason: 'evicted', ttl });
          ids.push(id);
        }
        await pause(60);
        for (const id of ids) expect(await store.load(id)).toEqual({ ended: 'evicted' });
        await store.untilGone(short.id);
      },
      TEST_TIMEOUT,
    );
  });
}
