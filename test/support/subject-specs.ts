import type { SessionStore } from 'nest-sessions';
import type { PredecessorSecret, SessionRecord, CreateResult } from 'nest-sessions/store';

const HOUR = 3_600_000;

let made = 0;

export function aRecord(rest: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
  const n = ++made;
  return {
    ...times,
    id: `id-${process.pid}-${n}`,
    secretHash: `hash-${n}`,
    revision: 0,
    factors: {},
    remember: false,
    data: {},
    ...rest,
  };
}

export const aSubject = (): string => `subject ${process.pid}-${++made}`;

const limits = {
  'without a limit': undefined,
  'where the oldest make room': { max: 3, onExceeded: 'evict-oldest', tombstoneTtl: HOUR },
  'where the newcomer is rejected': { max: 3, onExceeded: 'reject', tombstoneTtl: HOUR },
} as const;

/** What a store that is shared does for a subject, beside the contract: marks of revocations, and pages. */
export function subjectSpecs(opened: () => SessionStore): void {
  const idsOf = async (subject: string, limit?: number) =>
    (await opened().list(subject, limit)).map(({ id }) => id);
  const given = async (count: number, rest: Partial<SessionRecord>) => {
    const records: SessionRecord[] = [];
    for (let i = 0; i < count; i++) {
      const record = aRecord({ startedAt: 1_000 + i, ...rest });
      await opened().create(record, HOUR);
      records.push(record);
    }
    return records;
  };

  describe.each(Object.entries(limits))('a login %s', (_what, limit) => {
    it('is refused where the mark is not older than its proof, and nothing is left of it', async () => {
      const store = opened();
      const subject = aSubject();
      const [before] = await given(1, { subject });
      await store.markRevoked(subject, 5_000.25, HOUR);
      const create = async (provedAt?: number): Promise<[string, CreateResult]> => {
        const record = aRecord({ subject });
        return [record.id, await store.create(record, HOUR, limit, provedAt)];
      };
      for (const provedAt of [1, 5_000, 5_000.25]) {
        const [id, created] = await create(provedAt);
        expect(created).toEqual({ outcome: 'revoked' });
        expect(await store.load(id)).toBeUndefined();
        expect(await idsOf(subject)).toEqual([before!.id]);
      }
      const [later, created] = await create(5_000.251);
      expect(created).toEqual({ outcome: 'created', evicted: [] });
      const [unknown] = await create();
      expect((await idsOf(subject)).sort()).toEqual([before!.id, later, unknown].sort());
      expect(await store.create(aRecord({ subject: aSubject() }), HOUR, limit, 1)).toMatchObject({
        outcome: 'created',
      });
    });

    it('that is refused ends nobody else', async () => {
      const store = opened();
      const subject = aSubject();
      const before = await given(3, { subject });
      await store.markRevoked(subject, 5_000, HOUR);
      const { outcome } = await store.create(aRecord({ subject }), HOUR, limit, 4_000);
      expect(outcome).not.toBe('created');
      expect((await idsOf(subject)).sort()).toEqual(before.map(({ id }) => id).sort());
    });

    it('that comes at the same time as a revocation is refused or listed', async () => {
      const store = opened();
      for (let round = 0; round < 30; round++) {
        const subject = aSubject();
        const record = aRecord({ subject });
        const revoked = async () => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
          await store.markRevoked(subject, 5_000, HOUR);
          return idsOf(subject);
        };
        const [{ outcome }, listed] = await Promise.all([
          store.create(record, HOUR, limit, 4_000),
          revoked(),
        ]);
        if (outcome === 'created') expect(listed).toEqual([record.id]);
        else expect(outcome).toBe('revoked');
      }
    });
  });

  it('keeps the later of two marks, for no less than each was meant to', async () => {
    const store = opened();
    const subject = aSubject();
    await store.markRevoked(subject, 5_000, HOUR);
    await store.markRevoked(subject, 4_000, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const create = (provedAt: number) => store.create(aRecord({ subject }), HOUR, undefined, provedAt);
    expect(await create(5_000)).toEqual({ outcome: 'revoked' });
    await store.markRevoked(subject, 6_000, HOUR);
    expect(await create(6_000)).toEqual({ outcome: 'revoked' });
    expect(await create(6_001)).toMatchObject({ outcome: 'created' });
  });

  it('forgets a mark after its time', async () => {
    const store = opened();
    const subject = aSubject();
    await store.markRevoked(subject, 5_000, 20);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await store.create(aRecord({ subject }), HOUR, undefined, 1)).toMatchObject({
      outcome: 'created',
    });
  });

  it('takes a mark for no session', async () => {
    const store = opened();
    const subject = aSubject();
    await store.markRevoked(subject, Date.now() + HOUR, HOUR);
    expect(await idsOf(subject)).toEqual([]);
    expect(await idsOf(subject, 1)).toEqual([]);
    const limit = { max: 1, onExceeded: 'reject', tombstoneTtl: HOUR } as const;
    const record = aRecord({ subject });
    expect(await store.create(record, HOUR, limit)).toMatchObject({ outcome: 'created' });
    expect(await idsOf(subject, 1)).toEqual([record.id]);
    const evicting = { ...limit, onExceeded: 'evict-oldest', replaces: record.id } as const;
    expect(await store.create(aRecord({ subject }), HOUR, evicting)).toEqual({
      outcome: 'created',
      evicted: [],
    });
    expect(await idsOf(subject)).toHaveLength(2);
  });

  it('lists a page of the sessions that were created first, and the next one when these have ended', async () => {
    const store = opened();
    const subject = aSubject();
    const ids = (await given(7, { subject })).map(({ id }) => id);
    await store.markRevoked(subject, 5_000, HOUR);
    await store.destroy(ids[1]!);
    expect(await idsOf(subject, 3)).toEqual([ids[0], ids[2], ids[3]]);
    for (const id of [0, 2, 3]) await store.destroy(ids[id]!);
    expect(await idsOf(subject, 3)).toEqual(ids.slice(4));
    expect(await idsOf(subject, 2)).toEqual(ids.slice(4, 6));
    expect(await idsOf(subject, 100)).toEqual(ids.slice(4));
  });

  it('commits by the epoch, and tells what is gone before what is a conflict', async () => {
    const store = opened();
    const record = aRecord();
    await store.create(record, HOUR);
    expect(await store.commit(record.id, { epoch: 1, set: { a: '1' } })).toEqual({ outcome: 'gone' });
    const previous: PredecessorSecret = {
      hash: record.secretHash,
      until: 5,
      honoured: false,
      nonce: 'n',
      pending: true,
      epoch: 1,
      earlier: [{ hash: 'x', until: 1.5 }, { hash: 'y' }],
      rest: {},
    };
    const rotate = { from: record.secretHash, to: 'next', previous };
    expect(await store.commit(record.id, { epoch: 0, rotate, ttl: HOUR })).toMatchObject({
      outcome: 'saved',
    });
    const stored = await store.load(record.id);
    expect(stored).toMatchObject({ record: { secretHash: 'next' } });
    expect((stored as { record: SessionRecord }).record.previous).toEqual(previous);
    const late = { epoch: 0, revision: 9, set: { a: '1' } };
    expect(await store.commit(record.id, late)).toEqual({ outcome: 'gone' });
    expect(await store.commit(record.id, { ...late, epoch: 1 })).toEqual({ outcome: 'conflict' });
    expect(await store.commit(record.id, { ...late, epoch: 1, revision: 0 })).toMatchObject({
      outcome: 'saved',
    });
  });

  it('confirms the present secret and no other, and carries out the rest either way', async () => {
    const store = opened();
    const first: PredecessorSecret = { hash: 'a', until: 5, honoured: true, nonce: 'n', pending: true };
    const record = aRecord({ secretHash: 'b', previous: { ...first, earlier: [{ hash: 'x' }], rest: {} } });
    await store.create(record, HOUR);
    const { pending: _, ...previous } = first;
    const now = async () => ((await store.load(record.id)) as { record: SessionRecord }).record;
    const commit = (secret: string, text: string) =>
      store.commit(record.id, { epoch: 0, set: { text }, confirm: { secretHash: secret, previous } });
    expect(await commit('a', '1')).toEqual({ outcome: 'saved', revision: 1 });
    expect(await now()).toEqual({ ...record, revision: 1, data: { text: '1' } });
    expect(await commit('b', '2')).toEqual({ outcome: 'saved', revision: 2 });
    // Nothing of what was known before is left.
    expect(await now()).toEqual({ ...record, previous, revision: 2, data: { text: '2' } });
  });

  it('tells the time with the fraction of a millisecond', async () => {
    const store = opened();
    const { id } = (await given(1, {}))[0]!;
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      times.push(await store.time!(), ((await store.load(id)) as { time: number }).time);
    }
    expect(times.some((time) => !Number.isInteger(time))).toBe(true);
    for (const time of times) expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
  });

  describe('a subject with many sessions', () => {
    const evicting = { max: 3, onExceeded: 'evict-oldest', tombstoneTtl: HOUR } as const;

    const many = async (count: number) => {
      const subject = aSubject();
      const records = Array.from({ length: count }, (_, i) => aRecord({ subject, startedAt: 1_000 + i }));
      for (let i = 0; i < count; i += 200) {
        await Promise.all(records.slice(i, i + 200).map(async (one) => opened().create(one, HOUR)));
      }
      return { subject, records };
    };

    it.each([700, 1_500])(
      'gets below its limit page by page, each session told of once (%d)',
      async (count) => {
        const store = opened();
        const { subject } = await many(count);
        const before = await idsOf(subject);
        expect(before).toHaveLength(count);
        const record = aRecord({ subject });
        const created = await store.create(record, HOUR, evicting);
        expect(created).toMatchObject({ outcome: 'created', more: true });
        const ended = created.outcome === 'created' ? created.evicted.map(({ id }) => id) : [];
        expect(ended.length).toBeLessThanOrEqual(500);
        for (let more = true; more;) {
          const page = await store.evict!(subject, evicting);
          expect(page.evicted.length).toBeLessThanOrEqual(500);
          ended.push(...page.evicted.map(({ id }) => id));
          more = page.more;
        }
        expect(ended).toHaveLength(count - 2);
        expect(new Set(ended).size).toBe(count - 2);
        const left = await idsOf(subject);
        expect(left).toHaveLength(3);
        expect(left).toContain(record.id);
        expect([...left, ...ended].sort()).toEqual([...before, record.id].sort());
        expect(await store.load(ended[0]!)).toEqual({ ended: 'evicted' });
        expect(await store.evict!(subject, evicting)).toEqual({ evicted: [], more: false });
      },
      60_000,
    );
  });
}
