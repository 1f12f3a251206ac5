import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type { TestRunner } from './runner.js';
import { aRecord, aSubject, fullPredecessor, rotation, type StoreSubject } from './subject.js';

/** What is stored changes by a commit only, never because somebody changes an object that was given or returned. */
export function isolatingSpecs({ describe, it }: TestRunner, subject: StoreSubject): void {
  const full = (): Partial<SessionRecord> => ({
    subject: aSubject(),
    factors: { pwd: 1 },
    previous: fullPredecessor(),
    device: { ip: '192.0.2.1', userAgent: 'Browser/1.0' },
    data: { a: '1', b: '2' },
  });

  describe('isolation', () => {
    it('keeps a session apart from the record that was given to create', async () => {
      const record = await subject.given(full());
      const before = structuredClone(record);
      spoil(record);
      expect(await subject.record(before.id)).toEqual(before);
      expect(await subject.idsOf(before.subject!)).toEqual([before.id]);
    });

    it('keeps a session apart from the record that load returned', async () => {
      const record = structuredClone(await subject.given(full()));
      spoil(await subject.load(record.id));
      expect(await subject.record(record.id)).toEqual(record);
    });

    it('keeps a session apart from the records that list returned', async () => {
      const record = structuredClone(await subject.given(full()));
      spoil(await subject.list(record.subject!));
      expect(await subject.record(record.id)).toEqual(record);
      expect(await subject.idsOf(record.subject!)).toEqual([record.id]);
    });

    it('keeps a session apart from the deltas that were given to commit', async () => {
      const record = await subject.given(full());
      const rotating: RecordDelta = rotation(record, undefined, fullPredecessor({ hash: record.secretHash }));
      const confirm = { secretHash: rotating.rotate!.to, previous: fullPredecessor() };
      const head = { factors: { otp: 2 }, device: { ip: '192.0.2.2' } };
      const writing: RecordDelta = { epoch: 3, set: { a: '3', c: '4' }, remove: ['b'], head };
      for (const delta of [writing, rotating, { epoch: 3, confirm }]) {
        expect(await subject.commit(record.id, delta)).toMatchObject({ outcome: 'saved' });
        const before = structuredClone(await subject.record(record.id));
        spoil(delta);
        expect(await subject.record(record.id)).toEqual(before);
      }
    });

    it('changes no record or delta that it was given', async () => {
      const record = aRecord(full());
      const created = structuredClone(record);
      await subject.create(record);
      const delta: RecordDelta = {
        ...rotation(record, undefined, fullPredecessor({ hash: record.secretHash })),
        set: { a: '3' },
        remove: ['b'],
        head: { factors: { otp: 2 } },
      };
      const before = structuredClone(delta);
      await subject.commit(record.id, delta);
      await subject.destroy(record.id);
      expect(record).toEqual(created);
      expect(delta).toEqual(before);
    });

    it('changes no record that it returned before', async () => {
      const { id, subject: owner } = await subject.given(full());
      const loaded = await subject.record(id);
      const [listed] = await subject.list(owner!);
      const before = structuredClone([loaded, listed]);
      const head = { lastSeenAt: 5, factors: { otp: 2 } };
      const delta = { ...rotation(loaded!), set: { a: '3' }, remove: ['b'], head };
      expect(await subject.commit(id, delta)).toMatchObject({ outcome: 'saved' });
      expect([loaded, listed]).toEqual(before);
    });
  });
}

/** RevocationPage all that can be changed; what is frozen refuses, and is safe. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const child of Object.values(value)) spoil(child);
  for (const key of Object.keys(value)) Reflect.set(value, key, 'spoiled');
  if (Array.isArray(value)) Reflect.set(value, 'length', 0);
  else Reflect.set(value, 'added', 'spoiled');
}
