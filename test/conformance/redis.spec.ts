import { platforms } from '../support/platforms.js';
import { closeClients } from '../support/redis-clients.js';
import { describeWithRedis, RedisServer, START_TIMEOUT, stopServers } from '../support/servers.js';
import { specifyOurs } from './run.js';
import { redis } from './targets/keepers.js';
import { OurTarget } from './targets/ours.js';

describeWithRedis('the conformance suite over Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()), START_TIMEOUT);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  for (const [platform] of platforms)
    specifyOurs(
      new OurTarget(
        platform,
        redis(() => server),
      ),
    );
});
