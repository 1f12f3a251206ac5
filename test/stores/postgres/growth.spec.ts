import { jest } from '@jest/globals';
import { PostgresStore } from 'nest-sessions/postgres';
import { Browser } from '../../support/browser.js';
import { GROWING, infoOf, NEWER_FIELDS, STEPS } from '../../support/newer-fields.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { startBound } from '../../nest/device/device.app.js';

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

/** The table as the former version made it. */
const FORMER_TABLE = (table: string): string => `CREATE TABLE ${table} (
  id text COLLATE "C" PRIMARY KEY,
  format smallint NOT NULL,
  departed text,
  subject text COLLATE "C",
  secret_hash text NOT NULL,
  previous json,
  revision bigint NOT NULL,
  factors json NOT NULL,
  created_at double precision NOT NULL,
  last_seen_at double precision NOT NULL,
  rotated_at double precision NOT NULL,
  persistent boolean NOT NULL,
  device json,
  data jsonb NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 80)`;

/** What the former version sends at a login, and at a commit of a re-login. */
const FORMER_INSERT = (
  table: string,
): string => `INSERT INTO ${table} (id, format, subject, secret_hash, previous, revision, factors, created_at,
    last_seen_at, rotated_at, persistent, device, data, expires_at)
  VALUES ('former', 1, 'alice', 'hash', NULL, 0, '{"pwd":1000}', 1000, 2000, 3000, true, '{"ip":"192.0.2.1"}', '{"a":"1"}',
    statement_timestamp() + interval '1 hour')`;
const FORMER_RELOGIN = (table: string): string =>
  `UPDATE ${table} SET created_at = 5000, last_seen_at = 5000, rotated_at = 5000, device = '{}' WHERE id = 'former'`;

const FORMER_RECORD = {
  createdAt: 1_000,
  startedAt: 1_000,
  lastSeenAt: 2_000,
  rotatedAt: 3_000,
  remember: true,
  device: { ip: '192.0.2.1' },
  data: { a: '1' },
};

