import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type { TestRunner } from './runner.js';
import { aRecord, aSubject, fullPredecessor, rotation, type StoreUnderTest } from './store-under-test.js';

/** Stored data changes only by a commit, never by mutating an object that was passed to or returned by the store. */
export function isolatingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  const full = (): Partial<SessionRecord> => ({
    subject: aSubject(),
    factors: { pwd: 1 },
    previous: fullPredecessor(),
    device: { ip: '192.0.2.1', userAgent: 'Browser/1.0' },
    data: { a: '1', b: '2' },
  });

  describe('isolation', () => {
    it('keeps a session apart from the record that was given to create', async () => {
      const record = await store.given(full());
      const before = structuredClone(record);
      spoil(record);
      expect(await store.record(before.id)).toEqual(before);
      expect(await store.idsOf(before.subject!)).toEqual([before.id]);
    });

    it('keeps a session apart from the record that load returned', async () => {
      const record = structuredClone(await store.given(full()));
      spoil(await store.load(record.id));
      expect(await store.record(record.id)).toEqual(record);
    });

    it('keeps a session apart from the records that list returned', async () => {
      const record = structuredClone(await store.given(full()));
      spoil(await store.list(record.subject!));
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.idsOf(record.subject!)).toEqual([record.id]);
    });

    it('keeps a session apart from the deltas that were given to commit', async () => {
      const record = await store.given(full());
      const rotating: RecordDelta = rotation(record, undefined, fullPredecessor({ hash: record.secretHash }));
      const confirm = { secretHash: rotating.rotate!.to, previous: fullPredecessor() };
      const head = { factors: { otp: 2 }, device: { ip: '192.0.2.2' } };
      const writing: RecordDelta = { epoch: 3, set: { a: '3', c: '4' }, remove: ['b'], head };
      for (const delta of [writing, rotating, { epoch: 3, confirm }]) {
        expect(await store.commit(record.id, delta)).toMatchObject({ outcome: 'saved' });
        const before = structuredClone(await store.record(record.id));
        spoil(delta);
        expect(await store.record(record.id)).toEqual(before);
      }
    });

    it('changes no record or delta that it was given', async () => {
      const record = aRecord(full());
      const created = structuredClone(record);
      await store.create(record);
      const delta: RecordDelta = {
        ...rotation(record, undefined, fullPredecessor({ hash: record.secretHash })),
        set: { a: '3' },
        remove: ['b'],
        head: { factors: { otp: 2 } },
      };
      const before = structuredClone(delta);
      await store.commit(record.id, delta);
      await store.destroy(record.id);
      expect(record).toEqual(created);
      expect(delta).toEqual(before);
    });

    it('changes no record that it returned before', async () => {
      const { id, subject: owner } = await store.given(full());
      const loaded = await store.record(id);
      const [listed] = await store.list(owner!);
      const before = structuredClone([loaded, listed]);
      const head = { lastSeenAt: 5, factors: { otp: 2 } };
      const delta = { ...rotation(loaded!), set: { a: '3' }, remove: ['b'], head };
      expect(await store.commit(id, delta)).toMatchObject({ outcome: 'saved' });
      expect([loaded, listed]).toEqual(before);
    });
  });
}

/** Changes everything that is mutable. Frozen objects throw, which is safe as well. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const child of Object.values(value)) spoil(child);
  for (const key of Object.keys(value)) Reflect.set(value, key, 'spoiled');
  if (Array.isArray(value)) Reflect.set(value, 'length', 0);
  else Reflect.set(value, 'added', 'spoiled');
}
