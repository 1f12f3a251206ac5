import { newId } from '../../core/ids.js';
import type { SessionRecord } from '../../core/record.js';
import { aHash, aRecord, aSubject, atOnce, TEST_TIMEOUT, TTL, type StoreSubject } from './subject.js';

/** Keys that a careless store would take for something else, and texts that it would not give back as they were. */
const ODD_DATA: Record<string, string> = {
  cart: '{"b":1,"a":[1.0,2e3,"x"]}',
  constructor: '"own"',
  toString: 'null',
  hasOwnProperty: 'false',
  ['__proto__']: '{"polluted":true}',
  id: '"not the id"',
  secretHash: '"not the hash"',
  revision: '"99"',
  subject: '"mallory"',
  data: '{}',
  '0': '0',
  'a b.c:d/e{f}"g\'h\\i$j%k': '"signs"',
  'ключ-鍵-🔑': '"текст 文字 🗝 \\u0000 \\ud800 é"',
  spaced: ' { "a" : 1 } ',
  empty: '""',
  long: JSON.stringify('x'.repeat(20_000)),
};

export function keepingSpecs(subject: StoreSubject): void {
  const complete = (): SessionRecord =>
    aRecord({
      previous: { hash: aHash(), until: Date.now() + 10_000, honoured: true, nonce: newId() },
      revision: 7,
      subject: `user:${newId()} Ünï 🗝 'quoted" {braced} %`,
      factors: { pwd: Date.now() - 1_000, otp: Date.now(), ['__proto__']: 5 },
      createdAt: Date.now() - 3_000,
      lastSeenAt: Date.now() - 2_000,
      rotatedAt: Date.now() - 1_000,
      persistent: true,
      device: { userAgent: 'Browser/1.0 (ü; "quoted")', ip: '2001:db8::1' },
      data: ODD_DATA,
    });

  describe('keeping', () => {
    it(
      'gives back every field as it was',
      async () => {
        const record = complete();
        expect(await subject.create(record)).toEqual({ outcome: 'created', evicted: [] });
        const found = await subject.record(record.id);
        expect(found).toEqual(record);
        expect(Object.entries(found!.data).sort()).toEqual(Object.entries(ODD_DATA).sort());
        expect(Object.entries(found!.factors).sort()).toEqual(Object.entries(record.factors).sort());
      },
      TEST_TIMEOUT,
    );

    it('gives back what is absent as absent', async () => {
      const record = await subject.given();
      const found = await subject.record(record.id);
      expect(found).toEqual(record);
      expect([found!.subject, found!.previous, found!.device]).toEqual([undefined, undefined, undefined]);
      const half = await subject.given({ device: { ip: '192.0.2.1' } });
      expect((await subject.record(half.id))!.device).toEqual({ ip: '192.0.2.1' });
      const unhonoured = await subject.given({
        previous: { hash: aHash(), until: 1, honoured: false, nonce: newId() },
      });
      expect((await subject.record(unhonoured.id))!.previous).toEqual(unhonoured.previous);
    });

    it('answers undefined for what it does not have', async () => {
      const id = newId();
      expect(await subject.load(id)).toBeUndefined();
      expect(await subject.destroy(id)).toBeUndefined();
      expect(await subject.list(aSubject())).toEqual([]);
      expect(await subject.commit(id, { secret: aHash(), set: { a: '1' } })).toEqual({ outcome: 'gone' });
    });

    it('refuses to create an id that exists, and leaves what is there', async () => {
      const record = await subject.given({ subject: aSubject(), data: { mine: '1' } });
      const intruder = aRecord({ id: record.id, subject: aSubject(), data: { theirs: '2' } });
      await expect(subject.create(intruder)).rejects.toThrow();
      expect(await subject.record(record.id)).toEqual(record);
      expect(await subject.list(intruder.subject!)).toEqual([]);
    });

    it('lets one of many creates of the same id win', async () => {
      const id = newId();
      const rivals = Array.from({ length: 10 }, () => aRecord({ id }));
      const done = await Promise.allSettled(rivals.map(async (rival) => subject.create(rival)));
      const winners = rivals.filter((_, index) => done[index]!.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      expect(await subject.record(id)).toEqual(winners[0]);
    });

    it('keeps apart what has ids that differ in case', async () => {
      const record = await subject.given({ id: newId().slice(0, 19) + 'aBc' });
      expect(await subject.load(record.id.slice(0, 19) + 'AbC')).toBeUndefined();
    });

    it('has a clock that tells milliseconds since the epoch, if it has one', async () => {
      const record = await subject.given();
      const loaded = await subject.load(record.id);
      const told = loaded && 'record' in loaded ? loaded.time : undefined;
      const asked = await subject.store.time?.();
      // A server may be minutes off, but not years, as it would be by counting seconds.
      for (const time of [told, asked]) {
        if (time !== undefined) expect(Math.abs(time - Date.now())).toBeLessThan(24 * 3_600_000);
      }
      if (told !== undefined && asked !== undefined) expect(Math.abs(asked - told)).toBeLessThan(TTL);
    });
  });

  describe('expiry', () => {
    it('takes a time to live of zero or less as gone', async () => {
      const owner = aSubject();
      for (const ttl of [0, -1]) {
        const record = aRecord({ subject: owner });
        await subject.create(record, ttl);
        expect(await subject.load(record.id)).toBeUndefined();
        expect(await subject.destroy(record.id)).toBeUndefined();
      }
      expect(await subject.list(owner)).toEqual([]);
    });

    it('expires by a commit', async () => {
      const owner = aSubject();
      const { id, secretHash } = await subject.given({ subject: owner });
      await subject.commit(id, { secret: secretHash, set: { late: '1' }, ttl: 0 });
      expect(await subject.load(id)).toBeUndefined();
      expect(await subject.list(owner)).toEqual([]);
      expect(await subject.commit(id, { secret: secretHash, ttl: TTL })).toEqual({ outcome: 'gone' });
    });

    it(
      'keeps the expiry at a commit that names none, and moves it at one that does',
      async () => {
        const lasting = await subject.given({}, 250);
        await subject.commit(lasting.id, { secret: lasting.secretHash, ttl: TTL });
        const passing = await subject.given({}, 250);
        await subject.commit(passing.id, { secret: passing.secretHash, set: { a: '1' } });
        const shortened = await subject.given();
        await subject.commit(shortened.id, { secret: shortened.secretHash, ttl: 50.5 });
        await Promise.all([passing, shortened].map(({ id }) => subject.untilGone(id)));
        expect(await subject.record(lasting.id)).toBeDefined();
      },
      TEST_TIMEOUT,
    );

    it(
      'lists none that has expired',
      async () => {
        const owner = aSubject();
        const passing = await subject.given({ subject: owner }, 50);
        const lasting = await subject.given({ subject: owner });
        await subject.untilGone(passing.id);
        expect(await subject.idsOf(owner)).toEqual([lasting.id]);
      },
      TEST_TIMEOUT,
    );
  });

  describe('destroying', () => {
    it('returns the record as it was last, once', async () => {
      const record = await subject.given({ subject: aSubject(), data: { a: '1' } });
      await subject.commit(record.id, { secret: record.secretHash, set: { b: '2' } });
      expect(await subject.destroy(record.id)).toEqual({
        ...record,
        revision: 1,
        data: { a: '1', b: '2' },
      });
      expect(await subject.load(record.id)).toBeUndefined();
      expect(await subject.destroy(record.id)).toBeUndefined();
    });

    it('gives the record to one of many that destroy it', async () => {
      const record = await subject.given({ subject: aSubject() });
      const answers = await atOnce(10, () => subject.destroy(record.id));
      expect(answers.filter((answer) => answer !== undefined)).toEqual([record]);
    });

    it.each(['replaced', 'evicted'] as const)(
      'leaves the word %s for those that come late',
      async (epitaph) => {
        const record = await subject.given({ subject: aSubject() });
        expect(await subject.destroy(record.id, { epitaph, linger: TTL })).toEqual(record);
        expect(await subject.load(record.id)).toEqual({ departed: epitaph });
        expect(await subject.list(record.subject!)).toEqual([]);
        expect(await subject.commit(record.id, { secret: record.secretHash, ttl: TTL })).toEqual({
          outcome: 'gone',
        });
        expect(await subject.destroy(record.id)).toBeUndefined();
        expect(await subject.load(record.id)).toEqual({ departed: epitaph });
      },
    );

    it(
      'forgets the word in time',
      async () => {
        const [soon, never] = [await subject.given(), await subject.given()];
        await subject.destroy(soon.id, { epitaph: 'replaced', linger: 50 });
        await subject.destroy(never.id, { epitaph: 'replaced', linger: 0 });
        expect(await subject.load(never.id)).toBeUndefined();
        await subject.untilGone(soon.id);
      },
      TEST_TIMEOUT,
    );

    it('leaves no word of a session that it did not have', async () => {
      const id = newId();
      await subject.destroy(id, { epitaph: 'replaced', linger: TTL });
      expect(await subject.load(id)).toBeUndefined();
    });
  });
}
