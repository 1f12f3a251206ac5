import { RESP_TYPES } from 'redis';
import { RedisStore } from 'nest-sessions/redis';
import { describeSessionStore, type MakeStore } from 'nest-sessions/testing';
import {
  closeClients,
  ioRedis,
  ioRedisCluster,
  nodeRedis,
  nodeRedisCluster,
} from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  startRedisCluster,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';

/** Each store, and the other node beside it, has a client of its own. */
const describeStore = (name: string, makeStore: MakeStore): void =>
  describeSessionStore(name, makeStore, { secondNode: makeStore });

describeWithRedis('RedisStore on a server', () => {
  let server: RedisServer;

  beforeAll(async () => (server = await startRedis()), START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  const buffers = { commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } };

  describeStore('RedisStore with node-redis', async () => {
    return new RedisStore({ client: await nodeRedis(server.url) });
  });
  describeStore('RedisStore with node-redis over RESP 2 and answers in buffers', async () => {
    const client = await nodeRedis(server.url, { RESP: 2, ...buffers });
    return new RedisStore({ client, prefix: 'a prefix {of ours}:' });
  });
  describeStore('RedisStore with ioredis', async () => {
    return new RedisStore({ client: await ioRedis(server.url) });
  });
  describeStore('RedisStore with ioredis and a prefix of the client', async () => {
    const client = await ioRedis(server.url, { keyPrefix: 'app:', stringNumbers: true });
    return new RedisStore({ client, prefix: 's:' });
  });
});

describeWithRedis('RedisStore on a cluster of three', () => {
  let ports: number[];

  beforeAll(async () => (ports = (await startRedisCluster()).map(({ port }) => port)), START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  describeStore('RedisStore with a cluster of node-redis', async () => {
    return new RedisStore({ client: await nodeRedisCluster(ports) });
  });
  describeStore('RedisStore with a Cluster of ioredis', async () => {
    return new RedisStore({ client: await ioRedisCluster(ports), prefix: 'io:' });
  });
});
