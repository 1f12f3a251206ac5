import { RedisStore } from 'nest-sessions/redis';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../support/servers.js';
import { itHolds } from './holds.js';

describeWithRedis('the model over Redis', () => {
  let server: RedisServer;

  beforeAll(async () => (server = await startRedis()), START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  itHolds(2_000, async () => new RedisStore({ client: await nodeRedis(server.url) }));
});
