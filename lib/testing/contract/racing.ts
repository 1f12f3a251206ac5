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
  type StoreSubject,
} from './subject.js';

/** How often a race is run whose outcome depends on who is faster. */
const ROUNDS = 20;

const WORDS = { 'without a word': undefined, 'with a word': { reason: 'replaced', ttl: TTL } } as const;

const LIMITS: Record<string, SessionLimit | undefined> = {
  'without a limit': undefined,
  'with a limit': { max: 5, onExceeded: 'evict-oldest', tombstoneTtl: TTL },
};

export function racingSpecs({ describe, it }: TestRunner, subject: StoreSubject): void {
  describe('races', () => {
    it('load, destroy, commit: the destroy stands', async () => {
      const record = await subject.given({ subject: aSubject() });
      await subject.load(record.id);
      await subject.destroy(record.id);
      const slow = { epoch: 0, set: { a: '1' }, revision: 0, ttl: TTL };
      expect(await subject.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await subject.load(record.id)).toBeUndefined();
      expect(await subject.list(record.subject!)).toEqual([]);
    });

    it('load, re-login, commit: the former epoch neither writes nor comes back', async () => {
      const record = await subject.given();
      await subject.load(record.id);
      await subject.commit(record.id, severing(record));
      const after = await subject.record(record.id);
      const slow = { epoch: 0, set: { a: '1' }, head: { lastSeenAt: 1 }, ttl: TTL };
      expect(await subject.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await subject.record(record.id)).toEqual(after);
    });

    it(
      'destroy during a roll: nothing is left',
      async () => {
        const record = await subject.given({ subject: aSubject() });
        for (let round = 0; round < ROUNDS; round++) {
          const one = await subject.given({ subject: record.subject });
          const roll = { epoch: 0, head: { lastSeenAt: Date.now() }, ttl: TTL };
          const [first, , second] = await Promise.all([
            subject.commit(one.id, roll),
            subject.destroy(one.id),
            subject.commit(one.id, roll),
          ]);
          for (const { outcome } of [first, second]) expect(['saved', 'gone']).toContain(outcome);
          expect(await subject.load(one.id)).toBeUndefined();
        }
        expect(await subject.idsOf(record.subject!)).toEqual([record.id]);
      },
      TEST_TIMEOUT,
    );

    for (const [which, tombstone] of Object.entries(WORDS)) {
      it(
        `destroy ${which} during a write: what was saved is in the record that the destroy returns`,
        async () => {
          for (let round = 0; round < ROUNDS; round++) {
            const { id } = await subject.given();
            const [committed, last] = await Promise.all([
              subject.commit(id, { epoch: 0, set: { a: '1' } }),
              subject.destroy(id, tombstone),
            ]);
            expect(last!.data).toEqual(committed.outcome === 'saved' ? { a: '1' } : {});
            expect(await subject.load(id)).toEqual(tombstone && { ended: tombstone.reason });
          }
        },
        TEST_TIMEOUT,
      );
    }

    it('two writers of different keys: both survive', async () => {
      const { id } = await subject.given({ data: { a: '0' } });
      await Promise.all([
        subject.commit(id, { epoch: 0, set: { b: '1' } }),
        subject.commit(id, { epoch: 0, set: { c: '2' }, remove: ['a'] }),
        subject.commit(id, { epoch: 0, head: { lastSeenAt: 4 }, ttl: TTL }),
      ]);
      expect(await subject.record(id)).toMatchObject({ revision: 2, lastSeenAt: 4 });
      expect((await subject.record(id))!.data).toEqual({ b: '1', c: '2' });
    });

    it(
      '50 writers of one key, by compare and retry: each counts once',
      async () => {
        const { id } = await subject.given({ data: { n: '0' } });
        await atOnce(50, () => increment(id));
        expect(await subject.record(id)).toMatchObject({ revision: 50, data: { n: '50' } });
      },
      TEST_TIMEOUT,
    );

    it('parallel rotations: one wins', async () => {
      const record = await subject.given();
      const hashes = Array.from({ length: 10 }, aHash);
      const done = await Promise.all(hashes.map((to) => subject.commit(record.id, rotation(record, to))));
      const winners = hashes.filter((_, index) => done[index]!.outcome === 'saved');
      expect(winners).toHaveLength(1);
      expect(done.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(9);
      expect((await subject.record(record.id))!.secretHash).toBe(winners[0]);
    });

    it(
      'a confirmation beside a rotation: the rotation is what is remembered',
      async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const previous = aPredecessor({ pending: true });
          const record = await subject.given({ previous });
          const confirm = {
            secretHash: record.secretHash,
            previous: { ...previous, pending: undefined, until: 1 },
          };
          const rotating = rotation(record);
          const [confirmed, rotated] = await Promise.all([
            subject.commit(record.id, { epoch: 0, confirm }),
            subject.commit(record.id, rotating),
          ]);
          expect([confirmed.outcome, rotated.outcome]).toEqual(['saved', 'saved']);
          const { to: secretHash, previous: expected } = rotating.rotate;
          expect(await subject.record(record.id)).toEqual({ ...record, secretHash, previous: expected });
        }
      },
      TEST_TIMEOUT,
    );

    it(
      'a write beside a re-login: all of it is there, or it was refused',
      async () => {
        for (let round = 0; round < ROUNDS; round++) {
          const record = await subject.given();
          const relogin = severing(record);
          const [written, severed] = await Promise.all([
            subject.commit(record.id, { epoch: 0, set: { a: '1' } }),
            subject.commit(record.id, relogin),
          ]);
          expect(severed.outcome).toBe('saved');
          const { to: secretHash, previous } = relogin.rotate;
          const saved = written.outcome === 'saved';
          expect(await subject.record(record.id)).toEqual({
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
            const create = subject.create(record, TTL, limit, at);
            const listed = subject.markRevoked(owner, at + 1).then(() => subject.idsOf(owner));
            const { outcome } = await create;
            // One that is refused in the end may show for a moment, and then no more.
            if (outcome === 'created') expect(await listed).toEqual([record.id]);
            await listed;
            expect(await subject.idsOf(owner)).toEqual(outcome === 'created' ? [record.id] : []);
          }
        },
        TEST_TIMEOUT,
      );
    }
  });

  async function increment(id: string): Promise<void> {
    for (;;) {
      const { revision, data } = (await subject.record(id))!;
      const set = { n: String(Number(data['n']) + 1) };
      const { outcome } = await subject.commit(id, { epoch: 0, revision, set });
      if (outcome === 'saved') return;
      if (outcome === 'gone') throw new Error('The session was lost.');
    }
  }
}
