import { RedisStore } from '../../lib/stores/redis/index.js';
import { nodeRedis } from '../support/redis-clients.js';
import type { RedisServer } from '../support/servers.js';
import { StoreWorld } from './store-world.js';
import type { World } from './world.js';

/** Worlds at the same time: what they send meanwhile is sent together. */
const WORLDS = 8;

export async function redisWorlds({ url }: RedisServer): Promise<World[]> {
  const store = new RedisStore({ client: await nodeRedis(url) });
  return Array.from({ length: WORLDS }, () => new StoreWorld(store));
}
