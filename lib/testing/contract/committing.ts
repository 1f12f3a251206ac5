import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import { LONG_TEXT, manyTexts, ODD_DATA, ODD_KEYS, pairs } from './odd-data.js';
import type { TestRunner } from './runner.js';
import {
  aHash,
  aPredecessor,
  aSubject,
  rotation,
  severing,
  TEST_TIMEOUT,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

export function committingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  /** A rejected commit leaves every field unchanged, in the list of the subject as well. */
  const expectUnchanged = async (record: SessionRecord): Promise<void> => {
    expect(await store.record(record.id)).toEqual(record);
    const { data: _, ...rest } = record;
    if (record.subject !== undefined) expect(await store.list(record.subject)).toMatchObject([rest]);
  };

  /** Everything that one commit can write. */
  const everything = (record: SessionRecord): RecordDelta => ({
    epoch: 0,
    set: { a: '2' },
    remove: ['b'],
    head: { factors: { otp: 2 }, startedAt: 2, lastSeenAt: 2, rotatedAt: 2, device: { ip: '192.0.2.2' } },
    confirm: { secretHash: record.secretHash, previous: aPredecessor() },
    ttl: 0,
  });

  const owned = (): Promise<SessionRecord> =>
    store.given({
      subject: aSubject(),
      factors: { pwd: 1 },
      previous: aPredecessor({ pending: true }),
      data: { a: '1', b: '1' },
    });

  describe('committing', () => {
    it('sets and removes by key, and leaves the other keys', async () => {
      const record = await store.given({ data: { kept: '0', changed: '1', removed: '2' } });
      const set = { changed: '"new"', added: '[1]', constructor: '3' };
      const delta = { epoch: 0, set, remove: ['removed', 'never there'] };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      const data = { kept: '0', changed: '"new"', added: '[1]', constructor: '3' };
      expect(await store.record(record.id)).toEqual({ ...record, revision: 1, data });
    });

    it('gives back each text that a commit set as it was', async () => {
      const { id } = await store.given({ data: { other: '1' } });
      await store.commit(id, { epoch: 0, set: ODD_DATA });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs({ ...ODD_DATA, other: '1' }));
    });

    it('gives back each text that a commit did not touch as it was', async () => {
      const { id } = await store.given({ data: ODD_DATA });
      await store.commit(id, { epoch: 0, set: { other: '1' } });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs({ ...ODD_DATA, other: '1' }));
      await store.commit(id, { epoch: 0, head: { lastSeenAt: 1 }, remove: ['other'] });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs(ODD_DATA));
    });

    it('removes keys of any form', async () => {
      const kept = { car: '1', 'cart 2': '2', Cart: '3' };
      const { id } = await store.given({ data: { ...ODD_DATA, ...kept } });
      await store.commit(id, { epoch: 0, remove: ODD_KEYS });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs(kept));
    });

    it(
      'keeps a text of far more than 64 kB that a commit set, and one that it did not touch',
      async () => {
        const { id } = await store.given({ data: { untouched: LONG_TEXT } });
        await store.commit(id, { epoch: 0, set: { long: LONG_TEXT } });
        const { data } = (await store.record(id))!;
        expect([data['untouched'] === LONG_TEXT, data['long'] === LONG_TEXT]).toEqual([true, true]);
      },
      TEST_TIMEOUT,
    );

    it('keeps more than 100 keys that a commit set, and removes as many', async () => {
      const { id } = await store.given({ data: { first: '1' } });
      const many = manyTexts(300);
      await store.commit(id, { epoch: 0, set: many });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs({ ...many, first: '1' }));
      await store.commit(id, { epoch: 0, remove: Object.keys(many) });
      expect(pairs((await store.record(id))!.data)).toEqual([['first', '1']]);
    });

    it('replaces the head field by field', async () => {
      const record = await store.given({
        subject: aSubject(),
        factors: { pwd: 1 },
        device: { ip: '192.0.2.1', userAgent: 'old' },
      });
      const [lastSeenAt, startedAt, rotatedAt] = [record.lastSeenAt + 1.5, record.startedAt + 2.25, 3];
      await store.commit(record.id, { epoch: 0, head: { lastSeenAt } });
      expect(await store.record(record.id)).toEqual({ ...record, lastSeenAt });
      const factors = { otp: record.startedAt + 0.5 };
      const head = { factors, startedAt, lastSeenAt, rotatedAt, device: { userAgent: 'new' } };
      await store.commit(record.id, { epoch: 0, head });
      expect(await store.record(record.id)).toEqual({ ...record, ...head });
    });

    it('counts in the revision the commits that concern data, and no others', async () => {
      const { id, secretHash: secret } = await store.given();
      const revisions = [];
      for (const delta of [
        { head: { lastSeenAt: 5 } },
        { set: { a: '1' } },
        { ttl: TTL },
        { remove: ['a'] },
        { set: { a: '1' }, remove: ['b'] },
        { confirm: { secretHash: secret, previous: aPredecessor() } },
        {},
      ]) {
        revisions.push(await store.commit(id, { epoch: 0, ...delta }));
      }
      expect(revisions).toEqual([0, 1, 1, 2, 3, 3, 3].map((revision) => ({ outcome: 'saved', revision })));
      expect((await store.record(id))!.revision).toBe(3);
    });

    it('writes nothing where the revision is another', async () => {
      const record = await owned();
      for (const revision of [1, -1, 7]) {
        const delta = { ...everything(record), revision };
        expect(await store.commit(record.id, delta)).toEqual({ outcome: 'conflict' });
        await expectUnchanged(record);
      }
      const { epoch, set } = everything(record);
      expect(await store.commit(record.id, { epoch, set, revision: 0 })).toEqual({
        outcome: 'saved',
        revision: 1,
      });
      expect(await store.commit(record.id, { epoch, set, revision: 0 })).toEqual({ outcome: 'conflict' });
    });

    it('compares the revision where no data changes, too', async () => {
      const record = await owned();
      const delta = { epoch: 0, revision: 1, head: { lastSeenAt: 5 } };
      expect(await store.commit(record.id, delta)).toEqual({ outcome: 'conflict' });
      await expectUnchanged(record);
    });

    it('refuses a delta of another epoch as gone, and writes nothing', async () => {
      const pending = true;
      const predecessors = [aPredecessor(), aPredecessor({ pending }), aPredecessor({ pending, epoch: 2 })];
      for (const rest of [{}, ...predecessors.map((previous) => ({ previous }))]) {
        const record = await store.given({ subject: aSubject(), data: { a: '1' }, ...rest });
        for (const epoch of [1, 3]) {
          expect(await store.commit(record.id, { ...everything(record), epoch })).toEqual({
            outcome: 'gone',
          });
          await expectUnchanged(record);
        }
      }
    });

    it('answers gone to a delta of another epoch, whatever its revision and secret', async () => {
      const record = await owned();
      const deltas = [
        { ...everything(record), revision: 5 },
        rotation({ ...record, secretHash: aHash() }),
        { ...rotation(record), revision: 5 },
      ];
      for (const delta of deltas) {
        expect(await store.commit(record.id, { ...delta, epoch: 1 })).toEqual({ outcome: 'gone' });
        await expectUnchanged(record);
      }
    });

    it('accepts a delta of the same epoch', async () => {
      const { id } = await store.given({ previous: aPredecessor({ epoch: 2 }) });
      expect(await store.commit(id, { epoch: 2, set: { a: '1' } })).toEqual({
        outcome: 'saved',
        revision: 1,
      });
      expect(await store.commit(id, { epoch: 0, set: { a: '2' } })).toEqual({ outcome: 'gone' });
      expect((await store.record(id))!.data).toEqual({ a: '1' });
    });

    it('creates no session by a commit', async () => {
      const record = await store.given({ subject: aSubject() });
      await store.destroy(record.id);
      for (const delta of [
        { ...everything(record), ttl: TTL },
        { ...rotation(record), ttl: TTL },
      ]) {
        expect(await store.commit(record.id, delta)).toEqual({ outcome: 'gone' });
        expect(await store.load(record.id)).toBeUndefined();
        expect(await store.list(record.subject!)).toEqual([]);
      }
    });

    it('changes no other session', async () => {
      const [one, other] = [await owned(), await owned()];
      await store.commit(one.id, { ...everything(one), ttl: TTL });
      await expectUnchanged(other);
    });

    it('never changes id, subject and persistence', async () => {
      const record = await store.given({ subject: aSubject(), remember: true });
      await store.commit(record.id, {
        ...severing(record),
        set: { id: '1', subject: '2', remember: '3' },
      });
      const { id, subject: owner, remember } = record;
      expect(await store.record(id)).toMatchObject({ id, subject: owner, remember });
    });
  });
}
