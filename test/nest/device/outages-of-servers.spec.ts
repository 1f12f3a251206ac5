import { jest } from '@jest/globals';
import type { SessionStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { registrationIn } from '../../support/device.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { closeClients, nodeRedis } from '../../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../../support/servers.js';
import { until } from '../../support/until.js';
import { startBound } from './device.app.js';

// Servers are killed and started again.
jest.setTimeout(60_000);

afterEach(closeAll);

/** A server under test. */
interface Server {
  kill(): Promise<void>;
  restart(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** What browsers see while the server of the store is away. */
function outageSpecs(platform: PlatformName, make: () => Promise<SessionStore>, server: Server): void {
  const run = async () => startBound(platform, { store: await make(), storeTimeout: '400ms', idle: '2h' });

  it('is a 503 for a registration, which binds nothing; the same one succeeds afterwards', async () => {
    const { browser, clock, told } = await run();
    const proof = browser.device.registration(registrationIn(await browser.login()).challenge);
    await server.kill();
    const refused = await browser.register(proof);
    expect([refused.status, refused.setCookies]).toEqual([503, []]);
    expect(refused.headers['retry-after']).toBe('5');
    expect([told('bound'), told('refused')]).toEqual([[], []]);
    expect(told('store-failed')).toMatchObject([{ part: 'store' }]);
    await server.restart();
    await until(async () => (await browser.register(proof)).status === 200, 'the registration');
    expect(told('store-recovered').length).toBeGreaterThan(0);
    expect(told('bound')).toHaveLength(1);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.get('/me', { cookie: browser.unbound })).status).toBe(401);
  });

  const absences: [string, () => Promise<void> | void, () => Promise<void> | void][] = [
    ['is killed', () => server.kill(), () => server.restart()],
    ['hangs', () => server.pause(), () => server.resume()],
  ];

  it.each(absences)('is a 503 for a refresh where it %s, and ends nothing', async (_, go, come) => {
    const { browser, clock, told } = await run();
    await browser.bind();
    clock.advance('8m');
    await go();
    try {
      const refused = [
        await browser.ask(),
        await browser.ask(browser.device.refresh(browser.challenge)),
        await browser.ask(browser.device.refresh(browser.challenge)),
      ];
      expect(refused.map(({ status, setCookies }) => [status, setCookies])).toEqual(
        Array.from({ length: 3 }, () => [503, []]),
      );
      expect((await browser.get('/me')).status).toBe(503);
    } finally {
      await come();
    }
    clock.advance('5m');
    await until(async () => (await browser.refresh()).status === 200, 'the refresh');
    expect((await browser.get('/me')).status).toBe(200);
    expect(told('refreshed').length).toBeGreaterThan(0);
    expect([told('reused'), told('ended'), told('refused')]).toEqual([[], [], []]);
    expect(told('store-failed').length).toBeGreaterThan(0);
  });
}

describeWithRedis('an outage of Redis for device-bound sessions', () => {
  let server: RedisServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
  }, 60_000);
  afterEach(closeClients);
  afterAll(stopServers);

  describe.each(platforms)('on %s', (platform) => {
    const make = async () =>
      new RedisStore({ client: await nodeRedis(server.url), prefix: `outage${++prefixes}:` });
    outageSpecs(platform, make, {
      kill: () => server.kill(),
      restart: () => server.start(),
      pause: () => server.pause(),
      resume: () => server.resume(),
    });
  });
});

describePostgres('an outage of PostgreSQL for device-bound sessions', (server) => {
  let tables = 0;

  describe.each(platforms)('on %s', (platform) => {
    const make = async () => {
      const pool = server().pool();
      // The application's own, as for connections that break while nobody uses them.
      pool.on('error', () => undefined);
      const store = new PostgresStore({ pool, table: `outage_${++tables}` });
      await store.migrate();
      return store;
    };
    outageSpecs(platform, make, {
      kill: () => server().kill(),
      restart: () => server().run(),
      pause: () => server().pause(),
      resume: () => server().resume(),
    });
  });
});
