import { jest } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { MemoryStore, SessionModule, type SessionModuleOptions, type SessionStore } from 'nest-sessions';
import { PostgresRevocations, PostgresStore } from 'nest-sessions/postgres';
import { RedisRevocations, RedisStore } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import type { StoreProblem } from 'nest-sessions/store';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, platforms, SECRET, start, type PlatformName } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, drivers, ioRedis, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';

jest.setTimeout(60_000);
afterEach(closeAll);

type Options = Partial<SessionModuleOptions>;

/** The warnings of a start. */
async function warnings(platform: PlatformName, options: Options, realClock = true): Promise<string[]> {
  const sink = new LogSink();
  const { url } = await start(platform, {
    controllers: [AppController],
    realClock,
    options: { storeTimeout: '1s', ...options },
    prepare: sink.attach,
  });
  expect((await new Browser(url).get('/untouched')).status).toBe(200);
  return sink.lines.filter((line) => /^(warn|error)/.test(line));
}

/** The error of a start that is strict, or nothing. */
async function refusal(options: Options): Promise<unknown> {
  const imports = [SessionModule.forRoot({ secret: SECRET, strict: true, storeTimeout: '1s', ...options })];
  const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication({
    logger: false,
  });
  app.enableShutdownHooks([]);
  try {
    await app.init();
  } catch (error) {
    return error;
  }
  await app.close();
  return undefined;
}

const unfit = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'ERR_STORE_UNFIT', message: expect.stringMatching(message) as string });

class Unwell extends MemoryStore implements SessionStore {
  closed = 0;

  constructor(readonly found: () => Promise<readonly StoreProblem[]>) {
    super();
  }

  diagnose(): Promise<readonly StoreProblem[]> {
    return this.found();
  }

  override close(): void {
    this.closed++;
    super.close();
  }
}

const TWO: StoreProblem[] = [
  { problem: 'it leaks.', remedy: 'Fill it.' },
  { problem: 'it is upside down.', remedy: 'Turn it.' },
];

describe.each(platforms)('the check of a store at start, on %s', (platform) => {
  it('logs each problem as a warning with its remedy, once', async () => {
    const store = new Unwell(() => Promise.resolve(TWO));
    expect(await warnings(platform, { store })).toEqual([
      expect.stringMatching(/^warn: The session store: it leaks\. Fill it\./),
      expect.stringMatching(/^warn: The session store: it is upside down\. Turn it\./),
    ]);
  });

  it('logs a store that fails, throws or hangs, and starts', async () => {
    for (const found of [
      () => Promise.reject(new Error('redis://user:pa55w0rd@host is gone')),
      () => {
        throw new Error('is gone');
      },
      () => new Promise<never>(() => undefined),
    ]) {
      const told = await warnings(platform, { store: new Unwell(found), storeTimeout: '50ms' });
      expect(told).toEqual([
        expect.stringMatching(/store does not respond: .*(gone|50 ms).*Start the server/),
      ]);
      expect(told[0]).not.toContain('pa55w0rd');
    }
  });

  it('names the part of sealed cookies', async () => {
    const index = new Unwell(() => Promise.resolve(TWO.slice(1)));
    expect(await warnings(platform, { store: new SealedCookie({ index }) })).toEqual([
      expect.stringMatching(/^warn: The index of sealed cookies: it is upside down/),
    ]);
  });

  it('says nothing of a store that is well, or that cannot look', async () => {
    expect(await warnings(platform, { store: new Unwell(() => Promise.resolve([])) })).toEqual([]);
    expect(await warnings(platform, { store: new MemoryStore() })).toEqual([]);
  });
});

