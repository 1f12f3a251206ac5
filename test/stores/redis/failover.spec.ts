import type { RedisClient } from 'nest-sessions/redis';
import { Browser } from '../../support/browser.js';
import { closeAll, type PlatformName } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, ioRedisCluster, nodeRedisCluster } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  startRedisCluster,
  startRedisReplicas,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

const TEST_TIMEOUT = 60_000;
const WRITERS = 10;
const WRITES = 100;

type Connect = (ports: readonly number[]) => Promise<RedisClient>;

const isReplica = async (node: RedisServer): Promise<boolean> => (await node.cli('ROLE')).startsWith('slave');

/**
 * Whether every node knows this one as a replica. A master votes for no other, and a replica that gets no votes asks for
 * them again only after four times the node timeout. Nodes that change roles tell the others within half of it.
 */
async function isReplicaForAll(replica: RedisServer, nodes: readonly RedisServer[]): Promise<boolean> {
  const id = (await replica.cli('CLUSTER', 'MYID')).trim();
  const views = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')));
  return views.every((view) => new RegExp(`^${id} \\S+ (?:myself,)?slave `, 'm').test(view));
}

/** Each replica takes the place of its master, which hands over what it has taken so far (CLUSTER FAILOVER). */
async function failOver(nodes: readonly RedisServer[]): Promise<number> {
  const roles = await Promise.all(nodes.map(isReplica));
  const replicas = nodes.filter((_, i) => roles[i]);
  for (const replica of replicas) {
    await until(() => isReplicaForAll(replica, nodes), 'the nodes to agree on a replica', TEST_TIMEOUT);
    await replica.cli('CLUSTER', 'FAILOVER');
    await until(async () => !(await isReplica(replica)), 'the replica to be a master', TEST_TIMEOUT);
  }
  return replicas.length;
}

describeWithRedis('a Redis Cluster that fails over', () => {
  let nodes: RedisServer[];

  beforeAll(async () => {
    const masters = await startRedisCluster();
    nodes = [...masters, ...(await startRedisReplicas(masters))];
  }, 2 * TEST_TIMEOUT);
  afterEach(async () => {
    await closeAll();
    closeClients();
  });
  afterAll(stopServers, TEST_TIMEOUT);

  it.each<[PlatformName, string, Connect]>([
    ['express', 'node-redis', nodeRedisCluster],
    ['fastify', 'ioredis', ioRedisCluster],
  ])(
    'in the middle of 1,000 writes loses none that was acknowledged (%s, %s)',
    async (platform, _driver, connect) => {
      const client = await connect(nodes.map(({ port }) => port));
      const app = await startOverRedis(platform, { client });
      const writers: Browser[] = Array.from({ length: WRITERS }, () => app.browser());
      for (const writer of writers) expect((await writer.post('/data', { first: 0 })).status).toBe(200);
      let acknowledged = 0;
      let failover: Promise<number> | undefined;
      const written = await Promise.all(
        writers.map(async (writer) => {
          const keys: string[] = [];
          for (let i = 0; i < WRITES; i++) {
            if (acknowledged >= 300) failover ??= failOver(nodes);
            // So that there are writes before, while and after the masters change.
            if (i === WRITES - 10) await failover;
            const { status } = await writer.post('/data', { [`k${i}`]: i });
            expect([200, 503]).toContain(status);
            if (status !== 200) continue;
            keys.push(`k${i}`);
            acknowledged++;
          }
          return keys;
        }),
      );
      expect(await failover).toBe(3);
      expect(acknowledged).toBeGreaterThan(800);
      for (const [i, writer] of writers.entries()) {
        await until(async () => (await writer.get('/look')).status === 200, 'the store back');
        const { data } = (await writer.get('/look')).json<{ data: object }>();
        expect(Object.keys(data)).toEqual(expect.arrayContaining(['first', ...written[i]!]));
      }
    },
    2 * TEST_TIMEOUT,
  );
});
