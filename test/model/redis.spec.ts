import { closeClients } from '../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../support/servers.js';
import { itHolds } from './holds.js';
import { redisWorlds } from './redis-worlds.js';

describeWithRedis('the model over Redis, the first half', () => {
  let server: RedisServer;

  beforeAll(async () => (server = await startRedis()), START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  itHolds({ count: 10_000 }, () => redisWorlds(server));
});