describe('a strict start', () => {
  it('fails with every problem and its remedy, and closes the store', async () => {
    const store = new Unwell(() => Promise.resolve(TWO));
    expect(await refusal({ store })).toEqual(unfit(/it leaks\. Fill it\..*it is upside down\. Turn it\./));
    expect(store.closed).toBe(1);
  });

  it('fails where the store does not respond', async () => {
    const store = new Unwell(() => Promise.reject(new Error('is gone')));
    expect(await refusal({ store })).toEqual(unfit(/does not respond: Error: is gone/));
  });

  it('succeeds where all is well', async () => {
    expect(await refusal({ store: new Unwell(() => Promise.resolve([])) })).toBeUndefined();
    expect(await refusal({})).toBeUndefined();
  });

  it('is true or false', async () => {
    const imports = [SessionModule.forRoot({ secret: SECRET, strict: 'yes' as never })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(/strict: true or false/);
  });
});

describeWithRedis('the check of a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await startRedis()), 60_000);
  afterEach(closeClients);
  afterAll(stopServers);

  const [[platform]] = platforms as [[PlatformName]];

  describe.each(drivers)('by %s', (_driver, connect) => {
    const kinds: [string, () => Promise<SessionModuleOptions['store']>][] = [
      ['a store', async () => new RedisStore({ client: await connect(server.url) })],
      [
        'a revocation list',
        async () =>
          new SealedCookie({ revocations: new RedisRevocations({ client: await connect(server.url) }) }),
      ],
    ];

    it.each(kinds)('finds nothing wrong with one that is set up for sessions: %s', async (_kind, make) => {
      expect(await warnings(platform, { store: await make() })).toEqual([]);
      expect(await refusal({ store: await make() })).toBeUndefined();
    });

    it.each(kinds)('finds one that evicts: %s', async (_kind, make) => {
      await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      try {
        expect(await warnings(platform, { store: await make() })).toEqual([
          expect.stringMatching(/evicts keys.*allkeys-lru.*Set `maxmemory-policy noeviction`/),
        ]);
        expect(await refusal({ store: await make() })).toEqual(unfit(/allkeys-lru/));
      } finally {
        await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      }
    });

    it('finds a replica', async () => {
      await server.cli('REPLICAOF', '127.0.0.1', '1');
      try {
        const store = new RedisStore({ client: await connect(server.url) });
        expect(await warnings(platform, { store })).toEqual([
          expect.stringMatching(/replica.*Connect it to the master/),
        ]);
      } finally {
        await server.cli('REPLICAOF', 'NO', 'ONE');
      }
    });

    it('finds a clock that differs, unless the application brings its own', async () => {
      const { now } = Date;
      Date.now = () => now() - 90_000;
      try {
        const make = async () => new RedisStore({ client: await connect(server.url) });
        expect(await warnings(platform, { store: await make() })).toEqual([
          expect.stringMatching(/the clock of Redis is (89|90|91) seconds ahead of.*NTP/),
        ]);
        expect(await warnings(platform, { store: await make() }, false)).toEqual([]);
      } finally {
        Date.now = now;
      }
    });

    it('says that it may not look, where the user may not', async () => {
      await server.cli('ACL', 'SETUSER', 'app', 'on', 'nopass', '~*', '&*', '+@all', '-info');
      const store = new RedisStore({
        client: await connect(server.url.replace('redis://', 'redis://app:any@')),
      });
      expect(await warnings(platform, { store })).toEqual([expect.stringMatching(/NOPERM.*\+info/)]);
    });
  });

  it('finds one that is down, and the application starts', async () => {
    const down = 'redis://user:pa55w0rd@127.0.0.1:1';
    for (const client of [await nodeRedis(down, { awaited: false }), await ioRedis(down)]) {
      const told = await warnings(platform, { store: new RedisStore({ client }), storeTimeout: '200ms' });
      expect(told.filter((line) => line.includes('The session store does not respond'))).toHaveLength(1);
      expect(told.join()).not.toContain('pa55w0rd');
    }
  });

  it('finds a client that was not connected, once', async () => {
    const client = await nodeRedis(server.url);
    client.destroy();
    const told = await warnings(platform, { store: new RedisStore({ client }) });
    expect(told.filter((line) => line.includes('await client.connect()'))).toHaveLength(1);
    expect(await refusal({ store: new RedisStore({ client }) })).toEqual(unfit(/await client\.connect\(\)/));
  });
});

let tables = 0;