describePostgres('a record in PostgreSQL', (server) => {
  let tables = 0;
  const aTable = (): string => `growth_${++tables}`;
  const storeOn = (table: string): PostgresStore => new PostgresStore({ pool: server().pool(), table });
  const rowOf = async (table: string): Promise<Record<string, unknown>> =>
    (await server().ask<Record<string, unknown>>(`SELECT * FROM ${table} WHERE subject = 'alice'`))[0]!;
  const timesOf = async (browser: Browser) => {
    const { createdAt, startedAt } = await infoOf(browser);
    return [createdAt, startedAt].map((time) => Date.parse(time as string));
  };

  afterEach(closeAll);

  describe.each(platforms)('on %s', (platform) => {
    const login = async (platform: PlatformName, store: PostgresStore) => {
      const { url, clock } = await start(platform, { ...GROWING, options: { ...GROWING.options, store } });
      const browser = new Browser(url);
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
      return { browser, clock };
    };

    it('keeps the fields of a newer version, and its columns', async () => {
      const table = aTable();
      const store = storeOn(table);
      await store.migrate();
      const { browser, clock } = await login(platform, store);
      await server().ask(`ALTER TABLE ${table} ADD COLUMN zz text DEFAULT 'a default'`);
      await server().ask(`UPDATE ${table} SET extra = $1, zz = 'a field'`, [JSON.stringify(NEWER_FIELDS)]);
      for (const [step, act] of STEPS) {
        await act(browser, clock);
        expect({ step, ...(await rowOf(table)) }).toMatchObject({ step, extra: NEWER_FIELDS, zz: 'a field' });
      }
      expect((await browser.get('/look')).json()).toMatchObject({ data: { b: 2, c: 3 } });
    });

    it('has the start of its lifetime where the former version looks for it', async () => {
      const table = aTable();
      const store = storeOn(table);
      await store.migrate();
      const { browser, clock } = await login(platform, store);
      const begun = clock.now();
      clock.advance('5m');
      await browser.post('/relogin', {});
      expect(await rowOf(table)).toMatchObject({ format: 1, created_at: clock.now(), began_at: begun });
      expect(await timesOf(browser)).toEqual([begun, clock.now()]);
    });

    it('lives in a table that is not migrated, with a word in the log', async () => {
      const table = aTable();
      await server().ask(FORMER_TABLE(table));
      const store = storeOn(table);
      const warnings: string[] = [];
      const { bind } = store;
      store.bind = (context) => bind.call(store, { ...context, warn: (line) => warnings.push(line) });
      const { browser, clock } = await login(platform, store);
      for (const [, act] of STEPS) await act(browser, clock);
      expect((await browser.get('/look')).json()).toMatchObject({ data: { b: 2, c: 3 } });
      expect((await browser.post('/logout')).status).toBe(200);
      expect((await browser.get('/me')).status).toBe(401);
      expect(warnings).toEqual([expect.stringMatching(/await store\.migrate\(\)/)]);
    });

    it('is not bound to a device there, and the log says why', async () => {
      const table = aTable();
      await server().ask(FORMER_TABLE(table));
      const sink = new LogSink();
      const { browser, told } = await startBound(
        platform,
        { store: storeOn(table) },
        { prepare: sink.attach },
      );
      expect((await browser.bind()).status).toBe(403);
      expect(told('bound')).toEqual([]);
      expect((await browser.get('/me')).status).toBe(200);
      expect(sink.text).toMatch(/lacks columns of this version: began_at, extra\. .*migrate\(\)/);
      expect(sink.text).toMatch(
        /no session is bound to a device \(deviceBound\)\. Run `await store\.migrate/,
      );
    });

    it('is limited in number there, too', async () => {
      const table = aTable();
      await server().ask(FORMER_TABLE(table));
      const { url } = await start(platform, {
        ...GROWING,
        options: { store: storeOn(table), maxSessions: 2 },
      });
      const browsers = Array.from({ length: 6 }, () => new Browser(url));
      const logins = await Promise.all(browsers.map((browser) => browser.post('/login', { user: 'alice' })));
      expect(logins.map(({ status }) => status)).toEqual(browsers.map(() => 200));
      const [row] = await server().ask<{ n: string }>(
        `SELECT count(*) AS n FROM ${table} WHERE departed IS NULL`,
      );
      expect(row!.n).toBe('2');
    });
  });

  it('of the former version is read before and after the migration, and begins where it started', async () => {
    const table = aTable();
    await server().ask(FORMER_TABLE(table));
    await server().ask(FORMER_INSERT(table));
    expect(await storeOn(table).load('former')).toMatchObject({ record: FORMER_RECORD });
    const store = storeOn(table);
    await store.migrate();
    expect(await store.load('former')).toMatchObject({ record: FORMER_RECORD });
    await store.commit('former', { epoch: 0, head: { startedAt: 4_000 } });
    expect(await store.load('former')).toMatchObject({ record: { createdAt: 1_000, startedAt: 4_000 } });
  });

  it('of this version is written by the former one, which leaves alone what it does not know', async () => {
    const table = aTable();
    const store = storeOn(table);
    await store.migrate();
    await server().ask(FORMER_INSERT(table));
    expect(await store.load('former')).toMatchObject({ record: FORMER_RECORD });
    await server().ask(`UPDATE ${table} SET began_at = 500, extra = $1`, [JSON.stringify(NEWER_FIELDS)]);
    await server().ask(FORMER_RELOGIN(table));
    const found = await store.load('former');
    expect(found).toMatchObject({ record: { createdAt: 500, startedAt: 5_000, extra: NEWER_FIELDS } });
  });

  it('needs no lock of a table that has its columns', async () => {
    const table = aTable();
    const options = '-c lock_timeout=1s';
    const store = new PostgresStore({ pool: server().pool({ options }), table });
    await store.migrate();
    const reader = await server().pool().connect();
    try {
      await reader.query(`BEGIN; SELECT FROM ${table}`);
      // Rejects if it asks for the lock that the reader is in the way of.
      await store.migrate();
    } finally {
      await reader.query('COMMIT');
      reader.release();
    }
  });
});
