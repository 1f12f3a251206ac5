import { RedisRevocations } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { revocationOf } from '../../lib/revocations/revocation-list.js';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';

const LIST = '{nest-sessions:revocations}';

/** Why a server refuses writes: the command that brings it about, and the one that ends it. */
const refusals: [why: string, begin: string[], end: string[]][] = [
  ['its memory is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  [
    'it has too few replicas',
    ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
  ],
  ['it is a read-only replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
];

const table = platforms.flatMap(([platform]) => refusals.map((refusal) => [platform, ...refusal] as const));

describeWithRedis('a list in a Redis that refuses writes', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(closeAll);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  it.each(table)('is still read, on %s, while %s', async (platform, _why, begin, end) => {
    // Every request reads the list.
    const revocations = new RedisRevocations({ client: await nodeRedis(redis.url), staleness: 1 });
    const { url } = await start(platform, {
      controllers: [AppController],
      realClock: true,
      options: { store: new SealedCookie({ revocations }) },
    });
    const [out, browser] = [new Browser(url), new Browser(url)];
    for (const one of [out, browser]) await one.post('/login', { user: 'alice' });
    const { cookie } = out;
    await out.post('/logout');
    await redis.cli(...begin);
    try {
      expect((await browser.get('/me')).status).toBe(200);
      expect((await new Browser(url).get('/me', { cookie })).status).toBe(401);
      expect((await browser.post('/logout')).status).toBe(503);
    } finally {
      await redis.cli(...end);
    }
  });

  it.each(refusals)('is still read with entries that have expired, while %s', async (_why, begin, end) => {
    const lists: RedisRevocations[] = [];
    const openAt = async (now: number) => {
      const revocations = new RedisRevocations({ client: await nodeRedis(redis.url), staleness: '1h' });
      const clock = new FakeClock(now);
      revocations.bind({ clock, clockInjected: true, timeout: 5_000, warn: () => undefined });
      lists.push(revocations);
      return revocations;
    };
    const writer = await openAt(0);
    await writer.add(
      revocationOf('expired'.padEnd(22, '-'), 1_000, { why: 'ended', grace: 0, honoured: false }),
    );
    await redis.cli(...begin);
    const reader = await openAt(2_000);
    try {
      await reader.sync();
      expect(await redis.cli('ZCARD', `${LIST}:expiry`)).not.toBe('0');
      await redis.cli(...end);
      await reader.sync();
      expect(await redis.cli('ZCOUNT', `${LIST}:expiry`, '-inf', '2000')).toBe('0');
    } finally {
      await redis.cli(...end);
      await Promise.all(lists.map((list) => list.close()));
    }
  });
});
