import { jest } from '@jest/globals';
import type { SessionRecord } from 'nest-sessions/store';
import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../../support/postgres.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;

const context = {
  clock: { now: () => Date.now() },
  clockInjected: false,
  warn: () => undefined,
};

let made = 0;

function aRecord(rest: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  return {
    id: `id-${++made}`,
    secretHash: 'hash',
    revision: 0,
    factors: {},
    createdAt: now,
    startedAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    remember: false,
    data: {},
    ...rest,
  };
}

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('the table of PostgresStore', (server) => {
  let tables = 0;

  /** A store with an empty table of its own. */
  async function aStore() {
    const table = `sessions_${++tables}`;
    const store = new PostgresStore({ pool: server().pool({ idleTimeoutMillis: 0 }), table });
    await store.migrate();
    const count = async (): Promise<number> => {
      const [row] = await server().ask<{ n: string }>(`SELECT count(*) AS n FROM ${table}`);
      return Number(row!.n);
    };
    return { store, table, count };
  }

  /** So many rows that expired a moment ago. */
  const expired = (table: string, count: number) =>
    server().ask(
      `INSERT INTO ${table} SELECT 'old-' || n, 1, NULL, 'alice', 'hash', NULL, 0, '{}', 0, 0, 0, false, NULL,
         '{}', now() - interval '1 second' FROM generate_series(1, $1) AS n`,
      [count],
    );

  describe('migration', () => {
    it('is made by many nodes at once, again and again, and keeps what is there', async () => {
      const stores = Array.from(
        { length: 8 },
        () => new PostgresStore({ pool: server().pool(), table: 'migrated' }),
      );
      await Promise.all(stores.map((store) => store.migrate()));
      const record = aRecord();
      await stores[0]!.create(record, HOUR);
      await Promise.all(stores.map((store) => store.migrate()));
      expect(await stores[1]!.load(record.id)).toMatchObject({ record });
      const indexes = await server().ask<{ indexname: string }>(
        `SELECT indexname FROM pg_indexes WHERE tablename = 'migrated' ORDER BY 1`,
      );
      expect(indexes.map(({ indexname }) => indexname)).toEqual([
        'migrated_expires_at',
        'migrated_pkey',
        'migrated_subject',
      ]);
    });

    it('can be done with the printed statements', async () => {
      await server().ask(PostgresStore.ddl('by_hand'));
      const store = new PostgresStore({ pool: server().pool(), table: 'by_hand' });
      const record = aRecord();
      await store.create(record, HOUR);
      expect(await store.load(record.id)).toMatchObject({ record });
    });

    it('is named by the error where the table is missing', async () => {
      const store = new PostgresStore({ pool: server().pool(), table: 'nowhere' });
      await expect(store.load('x')).rejects.toThrow(/await store\.migrate\(\)/);
    });
  });

  describe('rows', () => {
    it('takes keys and texts that jsonb refuses', async () => {
      const { store } = await aStore();
      const data = { 'nul\0 key': '"\\u0000"', '\ud800': '"\\udfff"', 'back\\slash': '1' };
      const record = aRecord({ data, device: { userAgent: 'a\0b' } });
      await store.create(record, HOUR);
      expect(await store.load(record.id)).toMatchObject({ record });
      const remove = Object.keys(data);
      await store.commit(record.id, { epoch: 0, set: { 'x\0': '"\\u0000"' }, remove });
      expect(await store.load(record.id)).toMatchObject({ record: { data: { 'x\0': '"\\u0000"' } } });
      expect(Object.keys((await store.destroy(record.id))!.data)).toEqual(['x\0']);
    });

    it('finds nothing for an id that PostgreSQL cannot store, and refuses such a subject', async () => {
      const { store } = await aStore();
      expect(await store.load('a\0b')).toBeUndefined();
      expect(await store.destroy('\ud800')).toBeUndefined();
      expect(await store.commit('a\0b', { epoch: 0, set: {} })).toEqual({ outcome: 'gone' });
      await expect(store.create(aRecord({ subject: 'a\0b' }), HOUR)).rejects.toMatchObject({
        code: 'ERR_SUBJECT',
      });
      await expect(store.list('a\0b')).rejects.toMatchObject({ code: 'ERR_SUBJECT' });
    });

    it('does not care for the parsers that the application gave its driver', async () => {
      const pool = server().pool({ types: { getTypeParser: () => () => 'parsed' } });
      const { store, table } = await aStore();
      const record = aRecord({ data: { a: '{"b":1}' }, subject: 'alice', factors: { pwd: 5 } });
      await store.create(record, HOUR);
      const other = new PostgresStore({ pool, table });
      expect(await other.load(record.id)).toMatchObject({ record });
      expect(await other.list('alice')).toHaveLength(1);
      expect(await other.time()).toBeGreaterThan(0);
    });

    it.each<[string, string]>([
      ['another version wrote', 'format = 2'],
      ['has a list for data', `data = '[]'`],
      ['has data of another form', `data = '{"a": {"b": 1}}'`],
      ['has a text for factors', `factors = '"pwd"'`],
      ['has a factor without a time', `factors = '{"pwd": "now"}'`],
      ['has no time', `last_seen_at = 'NaN'`],
      ['has no secret', `secret_hash = ''`],
      ['has half a predecessor', `previous = '{"hash": "x"}'`],
      ...Object.entries({
        'is pending, but not quite': '"pending": false',
        'has an epoch below zero': '"epoch": -1',
        'has half an epoch': '"epoch": 0.5',
        'has an epoch that is a text': '"epoch": "1"',
        'has earlier ones that are no list': '"earlier": {}',
        'has an earlier one without a hash': '"earlier": [{ "until": 5 }]',
        'has an earlier one with a grace that is a text': '"earlier": [{ "hash": "x", "until": "5" }]',
        'has an earlier one that is null': '"earlier": [null]',
        'has others that are a list': '"rest": []',
      }).map(([what, field]): [string, string] => [
        `has a predecessor that ${what}`,
        `previous = '{"hash": "x", "until": 5, "honoured": true, "nonce": "n", ${field}}'`,
      ]),
      ['has a list for a device', `device = '[]'`],
    ])('says that a row is corrupt which %s, and ends it', async (_, damage) => {
      const { store, table, count } = await aStore();
      const [record, sound] = [aRecord({ subject: 'alice' }), aRecord({ subject: 'alice' })];
      await store.create(record, HOUR);
      await store.create(sound, HOUR);
      await server().ask(`UPDATE ${table} SET ${damage} WHERE id = $1`, [record.id]);
      const corrupt = { code: 'ERR_RECORD_CORRUPT' };
      await expect(store.load(record.id)).rejects.toMatchObject(corrupt);
      const listed = await store.list('alice');
      expect(listed.map(({ id }) => id)).toContain(sound.id);
      await expect(store.destroy(record.id)).rejects.toMatchObject(corrupt);
      expect(await store.load(record.id)).toBeUndefined();
      expect(await count()).toBe(1);
    });

    it('makes room in place of a corrupt row, too', async () => {
      const { store, table } = await aStore();
      const [broken, newcomer] = [aRecord({ subject: 'alice' }), aRecord({ subject: 'alice' })];
      await store.create(broken, HOUR);
      await server().ask(`UPDATE ${table} SET data = '[]'`);
      const limit = { max: 1, onExceeded: 'evict-oldest', tombstoneTtl: HOUR } as const;
      expect(await store.create(newcomer, HOUR, limit)).toMatchObject({ outcome: 'created' });
      expect(await store.load(broken.id)).toEqual({ ended: 'evicted' });
    });
  });

  describe('an ending that leaves a tombstone', () => {
    const tombstone = { reason: 'replaced', ttl: HOUR } as const;

    it('waits for whoever writes, and returns what they wrote', async () => {
      const { store, table } = await aStore();
      const record = aRecord();
      await store.create(record, HOUR);
      const writer = await server().pool().connect();
      await writer.query('BEGIN');
      await writer.query(`UPDATE ${table} SET data = '{"late": "1"}'`);
      const destroyed = store.destroy(record.id, tombstone);
      const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}"%'`;
      await until(async () => (await server().ask(waiting)).length === 1, 'the waiting');
      await writer.query('COMMIT');
      writer.release();
      expect((await destroyed)!.data).toEqual({ late: '1' });
      expect(await store.load(record.id)).toEqual({ ended: 'replaced' });
    });

    it('returns the record to one of many', async () => {
      const { store } = await aStore();
      const record = aRecord();
      await store.create(record, HOUR);
      const all = await Promise.all(Array.from({ length: 20 }, () => store.destroy(record.id, tombstone)));
      expect(all.filter((last) => last !== undefined)).toEqual([record]);
    });
  });

  describe('the sweep', () => {
    it('deletes the rows of 10,000 expired sessions, and no others', async () => {
      const { store, table, count } = await aStore();
      await expired(table, 10_000);
      const [live, departed] = [aRecord(), aRecord()];
      await store.create(live, HOUR);
      await store.create(departed, HOUR);
      await store.destroy(departed.id, { reason: 'replaced', ttl: 0 });
      expect(await count()).toBe(10_002);
      expect(await store.sweep()).toBe(10_001);
      expect(await count()).toBe(1);
      expect(await store.load(live.id)).toBeDefined();
    });

    it('does not wait for rows that another one is removing', async () => {
      const { table, count } = await aStore();
      await expired(table, 2_500);
      const other = await server().pool().connect();
      await other.query('BEGIN');
      const { rowCount } = await other.query(`SELECT FROM ${table} WHERE id <= 'old-2' FOR UPDATE`);
      expect(rowCount).toBeGreaterThan(1_000);
      try {
        const impatient = server().pool({ options: '-c lock_timeout=500' });
        const store = new PostgresStore({ pool: impatient, table });
        expect(await store.sweep()).toBe(2_500 - rowCount!);
      } finally {
        other.release(true);
      }
      expect(await count()).toBe(rowCount);
    });

    it('is done by several nodes at once, each row by one of them', async () => {
      const { store, table, count } = await aStore();
      await expired(table, 8_000);
      const other = new PostgresStore({ pool: server().pool(), table });
      const [one, two] = await Promise.all([store.sweep(), other.sweep()]);
      expect(one + two).toBe(8_000);
      expect(await count()).toBe(0);
    });

    it('runs by itself, and a failure of it is no more than a warning', async () => {
      const { store, table, count } = await aStore();
      const warnings: string[] = [];
      jest.useFakeTimers({
        doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'setTimeout', 'performance'],
      });
      try {
        store.bind({ ...context, warn: (message) => warnings.push(message) });
        await expired(table, 1);
        jest.advanceTimersByTime(60_000);
        await until(async () => (await count()) === 0);
        await server().ask(`DROP TABLE ${table}`);
        jest.advanceTimersByTime(60_000);
        await until(() => warnings.length > 0);
        expect(warnings[0]).toMatch(/could not be deleted.*store\.migrate/);
        store.close();
        expect(jest.getTimerCount()).toBe(0);
      } finally {
        jest.useRealTimers();
      }
    });
  });
});
