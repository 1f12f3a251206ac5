import { jest } from '@jest/globals';
import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { PostgresRevocations, PostgresStore } from 'nest-sessions/postgres';
import { RedisRevocations, RedisStore, type RedisClient } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, drivers } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';
import { until } from '../support/until.js';

// Servers are killed and started again.
jest.setTimeout(60_000);

const PART = /session store|revocation list/;

/** A clock that a spec may advance, without taking the place of the store's own. */
let ahead = 0;
const { now } = Date;
beforeAll(() => (Date.now = () => now() + ahead));
afterAll(() => (Date.now = now));
afterEach(async () => {
  await closeAll();
  ahead = 0;
});

async function run(platform: PlatformName, store: SessionModuleOptions['store']) {
  const sink = new LogSink();
  const { app, url } = await start(platform, {
    controllers: [AppController],
    realClock: true,
    options: { store, storeTimeout: '400ms' },
    prepare: sink.attach,
  });
  const events: SessionEvent[] = [];
  app.get(SessionService).events.subscribe((event) => events.push(event));
  const browser = new Browser(url);
  expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
  const errors = () => sink.lines.filter((line) => line.startsWith('error') && PART.test(line));
  const recoveries = () => sink.lines.filter((line) => PART.test(line) && line.includes('again, after'));
  const ofStore = (type: string) => events.filter((event) => event.type === type);
  return { browser, sink, errors, recoveries, ofStore };
}

/** What every store has to do when its server is killed, and comes back. */
async function expectTold(
  { browser, sink, errors, recoveries, ofStore }: Awaited<ReturnType<typeof run>>,
  { kill, restart }: { kill(): Promise<void>; restart(): Promise<void> },
  part: string,
): Promise<void> {
  expect([errors(), sink.text]).toEqual([[], expect.not.stringContaining('pa55w0rd')]);
  await kill();
  await until(async () => (await browser.get('/me')).status === 503, 'the outage');
  for (let i = 0; i < 2; i++) expect((await browser.get('/me')).status).toBe(503);
  expect(errors()).toEqual([expect.stringMatching(/cannot be read \(\w*(Error|error)/)]);
  expect(ofStore('store-failed')).toMatchObject([{ part, access: 'read', id: '' }]);
  ahead = 61_000;
  expect((await browser.get('/me')).status).toBe(503);
  expect(errors()[1]).toMatch(/still cannot be read .* \d+ calls failed/);
  expect(errors()).toHaveLength(2);
  await restart();
  await until(async () => (await browser.get('/me')).status === 200, 'the recovery');
  expect(recoveries()).toEqual([
    expect.stringMatching(/can be read again, after \d+\.\d s in which \d+ calls failed/),
  ]);
  expect(ofStore('store-recovered')).toMatchObject([{ part, access: 'read' }]);
  expect(errors()).toHaveLength(2);
  expect(sink.text).not.toMatch(/not affected|pa55w0rd/);
  expect(sink.text).not.toContain(browser.cookie.split('.')[1]!);
}

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

describeWithRedis('a Redis that is killed and comes back', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await startRedis(DURABLE)), 60_000);
  afterEach(closeClients);
  afterAll(stopServers);

  const outage = {
    kill: () => server.kill(),
    restart: () => server.start(),
  };

  describe.each(platforms)('on %s', (platform) => {
    describe.each(drivers)('with %s', (_driver, connect: (url: string) => Promise<RedisClient>) => {
      // The default user of a server without passwords takes any.
      const withPassword = () => connect(server.url.replace('redis://', 'redis://default:pa55w0rd@'));

      it('is logged and emitted as a store, without its password', async () => {
        const app = await run(platform, new RedisStore({ client: await withPassword() }));
        await expectTold(app, outage, 'store');
      });

      it('is logged once as a revocation list, by its polls and its requests', async () => {
        const revocations = new RedisRevocations({ client: await connect(server.url), staleness: 60 });
        await expectTold(await run(platform, new SealedCookie({ revocations })), outage, 'revocations');
      });

      it('serves reads and refuses writes while its memory is full, which is logged as such', async () => {
        const app = await run(platform, new RedisStore({ client: await connect(server.url) }));
        await server.cli('CONFIG', 'SET', 'maxmemory', '1');
        try {
          expect((await app.browser.get('/me')).status).toBe(200);
          expect((await app.browser.post('/data', { a: 1 })).status).toBe(503);
          expect(app.errors()).toEqual([expect.stringMatching(/cannot be written .*OOM/)]);
          expect(app.ofStore('store-failed')).toMatchObject([{ access: 'write' }]);
        } finally {
          await server.cli('CONFIG', 'SET', 'maxmemory', '0');
        }
        expect((await app.browser.post('/data', { a: 1 })).status).toBe(200);
        expect(app.ofStore('store-recovered')).toMatchObject([{ access: 'write', count: 1 }]);
      });
    });
  });
});

let tables = 0;

describePostgres('a PostgreSQL that is killed and comes back', (server) => {
  const outage = {
    kill: () => server().kill(),
    restart: () => server().run(),
  };

  describe.each(platforms)('on %s', (platform) => {
    const aPool = () => server().pool({ password: 'pa55w0rd', connectionTimeoutMillis: 300 });

    it('is logged and emitted as a store, without its password', async () => {
      const store = new PostgresStore({ pool: aPool(), table: `outages_${++tables}` });
      await store.migrate();
      await expectTold(await run(platform, store), outage, 'store');
    });

    it('is logged once as a revocation list, by its polls and its requests', async () => {
      const revocations = new PostgresRevocations({
        pool: aPool(),
        table: `outages_${++tables}`,
        staleness: 60,
      });
      await revocations.migrate();
      await expectTold(await run(platform, new SealedCookie({ revocations })), outage, 'revocations');
    });

    it('serves reads and refuses writes while it is read-only, which is logged as such', async () => {
      const pool = aPool();
      const store = new PostgresStore({ pool, table: `outages_${++tables}` });
      await store.migrate();
      const app = await run(platform, store);
      const readOnly = async (on: boolean) => {
        await server().ask(`ALTER SYSTEM SET default_transaction_read_only = ${on ? 'on' : 'off'}`);
        await server().ask('SELECT pg_reload_conf()');
      };
      await readOnly(true);
      try {
        await until(async () => (await app.browser.post('/data', { a: 1 })).status === 503, 'read-only');
        expect((await app.browser.get('/me')).status).toBe(200);
        expect(app.errors()).toEqual([expect.stringMatching(/cannot be written \(error 25006: /)]);
        expect(app.ofStore('store-failed')).toMatchObject([{ access: 'write' }]);
      } finally {
        await readOnly(false);
      }
      await until(async () => (await app.browser.post('/data', { a: 1 })).status === 200, 'writable');
      expect(app.ofStore('store-recovered')).toMatchObject([{ access: 'write' }]);
    });

    it('names the remedy in the log when its table is gone', async () => {
      const store = new PostgresStore({ pool: aPool(), table: `outages_${++tables}` });
      await store.migrate();
      const app = await run(platform, store);
      await server().ask(`DROP TABLE outages_${tables}`);
      expect((await app.browser.get('/me')).status).toBe(503);
      expect(app.errors()).toEqual([expect.stringMatching(/cannot be read \(.*store\.migrate\(\).*42P01/)]);
    });
  });
});
