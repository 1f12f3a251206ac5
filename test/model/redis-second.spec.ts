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

/** A spec file of its own, so that it runs beside the first half. */
describeWithRedis('the model over Redis, the second half', () => {
  let server: RedisServer;

  beforeAll(async () => (server = await startRedis()), START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  itHolds({ from: 10_000, count: 10_000 }, () => redisWorlds(server));
});
