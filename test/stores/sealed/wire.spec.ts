import { spawn } from 'node:child_process';
import { RedisRevocations } from 'nest-sessions/redis';
import { PostgresRevocations } from 'nest-sessions/postgres';
import { SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import pg from 'pg';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { closeClients, drivers } from '../../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../../support/servers.js';
import { until } from '../../support/until.js';

/** Long enough that no polling happens during a spec. */
const staleness = '10m';

const REQUESTS = 100;

/** Counts the queries of 100 unchanged requests, and of a logout to show that queries are counted. */
async function count(
  platform: PlatformName,
  revocations: RevocationList,
  asked: () => number | Promise<number>,
): Promise<void> {
  const { url } = await start(platform, {
    controllers: [AppController],
    realClock: true,
    options: { store: new SealedCookie({ revocations }) },
  });
  const browser = new Browser(url);
  await browser.post('/login', { user: 'alice' });
  await browser.get('/me');
  const before = await asked();
  for (let i = 0; i < REQUESTS; i++) {
    expect((await browser.get(i % 2 ? '/me' : '/look')).status).toBe(200);
    await browser.get('/me', { cookie: `__Host-session=v1.forged${i}` });
  }
  await browser.post('/data', { changed: 'this costs no round trip either' });
  expect((await asked()) - before).toBe(0);
  await browser.post('/logout');
  expect((await asked()) - before).toBeGreaterThan(0);
}

describeWithRedis('round trips to a list in Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(closeAll);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  const table = drivers.flatMap(([name, connect]) =>
    platforms.map(([platform]) => [name, platform, connect] as const),
  );

  it.each(table)('none for an unchanged request, by %s on %s', async (_name, platform, connect) => {
    const seen: string[] = [];
    const monitor = spawn('redis-cli', ['-p', String(redis.port), 'MONITOR']);
    monitor.stdout.on('data', (lines: Buffer) => seen.push(...lines.toString().trim().split('\n')));
    try {
      await until(() => seen.length > 0, 'the monitor');
      // The monitor shows commands in order, so everything before the mark has been seen.
      let marks = 0;
      const asked = async () => {
        const mark = `mark-${marks++}`;
        await redis.cli('ECHO', mark);
        await until(() => seen.some((line) => line.includes(mark)), 'the mark');
        const foreign = /"ECHO"|"COMMAND"|"HELLO"|"CLIENT"|"INFO"|"PING"| lua\] |^OK$/i;
        return seen.filter((line) => !foreign.test(line)).length;
      };
      await count(platform, new RedisRevocations({ client: await connect(redis.url), staleness }), asked);
    } finally {
      monitor.kill();
    }
  });
});

describePostgres('round trips to a list in PostgreSQL', (server) => {
  afterEach(closeAll);

  it.each(platforms)('none for an unchanged request, on %s', async (platform) => {
    let statements = 0;
    class Counting extends pg.Client {
      override query(...args: unknown[]): never {
        statements++;
        return (super.query as (...rest: unknown[]) => unknown)(...args) as never;
      }
    }
    const pool = server().pool({ Client: Counting });
    const revocations = new PostgresRevocations({ pool, staleness });
    await revocations.migrate();
    await count(platform, revocations, () => statements);
  });
});
