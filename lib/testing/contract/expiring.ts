import { newId } from '../../core/token/ids.js';
import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type { TestRunner } from './runner.js';
import {
  aPredecessor,
  aRecord,
  aSubject,
  pause,
  rotation,
  TEST_TIMEOUT,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

/** Milliseconds that exceed a timer and a 32-bit integer, signed or unsigned. */
const LONG_TTLS = [2 ** 31 + 10, 2 ** 32 + 20, 400 * 24 * 3_600_000];

/** The kinds of commit that can carry a time to live. */
const KINDS: Record<string, (record: SessionRecord) => RecordDelta> = {
  'of nothing else': () => ({ epoch: 0 }),
  'that changes data': () => ({ epoch: 0, set: { a: '1' }, remove: ['b'] }),
  'that changes the head': () => ({ epoch: 0, head: { lastSeenAt: Date.now() } }),
  'that compares the revision': () => ({ epoch: 0, revision: 0, set: { a: '1' } }),
  'that rotates': (record) => rotation(record),
  'that confirms': ({ secretHash }) => ({
    epoch: 0,
    confirm: { secretHash, previous: aPredecessor() },
  }),
};

export function expiringSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  describe('expiry', () => {
    it('takes a time to live of zero or less as gone', async () => {
      const owner = aSubject();
      for (const ttl of [0, -1, -0.5]) {
        const record = aRecord({ subject: owner });
        await store.create(record, ttl);
        expect(await store.load(record.id)).toBeUndefined();
        expect(await store.destroy(record.id)).toBeUndefined();
      }
      expect(await store.list(owner)).toEqual([]);
    });

    it('expires at once by a commit with a ttl of zero or less', async () => {
      for (const ttl of [0, -1]) {
        const owner = aSubject();
        const { id } = await store.given({ subject: owner });
        await store.commit(id, { epoch: 0, set: { late: '1' }, ttl });
        expect(await store.load(id)).toBeUndefined();
        expect(await store.list(owner)).toEqual([]);
        expect(await store.commit(id, { epoch: 0, ttl: TTL })).toEqual({ outcome: 'gone' });
      }
    });

    it(
      'forgets a session when its time is over',
      async () => {
        const { id } = await store.given({}, 50);
        await store.untilGone(id);
      },
      TEST_TIMEOUT,
    );

    for (const [kind, delta] of Object.entries(KINDS)) {
      it(
        `keeps the expiry at a commit ${kind}, without ttl`,
        async () => {
          const { id } = await store.outlastingCommit(delta);
          expect(await store.load(id)).toBeUndefined();
        },
        TEST_TIMEOUT,
      );

      it(
        `moves the expiry by the ttl of a commit ${kind}`,
        async () => {
          const extended = await store.outlastingCommit((record) => ({ ...delta(record), ttl: TTL }));
          expect(await store.record(extended.id)).toBeDefined();
          const shortened = await store.given();
          await store.commit(shortened.id, { ...delta(shortened), ttl: 20 });
          await store.untilGone(shortened.id);
        },
        TEST_TIMEOUT,
      );
    }

    it(
      'moves the expiry by a commit of a request that came with the predecessor',
      async () => {
        const extended = await store.outlasting(async (record) => {
          await store.commit(record.id, rotation(record));
          const { outcome } = await store.commit(record.id, { epoch: 0, set: { a: '1' }, ttl: TTL });
          return outcome === 'saved';
        });
        expect(await store.record(extended.id)).toMatchObject({ data: { a: '1' } });
      },
      TEST_TIMEOUT,
    );

    it(
      'moves the expiry by a commit whose confirmation comes too late',
      async () => {
        const confirm = { secretHash: 'another', previous: aPredecessor() };
        const extended = await store.outlastingCommit(() => ({ epoch: 0, confirm, ttl: TTL }));
        expect(await store.record(extended.id)).toBeDefined();
      },
      TEST_TIMEOUT,
    );

    it(
      'keeps the expiry where a commit writes nothing',
      async () => {
        const conflicting = await store.outlastingCommit(() => ({ epoch: 0, revision: 9, ttl: TTL }));
        expect(await store.load(conflicting.id)).toBeUndefined();
        const outdated = await store.outlastingCommit((record) => ({
          ...rotation({ ...record, secretHash: 'another' }),
          ttl: TTL,
        }));
        expect(await store.load(outdated.id)).toBeUndefined();
        const severed = await store.outlasting(async ({ id }) => {
          await store.commit(id, { epoch: 1, ttl: TTL });
          return true;
        });
        expect(await store.load(severed.id)).toBeUndefined();
      },
      TEST_TIMEOUT,
    );

    it(
      'extends nothing by a load or a list',
      async () => {
        const owner = aSubject();
        const { id } = await store.outlasting(
          async (record) => {
            await store.list(owner);
            return (await store.load(record.id)) !== undefined;
          },
          { subject: owner },
        );
        expect(await store.load(id)).toBeUndefined();
      },
      TEST_TIMEOUT,
    );

    it(
      'revives nothing that expired by itself',
      async () => {
        for (const delta of Object.values(KINDS)) {
          const owner = aSubject();
          // No load in between: a store may drop expired records only on access.
          const expired = await store.outlasting(() => Promise.resolve(true), { subject: owner });
          expect(await store.commit(expired.id, { ...delta(expired), ttl: TTL })).toEqual({
            outcome: 'gone',
          });
          expect(await store.load(expired.id)).toBeUndefined();
          expect(await store.list(owner)).toEqual([]);
        }
      },
      TEST_TIMEOUT,
    );

    it(
      'destroys nothing that expired by itself',
      async () => {
        const { id } = await store.outlasting(() => Promise.resolve(true));
        expect(await store.destroy(id, { reason: 'replaced', ttl: TTL })).toBeUndefined();
        expect(await store.load(id)).toBeUndefined();
      },
      TEST_TIMEOUT,
    );

    it(
      'takes a time to live with a fraction',
      async () => {
        const lasting = await store.given({}, TTL + 0.5);
        await store.commit(lasting.id, { epoch: 0, ttl: TTL + 0.25 });
        const [short, tiny] = [await store.given({}, 20.75), await store.given({}, 0.25)];
        const shortened = await store.given();
        await store.commit(shortened.id, { epoch: 0, ttl: 0.25 });
        for (const { id } of [short, tiny, shortened]) await store.untilGone(id);
        expect(await store.record(lasting.id)).toBeDefined();
      },
      TEST_TIMEOUT,
    );

    it('takes a time to live of more than 2^31 - 1 milliseconds at create', async () => {
      const records = await Promise.all(LONG_TTLS.map((ttl) => store.given({ subject: aSubject() }, ttl)));
      await pause(60);
      for (const { id, subject: owner } of records) {
        expect(await store.record(id)).toBeDefined();
        expect(await store.idsOf(owner!)).toEqual([id]);
      }
    });

    it('takes a time to live of more than 2^31 - 1 milliseconds at commit', async () => {
      const ids = LONG_TTLS.map(newId);
      for (const [index, ttl] of LONG_TTLS.entries()) {
        await store.given({ id: ids[index]! });
        await store.commit(ids[index]!, { epoch: 0, ttl });
      }
      await pause(60);
      for (const id of ids) expect(await store.record(id)).toBeDefined();
    });

    it(
      'lists none that has expired',
      async () => {
        const owner = aSubject();
        const passing = await store.outlasting(() => Promise.resolve(true), { subject: owner });
        const lasting = await store.given({ subject: owner });
        expect(passing.id).not.toBe(lasting.id);
        expect(await store.idsOf(owner)).toEqual([lasting.id]);
      },
      TEST_TIMEOUT,
    );
  });
}
