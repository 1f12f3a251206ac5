import { jest } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { MemoryStore, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisRevocations, RedisStore, type RedisClient } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { SessionHealthIndicator } from 'nest-sessions/terminus';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, drivers } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';
import { SpyStore } from '../support/spy-store.js';
import { until } from '../support/until.js';

// Servers are killed and started again.
jest.setTimeout(60_000);
afterEach(closeAll);

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly store: SessionHealthIndicator,
  ) {}

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([() => this.store.isHealthy(), () => this.store.isHealthy('again')]);
  }
}

async function run(platform: PlatformName, store: SessionModuleOptions['store']) {
  const { app, url } = await start(platform, {
    controllers: [HealthController],
    imports: [TerminusModule],
    providers: [SessionHealthIndicator],
    realClock: true,
    options: { store, storeTimeout: '400ms' },
  });
  const browser = new Browser(url);
  return {
    ping: () => app.get(SessionService).ping(),
    health: async () => {
      const answer = await browser.get('/health');
      return { status: answer.status, body: answer.json() };
    },
  };
}

type Site = Awaited<ReturnType<typeof run>>;

async function expectUp({ health, ping }: Site): Promise<void> {
  await ping();
  expect(await health()).toMatchObject({
    status: 200,
    body: { status: 'ok', details: { sessions: { status: 'up' }, again: { status: 'up' } } },
  });
}

async function expectDown({ health, ping }: Site): Promise<void> {
  await expect(ping()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
  const down = { status: 'down', code: 'ERR_STORE_UNAVAILABLE' };
  const { status, body } = await health();
  expect([status, body]).toEqual([
    503,
    expect.objectContaining({ status: 'error', details: { sessions: down, again: down } }),
  ]);
}

interface Outage {
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

async function expectNoticed(site: Site, outage: Outage): Promise<void> {
  await expectUp(site);
  await outage.begin();
  try {
    await expectDown(site);
  } finally {
    await outage.end();
  }
  await until(async () => (await site.health()).status === 200, 'the recovery');
  await expectUp(site);
}

describe.each(platforms)('the health indicator on %s', (platform) => {
  it('is up over memory', async () => {
    await expectUp(await run(platform, new MemoryStore()));
  });

  it('is up over sealed cookies, with and without what they may ask', async () => {
    await expectUp(await run(platform, new SealedCookie({ revocations: false })));
    await expectUp(await run(platform, new SealedCookie({ index: new MemoryStore() })));
  });

  it.each(['throws', 'rejects', 'hangs'] as const)('is down while a store %s', async (fault) => {
    const store = new SpyStore();
    await expectNoticed(await run(platform, store), {
      begin: () => store.fail(fault, 'load'),
      end: () => store.heal(),
    });
  });

  it.each(['throws', 'rejects', 'hangs'] as const)('is down while the index %s', async (fault) => {
    const index = new SpyStore();
    await expectNoticed(await run(platform, new SealedCookie({ index })), {
      begin: () => index.fail(fault, 'load'),
      end: () => index.heal(),
    });
  });
});

describeWithRedis('the health indicator over a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await startRedis()), 60_000);
  afterEach(closeClients);
  afterAll(stopServers);

  const outages: [string, Outage][] = [
    ['is killed', { begin: () => server.kill(), end: () => server.start() }],
    ['hangs', { begin: () => server.pause(), end: () => server.resume() }],
  ];

  describe.each(drivers)('with %s', (_driver, connect: (url: string) => Promise<RedisClient>) => {
    it.each(outages)('is down while the server %s', async (_what, outage) => {
      await expectNoticed(
        await run('express', new RedisStore({ client: await connect(server.url) })),
        outage,
      );
    });

    it.each(outages)('is down while the server of the revocation list %s', async (_what, outage) => {
      const revocations = new RedisRevocations({ client: await connect(server.url), staleness: 60 });
      await expectNoticed(await run('express', new SealedCookie({ revocations })), outage);
    });
  });
});

describePostgres('the health indicator over a PostgreSQL', (server) => {
  it('is down while the server hangs', async () => {
    const store = new PostgresStore({ pool: server().pool() });
    await store.migrate();
    await expectNoticed(await run('express', store), {
      begin: () => server().pause(),
      end: () => server().resume(),
    });
  });
});