describePostgres('the check of a PostgreSQL', (server) => {
  const [[platform]] = platforms as [[PlatformName]];
  const aTable = () => `diagnosis_${++tables}`;

  it('finds nothing wrong after migrate()', async () => {
    const store = new PostgresStore({ pool: server().pool(), table: aTable() });
    const revocations = new PostgresRevocations({ pool: server().pool(), table: aTable() });
    await Promise.all([store.migrate(), revocations.migrate()]);
    expect(await warnings(platform, { store })).toEqual([]);
    expect(await refusal({ store })).toBeUndefined();
    expect(await refusal({ store: new SealedCookie({ revocations, index: store }) })).toBeUndefined();
  });

  it('finds a table that is missing, and the start is silent no more', async () => {
    const make = () => new PostgresStore({ pool: server().pool(), table: aTable() });
    expect(await warnings(platform, { store: make() })).toEqual([
      expect.stringMatching(/the table "diagnosis_\d+" does not exist.*await store\.migrate\(\)/),
    ]);
    expect(await refusal({ store: make() })).toEqual(unfit(/does not exist.*await store\.migrate\(\)/));
  });

  it('finds both tables of a revocation list that are missing', async () => {
    const revocations = new PostgresRevocations({ pool: server().pool(), table: aTable() });
    expect(await refusal({ store: new SealedCookie({ revocations }) })).toEqual(
      unfit(/"diagnosis_\d+" does not exist.*revocations\.migrate\(\).*_meta" does not exist/),
    );
  });

  it('finds columns that an earlier version did not have', async () => {
    const table = aTable();
    const store = new PostgresStore({ pool: server().pool(), table });
    await store.migrate();
    await server().ask(`ALTER TABLE ${table} DROP COLUMN began_at, DROP COLUMN extra`);
    expect(await refusal({ store })).toEqual(
      unfit(/lacks columns of this version: began_at, extra\..*migrate/),
    );
  });

  it('finds a table in a schema', async () => {
    const table = `"${aTable()}"`;
    await server().ask(`CREATE SCHEMA IF NOT EXISTS diagnosed`);
    const name = `diagnosed.${table.replaceAll('"', '')}`;
    const store = new PostgresStore({ pool: server().pool(), table: name });
    expect(await refusal({ store })).toEqual(unfit(/does not exist/));
    await store.migrate();
    expect(await refusal({ store })).toBeUndefined();
  });

  it('finds privileges that are missing', async () => {
    const table = aTable();
    await new PostgresStore({ pool: server().pool(), table }).migrate();
    const role = `reader_${tables}`;
    await server().ask(`CREATE ROLE ${role} LOGIN`);
    await server().ask(`GRANT SELECT, INSERT ON ${table} TO ${role}`);
    const store = new PostgresStore({ pool: server().pool({ user: role }), table });
    expect(await refusal({ store })).toEqual(
      unfit(/may not UPDATE, DELETE on the table.*GRANT UPDATE, DELETE/),
    );
  });

  it('finds transactions that are read-only', async () => {
    const table = aTable();
    await new PostgresStore({ pool: server().pool(), table }).migrate();
    const pool = server().pool({ options: '-c default_transaction_read_only=on' });
    expect(await refusal({ store: new PostgresStore({ pool, table }) })).toEqual(unfit(/read-only/));
  });

  it('finds a clock that differs', async () => {
    const store = new PostgresStore({ pool: server().pool(), table: aTable() });
    await store.migrate();
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    try {
      expect(await refusal({ store })).toEqual(
        unfit(/the clock of PostgreSQL is (3599|3600|3601) seconds behind/),
      );
    } finally {
      Date.now = now;
    }
  });

  it('finds one that is down, and the application starts', async () => {
    const pool = server().pool({ port: 1, password: 'pa55w0rd' });
    const store = new PostgresStore({ pool, table: aTable() });
    const told = await warnings(platform, { store });
    expect(
      told.filter((line) => /The session store does not respond: .*ECONNREFUSED/.test(line)),
    ).toHaveLength(1);
    expect(await refusal({ store })).toEqual(unfit(/ECONNREFUSED/));
  });
});
