import { newId } from '../../core/token/ids.js';
import type { SessionRecord } from '../../core/model/record.js';
import { LONG_TEXT, manyTexts, ODD_DATA, pairs } from './odd-data.js';
import type { TestRunner } from './runner.js';
import {
  aHash,
  aPredecessor,
  aRecord,
  aSubject,
  fullPredecessor,
  pause,
  TEST_TIMEOUT,
  TTL,
  type StoreUnderTest,
} from './store-under-test.js';

export function keepingSpecs({ describe, it }: TestRunner, store: StoreUnderTest): void {
  const complete = (): SessionRecord =>
    aRecord({
      previous: aPredecessor(),
      revision: 7,
      subject: `user:${newId()} Ünï 🗝 'quoted" {braced} %`,
      factors: { pwd: Date.now() - 1_000, otp: Date.now(), ['__proto__']: 5 },
      createdAt: Date.now() - 3_000,
      startedAt: Date.now() - 2_500,
      lastSeenAt: Date.now() - 2_000,
      rotatedAt: Date.now() - 1_000,
      remember: true,
      device: { userAgent: 'Browser/1.0 (ü; "quoted")', ip: '2001:db8::1' },
      data: { cart: '[1]' },
    });

  describe('keeping', () => {
    it(
      'gives back every field as it was',
      async () => {
        const record = complete();
        expect(await store.create(record)).toEqual({ outcome: 'created', evicted: [] });
        const found = await store.record(record.id);
        expect(found).toEqual(record);
        expect(pairs(found!.factors)).toEqual(pairs(record.factors));
      },
      TEST_TIMEOUT,
    );

    it('gives back what is absent as absent', async () => {
      const record = await store.given();
      const found = await store.record(record.id);
      expect(found).toEqual(record);
      expect([found!.subject, found!.previous, found!.device]).toEqual([undefined, undefined, undefined]);
      const half = await store.given({ device: { ip: '192.0.2.1' } });
      expect((await store.record(half.id))!.device).toEqual({ ip: '192.0.2.1' });
    });

    it('gives back every field of a predecessor', async () => {
      for (const previous of [
        aPredecessor(),
        aPredecessor({ until: 1, honoured: false }),
        fullPredecessor(),
        fullPredecessor({ earlier: [{ hash: aHash() }], rest: {} }),
      ]) {
        const { id } = await store.given({ previous });
        expect((await store.record(id))!.previous).toEqual(previous);
      }
    });

    it('gives back times with their fraction of a millisecond', async () => {
      const now = Date.now();
      const times = {
        createdAt: now + 0.25,
        startedAt: now + 0.75,
        lastSeenAt: now + 0.5,
        rotatedAt: now + 0.125,
      };
      const { id } = await store.given({ ...times, factors: { pwd: now + 0.0625 } });
      expect(await store.record(id)).toMatchObject({ ...times, factors: { pwd: now + 0.0625 } });
    });

    it('gives back each text of the data as it was', async () => {
      const { id } = await store.given({ data: ODD_DATA });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs(ODD_DATA));
    });

    it(
      'keeps a text of far more than 64 kB',
      async () => {
        const { id } = await store.given({ data: { long: LONG_TEXT } });
        expect((await store.record(id))!.data['long'] === LONG_TEXT).toBe(true);
      },
      TEST_TIMEOUT,
    );

    it('keeps more than 100 keys', async () => {
      const { id } = await store.given({ data: manyTexts(300) });
      expect(pairs((await store.record(id))!.data)).toEqual(pairs(manyTexts(300)));
    });

    it('answers undefined for what it does not have', async () => {
      const id = newId();
      expect(await store.load(id)).toBeUndefined();
      expect(await store.destroy(id)).toBeUndefined();
      expect(await store.list(aSubject())).toEqual([]);
      expect(await store.commit(id, { epoch: 0, set: { a: '1' } })).toEqual({ outcome: 'gone' });
    });

    it('refuses to create an id that exists, and leaves what is there', async () => {
      const record = await store.given({ subject: aSubject(), data: { mine: '1' } });
      const intruder = aRecord({ id: record.id, subject: aSubject(), data: { theirs: '2' } });
      await expect(store.create(intruder)).rejects.toThrow();
      expect(await store.record(record.id)).toEqual(record);
      expect(await store.list(intruder.subject!)).toEqual([]);
    });

    it('lets one of many creates of the same id win', async () => {
      const id = newId();
      const rivals = Array.from({ length: 10 }, () => aRecord({ id }));
      const done = await Promise.allSettled(rivals.map(async (rival) => store.create(rival)));
      const winners = rivals.filter((_, index) => done[index]!.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      expect(await store.record(id)).toEqual(winners[0]);
    });

    it('distinguishes ids that differ only in case', async () => {
      const record = await store.given({ id: newId().slice(0, 19) + 'aBc' });
      expect(await store.load(record.id.slice(0, 19) + 'AbC')).toBeUndefined();
    });
  });

  describe('clock', () => {
    const timeOfLoad = async (id: string): Promise<number | undefined> => {
      const loaded = await store.load(id);
      return loaded && 'record' in loaded ? loaded.time : undefined;
    };

    it('returns milliseconds since 1970 as its time, if it has a clock', async () => {
      const { id } = await store.given();
      const [told, asked] = [await timeOfLoad(id), await store.raw.time?.()];
      // A server's clock may be off by minutes. An error of years means that the store counts in seconds.
      for (const time of [told, asked]) {
        if (time !== undefined) expect(Math.abs(time - Date.now())).toBeLessThan(24 * 3_600_000);
      }
      if (told !== undefined && asked !== undefined) expect(Math.abs(asked - told)).toBeLessThan(TTL);
    });

    it('returns the time with each record if it offers time(), and only then', async () => {
      const { id } = await store.given();
      const told = await timeOfLoad(id);
      expect(told === undefined).toBe(store.raw.time === undefined);
    });

    it('returns the present time, not an earlier one', async () => {
      const { id } = await store.given();
      const tell = async () => [await timeOfLoad(id), await store.raw.time?.()];
      const before = await tell();
      await pause(60);
      const after = await tell();
      for (const [index, time] of after.entries()) {
        // Smaller differences come from clock adjustments.
        if (time !== undefined) expect(time - before[index]!).toBeGreaterThan(20);
      }
    });
  });
}
