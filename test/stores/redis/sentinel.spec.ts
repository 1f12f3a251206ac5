import { RedisRevocations, type RedisClient } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start, type PlatformName } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, ioRedisSentinel, nodeRedisSentinel } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  startRedisWithSentinels,
  stopServers,
  type RedisServer,
  type WatchedRedis,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

const TEST_TIMEOUT = 120_000;

type Connect = (redis: WatchedRedis) => Promise<RedisClient>;

/** A server that is promoted disconnects its clients, redis-cli among them. */
const tell = (server: RedisServer, ...command: string[]): Promise<string> =>
  server.cli(...command).catch(() => '');

const isMaster = async (server: RedisServer): Promise<boolean> =>
  (await tell(server, 'ROLE')).startsWith('master');

describeWithRedis('a Redis master with sentinels', () => {
  afterEach(async () => {
    await closeAll();
    closeClients();
    await stopServers();
  }, TEST_TIMEOUT);

  it.each<[PlatformName, string, Connect]>([
    ['express', 'node-redis', nodeRedisSentinel],
    ['fastify', 'ioredis', ioRedisSentinel],
  ])(
    'that dies keeps every session, and ended ones ended (%s, %s)',
    async (platform, _driver, connect) => {
      const redis = await startRedisWithSentinels();
      const { master, replica } = redis;
      const one = await startOverRedis(platform, { client: await connect(redis) });
      const two = await startOverRedis(platform, { client: await connect(redis) });
      const alice = one.browser();
      expect((await alice.post('/login', { user: 'alice' })).status).toBe(200);
      expect((await alice.post('/data', { cart: ['pear'] })).status).toBe(200);
      const gone = new Browser(two.url);
      await gone.post('/login', { user: 'alice' });
      const ended = gone.cookie;
      expect((await gone.post('/logout')).status).toBe(200);
      // A logout that the replica does not know of yet would be forgotten.
      expect(await master.cli('WAIT', '1', '10000')).toBe('1');

      const statuses = new Set<number>();
      let over = false;
      const asking = (async () => {
        while (!over) statuses.add((await alice.post('/data', { last: Date.now() })).status);
      })();
      await master.kill();
      await until(() => isMaster(replica), 'the replica to be a master', TEST_TIMEOUT);
      await until(
        async () => (await new Browser(two.url).get('/look', { cookie: alice.cookie })).status === 200,
        'the store back',
        TEST_TIMEOUT,
      );
      over = true;
      await asking;
      expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);

      await until(async () => (await alice.get('/look')).status === 200, 'the store back', TEST_TIMEOUT);
      expect((await alice.get('/look')).json()).toMatchObject({ subject: 'alice', data: { cart: ['pear'] } });
      expect((await alice.get('/me', { cookie: ended })).status).toBe(401);
      expect((await alice.post('/increment/n')).json()).toEqual({ value: 1 });
      expect(await two.service.list('alice')).toHaveLength(1);

      // Events come by the new master, once both nodes are subscribed there.
      const channel = 'nest-sessions:events';
      await until(
        async () => Number((await tell(replica, 'PUBSUB', 'NUMSUB', channel)).split('\n')[1]) === 2,
        'the subscriptions',
        TEST_TIMEOUT,
      );
      expect((await alice.post('/logout')).status).toBe(200);
      await until(() => two.events.some(({ type }) => type === 'ended'), 'the event', TEST_TIMEOUT);
      expect((await alice.get('/me')).status).toBe(401);
    },
    TEST_TIMEOUT,
  );

  it.each<[PlatformName, string, Connect]>([
    ['fastify', 'node-redis', nodeRedisSentinel],
    ['express', 'ioredis', ioRedisSentinel],
  ])(
    'that dies keeps the revocations of sealed cookies, and sends notices again (%s, %s)',
    async (platform, _driver, connect) => {
      const redis = await startRedisWithSentinels();
      const { master, replica } = redis;
      const node = async () => {
        const revocations = new RedisRevocations({ client: await connect(redis), staleness: '1h' });
        const options = { store: new SealedCookie({ revocations }) };
        return (await start(platform, { controllers: [AppController], realClock: true, options })).url;
      };
      const [one, two] = [await node(), await node()];
      const loggedIn = async () => {
        const browser = new Browser(one);
        await until(async () => (await browser.post('/login', { user: 'alice' })).status === 200, 'a login');
        return browser;
      };
      const status = async (url: string, cookie: string) =>
        (await new Browser(url).get('/me', { cookie })).status;
      const [before, alice] = [await loggedIn(), await loggedIn()];
      const ended = before.cookie;
      expect((await before.post('/logout')).status).toBe(200);
      expect(await master.cli('WAIT', '1', '10000')).toBe('1');

      await master.kill();
      await until(() => isMaster(replica), 'the replica to be a master', TEST_TIMEOUT);
      // A node that has never seen the old master.
      const three = await node();
      await until(async () => (await status(three, alice.cookie)) === 200, 'the list', TEST_TIMEOUT);
      for (const url of [one, two, three]) expect(await status(url, ended)).toBe(401);

      // By the polls alone the other nodes would not know for twenty minutes.
      await until(
        async () =>
          Number((await tell(replica, 'PUBSUB', 'NUMSUB', 'nest-sessions:revocations')).split('\n')[1]) === 3,
        'the subscriptions',
        TEST_TIMEOUT,
      );
      const captured = alice.cookie;
      expect((await alice.post('/logout')).status).toBe(200);
      for (const url of [one, two, three])
        await until(async () => (await status(url, captured)) === 401, 'the notice', TEST_TIMEOUT);
    },
    TEST_TIMEOUT,
  );
});
