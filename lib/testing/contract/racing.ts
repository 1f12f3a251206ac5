import type { SessionLimit } from '../../core/storage/store.js';
import type { TestRunner } from './runner.js';
import {
  aHash,
  aPredecessor,
  aRecord,
  aSubject,
  atOnce,
  rotation,
  severing,
  TEST_TIMEOUT,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

/** Number of repetitions of a race whose outcome depends on timing. */
const ROUNDS = 20;

const TOMBSTONES = {
  'without a tombstone': undefined,
  'with a tombstone': { reason: 'replaced', ttl: TTL },
} as const;

const LIMITS: Record<string, SessionLimit | undefined> = {
  'without a limit': undefined,
  'with a limit': { max: 5, onExceeded: 'evict-oldest', tombstoneTtl: TTL },
};

export function racingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  describe('races', () => {
    it('load, destroy, commit: the destroy stands', async () => {
      const record = await store.given({ subject: aSubject() });
      await store.load(record.id);
      await store.destroy(record.id);
      const slow = { epoch: 0, set: { a: '1' }, revision: 0, ttl: TTL };
      expect(await store.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await store.load(record.id)).toBeUndefined();
      expect(await store.list(record.subject!)).toEqual([]);
    });

    it('load, re-login, commit: the former epoch neither writes nor comes back', async () => {
      const record = await store.given();
      await store.load(record.id);
      await store.commit(record.id, severing(record));
      const after = await store.record(record.id);
      const slow = { epoch: 0, set: { a: '1' }, head: { lastSeenAt: 1 }, ttl: TTL };
      expect(await store.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await store.record(record.id)).toEqual(after);
    });

    it(
      'destroy during a roll: nothing is left',
      async () => {
        const record = await store.given({ subject: aSubject() });
        for (let round = 0; round < ROUNDS; round++) {
          const one = await store.given({ subject: record.subject });
          const roll = { epoch: 0, head: { lastSeenAt: Date.now() }, ttl: TTL };
          const [first, , second] = await Promise.all([
            store.commit(one.id, roll),
            store.destroy(one.id),
            store.commit(one.id, roll),
          ]);
          for (const { outcome } of [first, second]) expect(['saved', 'gone']).toContain(outcome);
          expect(await store.load(one.id)).toBeUndefined();
        }
        expect(await store.idsOf(record.subject!)).toEqual([record.id]);
      },
      TEST_TIMEOUT,
    );

    for (const [which, tombstone] of Object.entries(TOMBSTONES)) {
      it(
        `destroy ${which} during a write: what was saved is in the record that the destroy returns`,
        async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const { id } = await store.given();
            const [committed, last] = await Promise.all([
              store.commit(id, { epoch: 0, set: { a: '1' } }),
              store.destroy(id, tombstone),
            ]);
            expect(last!.data).toEqual(committed.outcome === 'saved' ? { a: '1' } : {});
            expect(await store.load(id)).toEqual(tombstone && { ended: tombstone.reason });
          }
        },
        TEST_TIMEOUT,
      );
    }

    it('two writers of different keys: both survive', async () => {
      const { id } = await store.given({ data: { a: '0' } });
      await Promise.all([
        store.commit(id, { epoch: 0, set: { b: '1' } }),
        store.commit(id, { epoch: 0, set: { c: '2' }, remove: ['a'] }),
        store.commit(id, { epoch: 0, head: { lastSeenAt: 4 }, ttl: TTL }),
      ]);
      expect(await store.record(id)).toMatchObject({ revision: 2, lastSeenAt: 4 });
      expect((await store.record(id))!.data).toEqual({ b: '1', c: '2' });
    });

    it(
      '50 writers of one key, by compare and retry: each counts once',
      async () => {
        const { id } = await store.given({ data: { n: '0' } });
        await atOnce(50, () => increment(id));
        expect(await store.record(id)).toMatchObject({ revision: 50, data: { n: '50' } });
      },
      TEST_TIMEOUT,
    );

    it('parallel rotations: one wins', async () => {
      const record = await store.given();
      const hashes = Array.from({ length: 10 }, aHash);
      const done = await Promise.all(hashes.map((to) => store.commit(record.id, rotation(record, to))));
      const winners = hashes.filter((_, index) => done[index]!.outcome === 'saved');
      expect(winners).toHaveLength(1);
      expect(done.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(9);
      expect((await store.record(record.id))!.secretHash).toBe(winners[0]);
    });

    it(
      'a confirmation beside a rotation: the rotation is what is remembered',
      async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const previous = aPredecessor({ pending: true });
          const record = await store.given({ previous });
          const confirm = {
            secretHash: record.secretHash,
            previous: { ...previous, pending: undefined, until: 1 },
          };
          const rotating = rotation(record);
          const [confirmed, rotated] = await Promise.all([
            store.commit(record.id, { epoch: 0, confirm }),
            store.commit(record.id, rotating),
          ]);
          expect([confirmed.outcome, rotated.outcome]).toEqual(['saved', 'saved']);
          const { to: secretHash, previous: expected } = rotating.rotate;
          expect(await store.record(record.id)).toEqual({ ...record, secretHash, previous: expected });
        }
      },
      TEST_TIMEOUT,
    );

    it(
      'a write beside a re-login: all of it is there, or it was refused',
      async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const record = await store.given();
          const relogin = severing(record);
          const [written, severed] = await Promise.all([
            store.commit(record.id, { epoch: 0, set: { a: '1' } }),
            store.commit(record.id, relogin),
          ]);
          expect(severed.outcome).toBe('saved');
          const { to: secretHash, previous } = relogin.rotate;
          const saved = written.outcome === 'saved';
          expect(await store.record(record.id)).toEqual({
            ...record,
            secretHash,
            previous,
            ...(saved && { revision: 1, data: { a: '1' } }),
          });
        }
      },
      TEST_TIMEOUT,
    );

    for (const [which, limit] of Object.entries(LIMITS)) {
      it(
        `a create ${which} beside a revocation: it is refused, or it is listed`,
        async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const [owner, at] = [aSubject(), Date.now()];
            const record = aRecord({ subject: owner });
            const create = store.create(record, TTL, limit, at);
            const listed = store.markRevoked(owner, at + 1).then(() => store.idsOf(owner));
            const { outcome } = await create;
            // A session that is rejected in the end may be listed for a moment, and not after that.
            if (outcome === 'created') expect(await listed).toEqual([record.id]);
            await listed;
            expect(await store.idsOf(owner)).toEqual(outcome === 'created' ? [record.id] : []);
          }
        },
        TEST_TIMEOUT,
      );
    }
  });

  async function increment(id: string): Promise<void> {
    for (;;) {
      const { revision, data } = (await store.record(id))!;
      const set = { n: String(Number(data['n']) + 1) };
      const { outcome } = await store.commit(id, { epoch: 0, revision, set });
      if (outcome === 'saved') return;
      if (outcome === 'gone') throw new Error('The session was lost.');
    }
  }
}
