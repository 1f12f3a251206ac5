import { closeClients } from '../support/redis-clients.js';
import { describeWithRedis, RedisServer, START_TIMEOUT, stopServers } from '../support/servers.js';
import { recordPeer } from './run.js';
import { PeerTarget } from './targets/peer-target.js';
import {
  connectRedis,
  cookieSessionPeer,
  expressSessionInMemory,
  ironSessionPeer,
} from './targets/peers-express.js';
import { fastifySessionPeer, secureSessionPeer } from './targets/peers-fastify.js';

for (const kind of [
  expressSessionInMemory,
  fastifySessionPeer,
  secureSessionPeer,
  cookieSessionPeer,
  ironSessionPeer,
])
  recordPeer(new PeerTarget(kind));

describeWithRedis('the conformance suite at a peer over Redis', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()), START_TIMEOUT);
  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  recordPeer(new PeerTarget(connectRedis(() => server)));
});
