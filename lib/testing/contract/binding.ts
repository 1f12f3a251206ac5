import type { KeyChange, SessionRecord } from '../../core/model/record.js';
import type { TestRunner } from './runner.js';
import { aSubject, severing, type StoreUnderTest } from './store-under-test.js';

const KEY = '["ES256","\\u0000"]';
const OTHER_KEY = '["ES256","other"]';

/** What device-bound sessions need: a key that is never overwritten, and challenges that are answered once. */
export function bindingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  const given = (extra?: Record<string, string>): Promise<SessionRecord> =>
    store.given({ subject: aSubject(), data: { a: '1' }, ...(extra && { extra }) });

  const commit = async (id: string, key: KeyChange): Promise<string> =>
    (await store.commit(id, { epoch: 0, key })).outcome;

  describe('binding', () => {
    it('binds a session to a key, and leaves everything else as it is', async () => {
      for (const extra of [undefined, { label: '"x"' }]) {
        const record = await given(extra);
        expect(await store.commit(record.id, { epoch: 0, key: { bind: KEY } })).toEqual({
          outcome: 'saved',
          revision: 0,
        });
        expect(await store.record(record.id)).toEqual({ ...record, extra: { ...extra, deviceKey: KEY } });
      }
    });

    it('lists the key of a session', async () => {
      const { id, subject } = await given();
      await commit(id, { bind: KEY });
      expect((await store.list(subject!)).map(({ extra }) => extra?.['deviceKey'])).toEqual([KEY]);
    });

    it('never replaces the key of a session', async () => {
      const { id } = await given();
      const outcomes = [await commit(id, { bind: KEY }), await commit(id, { bind: OTHER_KEY })];
      expect([...outcomes, (await store.record(id))!.extra]).toEqual([
        'saved',
        'conflict',
        { deviceKey: KEY },
      ]);
      // A driver may send a commit twice.
      expect(await commit(id, { bind: KEY })).toBe('saved');
    });

    it('writes nothing of a commit whose key conflicts', async () => {
      const { id } = await given({ deviceKey: KEY, deviceChallenge: '1000' });
      const before = await store.record(id);
      for (const key of [{ bind: OTHER_KEY }, { challenge: 1_000 }]) {
        const delta = { epoch: 0, key, set: { a: '2' }, head: { lastSeenAt: 1 }, ttl: 0 };
        expect(await store.commit(id, delta)).toEqual({ outcome: 'conflict' });
      }
      expect(await store.record(id)).toEqual(before);
    });

    it('accepts each challenge once, and none that is older', async () => {
      const { id } = await given({ deviceKey: KEY });
      const outcomes: string[] = [];
      for (const challenge of [1_000, 1_000, 999, 1_001, 1_000])
        outcomes.push(await commit(id, { challenge }));
      expect(outcomes).toEqual(['saved', 'conflict', 'conflict', 'saved', 'conflict']);
      expect((await store.record(id))!.extra).toEqual({ deviceKey: KEY, deviceChallenge: '1001' });
    });

    it('compares challenges by their time, not by their text', async () => {
      const { id } = await given({ deviceKey: KEY, deviceChallenge: '999' });
      expect(await commit(id, { challenge: 1_000 })).toBe('saved');
    });

    it('binds to one of many keys that come at once', async () => {
      const { id } = await given();
      const keys = Array.from({ length: 20 }, (_, i) => `["ES256","${i}"]`);
      const outcomes = await Promise.all(keys.map((bind) => commit(id, { bind })));
      expect(outcomes.filter((outcome) => outcome === 'saved')).toHaveLength(1);
      expect((await store.record(id))!.extra).toEqual({ deviceKey: keys[outcomes.indexOf('saved')] });
    });

    it('binds no session that has ended or that another request has renewed', async () => {
      const renewed = await given();
      await store.commit(renewed.id, severing(renewed));
      expect(await commit(renewed.id, { bind: KEY })).toBe('gone');
      expect((await store.record(renewed.id))!.extra).toBeUndefined();
      const ended = await given();
      await store.destroy(ended.id);
      expect(await commit(ended.id, { bind: KEY })).toBe('gone');
      expect(await store.record(ended.id)).toBeUndefined();
    });
  });
}
