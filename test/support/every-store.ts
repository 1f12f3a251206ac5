import type { SessionStore } from 'nest-sessions';
import { MemoryStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { platforms, type PlatformName } from './platforms.js';
import { describePostgres } from './postgres.js';
import { closeClients, nodeRedis } from './redis-clients.js';
import { describeWithRedis, RedisServer, START_TIMEOUT, stopServers } from './servers.js';

export type StoreName = 'memory' | 'Redis' | 'PostgreSQL';

/** Makes a store, and with `shared` as many as nodes are to share what is in it. */
export type MakeStore = (shared?: string) => Promise<SessionStore>;

let names = 0;
const unique = (): string => `s${++names}_${process.pid}`;

/** The same specs on every adapter, over every store that keeps records. Servers are the suite's own. */
export function describeEveryStore(
  name: string,
  specs: (platform: PlatformName, make: MakeStore, store: StoreName) => void,
): void {
  const each = (store: StoreName, make: MakeStore): void => {
    describe.each(platforms)(`${name} on %s over ${store}`, (platform) => specs(platform, make, store));
  };
  const memories = new Map<string, MemoryStore>();
  each('memory', (shared) => {
    if (shared === undefined) return Promise.resolve(new MemoryStore());
    const store = memories.get(shared) ?? new MemoryStore();
    memories.set(shared, store);
    return Promise.resolve(store);
  });
  describeWithRedis(`${name} over Redis`, () => {
    let server: RedisServer;
    beforeAll(async () => (server = await RedisServer.start()), START_TIMEOUT);
    afterAll(async () => {
      closeClients();
      await stopServers();
    });
    each('Redis', async (shared = unique()) => {
      return new RedisStore({ client: await nodeRedis(server.url), prefix: `${shared}:` });
    });
  });
  describePostgres(`${name} over PostgreSQL`, (server) => {
    each('PostgreSQL', async (shared = unique()) => {
      const store = new PostgresStore({ pool: server().pool(), table: shared.toLowerCase() });
      await store.migrate();
      return store;
    });
  });
}
