import {
  aHash,
  aRecord,
  aSubject,
  atOnce,
  rotation,
  TEST_TIMEOUT,
  TTL,
  type StoreSubject,
} from './subject.js';

/** How often a race is run whose outcome depends on who is faster. */
const ROUNDS = 20;

export function racingSpecs(subject: StoreSubject): void {
  describe('races', () => {
    it('load, destroy, commit: the destroy stands', async () => {
      const record = await subject.given({ subject: aSubject() });
      await subject.load(record.id);
      await subject.destroy(record.id);
      const slow = { secret: record.secretHash, set: { a: '1' }, revision: 0, ttl: TTL };
      expect(await subject.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await subject.load(record.id)).toBeUndefined();
      expect(await subject.list(record.subject!)).toEqual([]);
    });

    it('load, rotate, commit: the old secret neither writes nor comes back', async () => {
      const record = await subject.given();
      await subject.load(record.id);
      const to = aHash();
      await subject.commit(record.id, rotation(record, to, false));
      const rotated = await subject.record(record.id);
      const slow = { secret: record.secretHash, set: { a: '1' }, head: { lastSeenAt: 1 }, ttl: TTL };
      expect(await subject.commit(record.id, slow)).toEqual({ outcome: 'gone' });
      expect(await subject.record(record.id)).toEqual(rotated);
    });

    it(
      'destroy during a roll: nothing is left',
      async () => {
        const record = await subject.given({ subject: aSubject() });
        for (let round = 0; round < ROUNDS; round++) {
          const one = await subject.given({ subject: record.subject });
          const roll = { secret: one.secretHash, head: { lastSeenAt: Date.now() }, ttl: TTL };
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

    it.each([
      ['without a word', undefined],
      ['with a word', { epitaph: 'replaced', linger: TTL }],
    ] as const)(
      'destroy %s during a write: what was saved is in the record that the destroy returns',
      async (_, word) => {
        for (let round = 0; round < ROUNDS; round++) {
          const { id, secretHash } = await subject.given();
          const [committed, last] = await Promise.all([
            subject.commit(id, { secret: secretHash, set: { a: '1' } }),
            subject.destroy(id, word),
          ]);
          expect(last!.data).toEqual(committed.outcome === 'saved' ? { a: '1' } : {});
          expect(await subject.load(id)).toEqual(word && { departed: word.epitaph });
        }
      },
      TEST_TIMEOUT,
    );

    it('two writers of different keys: both survive', async () => {
      const { id, secretHash: secret } = await subject.given({ data: { a: '0' } });
      await Promise.all([
        subject.commit(id, { secret, set: { b: '1' } }),
        subject.commit(id, { secret, set: { c: '2' }, remove: ['a'] }),
        subject.commit(id, { secret, head: { lastSeenAt: 4 }, ttl: TTL }),
      ]);
      expect(await subject.record(id)).toMatchObject({ revision: 2, lastSeenAt: 4 });
      expect((await subject.record(id))!.data).toEqual({ b: '1', c: '2' });
    });

    it(
      '50 writers of one key, by compare and retry: each counts once',
      async () => {
        const { id, secretHash } = await subject.given({ data: { n: '0' } });
        await atOnce(50, () => increment(id, secretHash));
        expect(await subject.record(id)).toMatchObject({ revision: 50, data: { n: '50' } });
      },
      TEST_TIMEOUT,
    );

    it('parallel rotations: one wins', async () => {
      const record = await subject.given();
      const hashes = Array.from({ length: 10 }, aHash);
      const done = await Promise.all(
        hashes.map((to) => subject.commit(record.id, rotation(record, to, true))),
      );
      const winners = hashes.filter((_, index) => done[index]!.outcome === 'saved');
      expect(winners).toHaveLength(1);
      expect(done.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(9);
      expect((await subject.record(record.id))!.secretHash).toBe(winners[0]);
    });

    it(
      'listing during creates: what was created before is never missed',
      async () => {
        const owner = aSubject();
        const created: string[] = [];
        await atOnce(ROUNDS, async () => {
          const record = aRecord({ subject: owner });
          await subject.create(record);
          created.push(record.id);
          const before = [...created];
          const listed = await subject.idsOf(owner);
          expect(listed).toEqual(expect.arrayContaining(before));
        });
        expect(await subject.idsOf(owner)).toEqual(created.sort());
      },
      TEST_TIMEOUT,
    );
  });

  async function increment(id: string, secret: string): Promise<void> {
    for (;;) {
      const { revision, data } = (await subject.record(id))!;
      const set = { n: String(Number(data['n']) + 1) };
      const { outcome } = await subject.commit(id, { secret, revision, set });
      if (outcome === 'saved') return;
      if (outcome === 'gone') throw new Error('The session was lost.');
    }
  }
}
