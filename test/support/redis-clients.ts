import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';
import type { RedisClient } from 'nest-sessions/redis';
import type { WatchedRedis } from './servers.js';

/** What a spec opened, closed by {@link closeClients}. */
const open: (() => unknown)[] = [];

interface NodeRedisOptions {
  awaited?: boolean;
  [option: string]: unknown;
}

const ignore = () => undefined;

/** Connected when the promise settles, or, not `awaited`, some time later. */
export async function nodeRedis(url: string, { awaited = true, ...options }: NodeRedisOptions = {}) {
  const client = createClient({ url, ...options });
  client.on('error', ignore);
  const connected = client.connect().catch(ignore);
  if (awaited) await connected;
  open.push(() => client.isOpen && client.destroy());
  return client;
}

export async function ioRedis(url: string, options: object = {}) {
  const client = new Redis(url, options);
  client.on('error', ignore);
  open.push(() => client.disconnect());
  return Promise.resolve(client);
}

export async function nodeRedisCluster(ports: readonly number[]) {
  const client = createCluster({
    rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    // By default a command gives up after 5 seconds in the queue, which a busy machine may take for thousands at once.
    commandOptions: { timeout: 60_000 },
  });
  client.on('error', ignore);
  await client.connect();
  open.push(() => client.destroy());
  return client;
}

export async function ioRedisCluster(ports: readonly number[]) {
  const client = new Cluster(ports.map((port) => ({ host: '127.0.0.1', port })));
  client.on('error', ignore);
  open.push(() => client.disconnect());
  return Promise.resolve(client);
}

const addressesOf = ({ sentinels }: WatchedRedis) =>
  sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));

export async function nodeRedisSentinel(redis: WatchedRedis) {
  const client = createSentinel({ name: redis.name, sentinelRootNodes: addressesOf(redis) });
  client.on('error', ignore);
  await client.connect();
  open.push(() => void client.destroy().catch(ignore));
  return client;
}

export async function ioRedisSentinel(redis: WatchedRedis) {
  const client = new Redis({ sentinels: addressesOf(redis), name: redis.name });
  client.on('error', ignore);
  open.push(() => client.disconnect());
  return Promise.resolve(client);
}

/** The drivers, each with a way to a server. */
export const drivers: [string, (url: string) => Promise<RedisClient>][] = [
  ['node-redis', (url) => nodeRedis(url)],
  ['ioredis', (url) => ioRedis(url)],
];

export function closeClients(): void {
  for (const close of open.splice(0)) close();
}
