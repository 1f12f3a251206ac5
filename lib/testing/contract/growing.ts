import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import { pairs } from './odd-data.js';
import type { TestRunner } from './runner.js';
import {
  aHash,
  aPredecessor,
  aSubject,
  rotation,
  severing,
  type StoreUnderTest,
} from './store-under-test.js';

/** Fields that a newer version may add, with names that a careless store could confuse with its own. */
const EXTRA: Readonly<Record<string, string>> = {
  label: '"my \\u0000 phone 📱"',
  deviceKey: ' {"kty": "EC", "n": 1.0} ',
  startedAt: '1',
  subject: '"mallory"',
  'a:b+c "d"': '[]',
  ['__proto__']: '{"polluted":true}',
};

/** The changes in the life of a session, each as a delta to the current record. */
const COMMITS: Record<string, (record: SessionRecord) => RecordDelta> = {
  'writes data': () => ({ epoch: 0, set: { label: '1', b: '2' }, remove: ['a'], revision: 0 }),
  rolls: ({ lastSeenAt }) => ({ epoch: 0, head: { lastSeenAt: lastSeenAt + 1 }, ttl: 60_000 }),
  rotates: (record) => rotation(record),
  confirms: ({ secretHash }) => ({ epoch: 0, confirm: { secretHash, previous: aPredecessor() } }),
  'proves again': (record) => ({
    ...severing(record),
    head: { factors: { otp: 2 }, startedAt: 2, lastSeenAt: 2, rotatedAt: 2, device: {} },
  }),
  regenerates: (record) => ({ ...severing(record, aHash()), set: { fresh: '1' }, remove: ['label', 'b'] }),
};

export function growingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  const given = (): Promise<SessionRecord> =>
    store.given({ subject: aSubject(), data: { a: '1' }, extra: EXTRA });

  describe('growing', () => {
    it('gives back what a newer version keeps in a record as it was', async () => {
      const { id } = await given();
      expect(pairs((await store.record(id))!.extra!)).toEqual(pairs(EXTRA));
      expect(pairs((await store.destroy(id))!.extra!)).toEqual(pairs(EXTRA));
    });

    it('leaves what a newer version keeps as it is, whatever a commit changes', async () => {
      const { id } = await given();
      for (const [what, delta] of Object.entries(COMMITS)) {
        const before = (await store.record(id))!;
        const { outcome } = await store.commit(id, {
          ...delta(before),
          epoch: before.previous?.epoch ?? 0,
        });
        const { extra, data } = (await store.record(id))!;
        expect([what, outcome, pairs(extra!)]).toEqual([what, 'saved', pairs(EXTRA)]);
        expect(Object.keys(data)).not.toContain('deviceKey');
      }
    });

    it('never moves when a session began', async () => {
      const { id, createdAt } = await store.given({ createdAt: 1_000.5, startedAt: 2_000 });
      expect(await store.record(id)).toMatchObject({ createdAt, startedAt: 2_000 });
      await store.commit(id, { epoch: 0, head: { startedAt: 3_000.25 } });
      expect(await store.record(id)).toMatchObject({ createdAt, startedAt: 3_000.25 });
    });
  });
}
