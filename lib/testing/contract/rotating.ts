import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import { ODD_DATA, ODD_KEYS, pairs } from './odd-data.js';
import type { TestRunner } from './runner.js';
import {
  aHash,
  aPredecessor,
  aSubject,
  fullPredecessor,
  rotation,
  severing,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

export function rotatingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  const rotated = async (rest: Partial<SessionRecord> = {}): Promise<SessionRecord> => {
    const record = await store.given(rest);
    await store.commit(
      record.id,
      rotation(record, aHash(), fullPredecessor({ hash: record.secretHash, epoch: undefined })),
    );
    return (await store.record(record.id))!;
  };

  describe('rotating', () => {
    it('puts the new secret in place, and remembers every field of the predecessor', async () => {
      for (const rest of [{}, { honoured: false, epoch: 1 }, fullPredecessor()]) {
        const record = await store.given();
        const delta = rotation(record, aHash(), { ...rest, hash: record.secretHash });
        expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 0 });
        const { to, previous } = delta.rotate;
        expect(await store.record(record.id)).toEqual({ ...record, secretHash: to, previous });
      }
    });

    it('replaces what the record knew of predecessors, and keeps no field of it', async () => {
      const record = await store.given({ previous: fullPredecessor({ epoch: undefined }) });
      const previous = { hash: record.secretHash, until: 5, honoured: false, nonce: 'n' };
      const rotate = { from: record.secretHash, to: aHash(), previous };
      await store.commit(record.id, { epoch: 0, rotate });
      expect(await store.record(record.id)).toEqual({ ...record, secretHash: rotate.to, previous });
    });

    it('remembers the predecessor through later commits', async () => {
      const { id, secretHash, previous } = await rotated({ data: { a: '1' } });
      const deltas: Omit<RecordDelta, 'epoch'>[] = [
        { head: { lastSeenAt: 5 } },
        { head: { lastSeenAt: 6 }, ttl: TTL },
        { set: { a: '2' } },
        { remove: ['a'], revision: 1 },
        { ttl: TTL },
        {},
      ];
      for (const delta of deltas) {
        expect(await store.commit(id, { epoch: 0, ...delta })).toMatchObject({ outcome: 'saved' });
        expect(await store.record(id)).toMatchObject({ secretHash });
        expect((await store.record(id))!.previous).toEqual(previous);
      }
    });

    it('sets, removes and replaces the head in the same commit', async () => {
      const record = await store.given({ data: { kept: '1', changed: '1', removed: '1' } });
      const delta = {
        ...severing(record),
        set: { changed: '2', added: '2' },
        remove: ['removed'],
        head: { factors: { otp: 1 }, startedAt: 7, lastSeenAt: 8, rotatedAt: 9, device: { ip: '192.0.2.3' } },
      };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      const { to, previous } = delta.rotate;
      expect(await store.record(record.id)).toEqual({
        ...record,
        ...delta.head,
        revision: 1,
        secretHash: to,
        previous,
        data: { kept: '1', changed: '2', added: '2' },
      });
    });

    it('removes all data in the same commit, as regenerate does', async () => {
      const record = await store.given({ data: ODD_DATA });
      await store.commit(record.id, { ...severing(record), remove: ODD_KEYS, revision: 0 });
      expect(pairs((await store.record(record.id))!.data)).toEqual([]);
    });

    it('gives back each text as it was after a rotation', async () => {
      const { id } = await rotated({ data: ODD_DATA });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs(ODD_DATA));
    });

    it('accepts commits of requests with earlier secrets, after any number of rotations of the same epoch', async () => {
      const record = await store.given();
      let current = record;
      for (let count = 1; count <= 3; count++) {
        await store.commit(record.id, rotation(current));
        current = (await store.record(record.id))!;
        const set = { count: String(count) };
        expect(await store.commit(record.id, { epoch: 0, set })).toEqual({
          outcome: 'saved',
          revision: count,
        });
        expect(await store.record(record.id)).toEqual({ ...current, revision: count, data: set });
      }
    });

    it('accepts a commit after the grace of a predecessor by a request that began within it', async () => {
      const record = await store.given();
      await store.commit(record.id, rotation(record, aHash(), { until: 1, pending: undefined }));
      expect(await store.commit(record.id, { epoch: 0, set: { a: '1' } })).toMatchObject({
        outcome: 'saved',
      });
    });

    it('refuses requests of the former epoch after a re-login or regenerate', async () => {
      const record = await store.given({ subject: aSubject() });
      await store.commit(record.id, severing(record));
      const after = await store.record(record.id);
      for (const delta of [
        { epoch: 0, set: { a: '1' } },
        { epoch: 0, head: { lastSeenAt: 1 }, ttl: 0 },
        rotation({ ...after!, previous: undefined }),
      ]) {
        expect(await store.commit(record.id, delta)).toEqual({ outcome: 'gone' });
        expect(await store.record(record.id)).toEqual(after);
      }
      expect(await store.commit(record.id, { epoch: 1, set: { a: '1' } })).toMatchObject({
        outcome: 'saved',
      });
    });

    it('keeps the epoch that a periodic rotation after a re-login hands on', async () => {
      const record = await store.given();
      await store.commit(record.id, severing(record));
      await store.commit(record.id, rotation((await store.record(record.id))!));
      expect(await store.commit(record.id, { epoch: 0, set: { a: '1' } })).toEqual({ outcome: 'gone' });
      expect(await store.commit(record.id, { epoch: 1, set: { b: '1' } })).toMatchObject({
        outcome: 'saved',
      });
      expect((await store.record(record.id))!.data).toEqual({ b: '1' });
    });

    it('refuses a rotation as a conflict where another one came first, and writes nothing', async () => {
      const record = await store.given({ subject: aSubject() });
      await store.commit(record.id, rotation(record));
      const after = await store.record(record.id);
      const late = { ...rotation(record), set: { a: '1' }, head: { rotatedAt: 1 }, ttl: 0 };
      expect(await store.commit(record.id, late)).toEqual({ outcome: 'conflict' });
      expect(await store.record(record.id)).toEqual(after);
      expect(await store.list(record.subject!)).toMatchObject([{ rotatedAt: record.rotatedAt }]);
    });

    it('refuses a rotation as a conflict where only the revision is another', async () => {
      const record = await store.given({ data: { a: '1' } });
      const delta = { ...severing(record), revision: 1, remove: ['a'], ttl: 0 };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'conflict' });
      expect(await store.record(record.id)).toEqual(record);
    });
  });

  describe('confirming', () => {
    it('replaces what the record knows of predecessors, and nothing else', async () => {
      for (const previous of [aPredecessor(), fullPredecessor({ pending: undefined, epoch: undefined })]) {
        const record = await rotated({ data: { a: '1' } });
        const confirm = { secretHash: record.secretHash, previous };
        expect(await store.commit(record.id, { epoch: 0, confirm })).toEqual({
          outcome: 'saved',
          revision: 0,
        });
        expect(await store.record(record.id)).toEqual({ ...record, previous });
      }
    });

    it('confirms a rotation in the same commit as other changes', async () => {
      const record = await rotated({ data: { a: '1', b: '1' } });
      const confirm = {
        secretHash: record.secretHash,
        previous: fullPredecessor({ pending: undefined, epoch: undefined }),
      };
      const delta = { epoch: 0, confirm, set: { a: '2' }, remove: ['b'], head: { lastSeenAt: 9 }, ttl: TTL };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      expect(await store.record(record.id)).toEqual({
        ...record,
        previous: confirm.previous,
        revision: 1,
        lastSeenAt: 9,
        data: { a: '2' },
      });
    });

    it('leaves out the confirmation alone where the secret is another by now', async () => {
      const record = await rotated({ data: { a: '1', b: '1' } });
      // Simulates a request that read the record before the rotation.
      const confirm = { secretHash: record.previous!.hash, previous: aPredecessor() };
      const delta = { epoch: 0, confirm, set: { a: '2' }, remove: ['b'], head: { lastSeenAt: 9 } };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      expect(await store.record(record.id)).toEqual({
        ...record,
        revision: 1,
        lastSeenAt: 9,
        data: { a: '2' },
      });
    });

    it('leaves out a confirmation where the rotation was confirmed before', async () => {
      const record = await rotated({ data: { a: '1' } });
      const [first, second] = [aPredecessor(), aPredecessor({ until: Date.now() + 2 * TTL })];
      for (const previous of [first, second]) {
        const confirm = { secretHash: record.secretHash, previous };
        expect(await store.commit(record.id, { epoch: 0, confirm, set: { a: '2' } })).toMatchObject({
          outcome: 'saved',
        });
      }
      expect(await store.record(record.id)).toEqual({
        ...record,
        previous: first,
        revision: 2,
        data: { a: '2' },
      });
    });

    it('confirms nothing where the revision or the epoch is another', async () => {
      const record = await rotated();
      const confirm = { secretHash: record.secretHash, previous: aPredecessor() };
      expect(await store.commit(record.id, { epoch: 0, confirm, revision: 3 })).toEqual({
        outcome: 'conflict',
      });
      expect(await store.commit(record.id, { epoch: 2, confirm })).toEqual({ outcome: 'gone' });
      expect(await store.record(record.id)).toEqual(record);
    });
  });
}
