import { newId } from '../../core/ids.js';
import { aHash, rotation, TTL, type StoreSubject } from './subject.js';

export function committingSpecs(subject: StoreSubject): void {
  describe('committing', () => {
    it('sets and removes by key, and leaves the other keys', async () => {
      const record = await subject.given({ data: { kept: '0', changed: '1', removed: '2' } });
      const delta = {
        secret: record.secretHash,
        set: { changed: '"new"', added: '[1]', constructor: '3' },
        remove: ['removed', 'never there'],
      };
      expect(await subject.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      expect((await subject.record(record.id))!.data).toEqual({
        kept: '0',
        changed: '"new"',
        added: '[1]',
        constructor: '3',
      });
    });

    it('replaces the head field by field', async () => {
      const record = await subject.given({
        subject: 'u' + newId(),
        factors: { pwd: 1 },
        device: { ip: '192.0.2.1', userAgent: 'old' },
      });
      const [lastSeenAt, createdAt, rotatedAt] = [record.lastSeenAt + 1, record.createdAt + 2, 3];
      await subject.commit(record.id, { secret: record.secretHash, head: { lastSeenAt } });
      expect(await subject.record(record.id)).toEqual({ ...record, lastSeenAt });
      const head = { factors: { otp: 2 }, createdAt, lastSeenAt, rotatedAt, device: { userAgent: 'new' } };
      await subject.commit(record.id, { secret: record.secretHash, head });
      expect(await subject.record(record.id)).toEqual({ ...record, ...head });
      expect(await subject.list(record.subject!)).toMatchObject([{ id: record.id, lastSeenAt }]);
    });

    it('counts in the revision the commits that concern data, and no others', async () => {
      const { id, secretHash: secret } = await subject.given();
      const revisions = [];
      for (const delta of [
        { head: { lastSeenAt: 5 } },
        { set: { a: '1' } },
        { ttl: TTL },
        { remove: ['a'] },
        { set: { a: '1' }, remove: ['b'] },
        {},
      ]) {
        revisions.push(await subject.commit(id, { secret, ...delta }));
      }
      expect(revisions).toEqual([0, 1, 1, 2, 3, 3].map((revision) => ({ outcome: 'saved', revision })));
      expect((await subject.record(id))!.revision).toBe(3);
    });

    it('writes nothing where the revision is another', async () => {
      const record = await subject.given({ data: { a: '1' } });
      const secret = record.secretHash;
      const delta = { secret, set: { a: '2' } };
      expect(await subject.commit(record.id, { ...delta, revision: 1 })).toEqual({ outcome: 'conflict' });
      expect(await subject.record(record.id)).toEqual(record);
      expect(await subject.commit(record.id, { ...delta, revision: 0 })).toEqual({
        outcome: 'saved',
        revision: 1,
      });
      expect(await subject.commit(record.id, { ...delta, revision: 0 })).toEqual({ outcome: 'conflict' });
    });

    it('takes a secret that does not open the session as gone', async () => {
      const record = await subject.given();
      const delta = { secret: aHash(), revision: 5, set: { a: '1' }, head: { lastSeenAt: 5 }, ttl: 0 };
      expect(await subject.commit(record.id, delta)).toEqual({ outcome: 'gone' });
      expect(await subject.record(record.id)).toEqual(record);
    });

    it('never creates', async () => {
      const record = await subject.given({ subject: 'u' + newId() });
      await subject.destroy(record.id);
      const delta = {
        ...rotation(record, aHash(), true),
        set: { a: '1' },
        remove: ['b'],
        head: { lastSeenAt: 1 },
        ttl: TTL,
      };
      expect(await subject.commit(record.id, delta)).toEqual({ outcome: 'gone' });
      expect(await subject.load(record.id)).toBeUndefined();
      expect(await subject.list(record.subject!)).toEqual([]);
    });
  });

  describe('rotating', () => {
    it('puts the new secret in place and remembers the one before', async () => {
      const record = await subject.given();
      const delta = rotation(record, aHash(), true);
      expect(await subject.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 0 });
      const { from, to, until, honoured, nonce } = delta.rotate!;
      expect(await subject.record(record.id)).toEqual({
        ...record,
        secretHash: to,
        previous: { hash: from, until, honoured, nonce },
      });
    });

    it('lets a request with the honoured predecessor write', async () => {
      const record = await subject.given();
      const to = aHash();
      await subject.commit(record.id, rotation(record, to, true));
      expect(await subject.commit(record.id, { secret: record.secretHash, set: { a: '1' } })).toEqual({
        outcome: 'saved',
        revision: 1,
      });
      expect(await subject.record(record.id)).toMatchObject({ secretHash: to, data: { a: '1' } });
    });

    it('lets it write even when its grace is over, for it began within', async () => {
      const record = await subject.given();
      const delta = rotation(record, aHash(), true);
      await subject.commit(record.id, { ...delta, rotate: { ...delta.rotate!, until: 1 } });
      expect(await subject.commit(record.id, { secret: record.secretHash, set: { a: '1' } })).toMatchObject({
        outcome: 'saved',
      });
    });

    it('refuses a predecessor that is not honoured', async () => {
      const record = await subject.given();
      await subject.commit(record.id, rotation(record, aHash(), false));
      expect(await subject.commit(record.id, { secret: record.secretHash, set: { a: '1' } })).toEqual({
        outcome: 'gone',
      });
      expect((await subject.record(record.id))!.data).toEqual({});
    });

    it('honours the immediate predecessor only', async () => {
      const record = await subject.given();
      const [second, third] = [aHash(), aHash()];
      await subject.commit(record.id, rotation(record, second, true));
      await subject.commit(record.id, rotation({ ...record, secretHash: second }, third, true));
      const by = (secret: string) => subject.commit(record.id, { secret, set: { a: '1' } });
      expect(await by(record.secretHash)).toEqual({ outcome: 'gone' });
      expect(await by(second)).toMatchObject({ outcome: 'saved' });
      expect(await by(third)).toMatchObject({ outcome: 'saved' });
    });

    it('is a conflict where another rotation came first, and then writes nothing', async () => {
      const record = await subject.given();
      await subject.commit(record.id, rotation(record, aHash(), true));
      const rotated = await subject.record(record.id);
      const late = { ...rotation(record, aHash(), true), set: { a: '1' }, head: { rotatedAt: 1 }, ttl: 0 };
      expect(await subject.commit(record.id, late)).toEqual({ outcome: 'conflict' });
      expect(await subject.record(record.id)).toEqual(rotated);
    });

    it('rotates and writes in one', async () => {
      const record = await subject.given({ data: { a: '1' } });
      const delta = { ...rotation(record, aHash(), false), set: { b: '2' }, head: { rotatedAt: 9 } };
      expect(await subject.commit(record.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      expect(await subject.record(record.id)).toMatchObject({
        secretHash: delta.rotate!.to,
        rotatedAt: 9,
        data: { a: '1', b: '2' },
      });
    });
  });
}
