import { PostgresStore } from '../../lib/stores/postgres/index.js';
import type { PostgresServer } from '../support/postgres.js';
import { StoreWorld } from './store-world.js';
import type { World } from './world.js';

/** Worlds at the same time, and connections that they share. */
const WORLDS = 8;
const CONNECTIONS = 4;

export async function postgresWorlds(server: PostgresServer): Promise<World[]> {
  const store = new PostgresStore({ pool: server.pool({ max: CONNECTIONS }), events: false });
  await store.migrate();
  return Array.from({ length: WORLDS }, () => new StoreWorld(store));
}
