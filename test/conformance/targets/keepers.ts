import type { Pool } from 'pg';
import { MemoryStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { MemoryRevocations, SealedCookie } from 'nest-sessions/sealed';
import type { PostgresServer } from '../../support/postgres.js';
import { nodeRedis } from '../../support/redis-clients.js';
import type { RedisServer } from '../../support/servers.js';
import { WatchedStore, type Keeper } from './ours.js';

const OVER_A_STORE: Keeper['lacks'] = {
  sealed: { mark: 'n/a', reason: 'The cookie holds an id and a secret, no content.' },
  unlisted: { mark: 'n/a', reason: 'A store needs no list of revocations.' },
};

export const memory: Keeper = {
  name: 'memory',
  lacks: OVER_A_STORE,
  make: async (watch) => {
    const watched = new WatchedStore(new MemoryStore(), watch);
    return {
      store: watched.store,
      dump: async () => watch.given + (await watched.records()),
      wipe: () => watched.wipe(),
    };
  },
};

let names = 0;
const unique = (): string => `conformance${++names}_${process.pid}`;

type Redis = Awaited<ReturnType<typeof nodeRedis>>;

/** One client for all sites: each has a prefix of its own. */
const clients = new WeakMap<RedisServer, Promise<Redis>>();

function clientOf(server: RedisServer): Promise<Redis> {
  const client = clients.get(server) ?? nodeRedis(server.url);
  clients.set(server, client);
  return client;
}

export const redis = (server: () => RedisServer): Keeper => ({
  name: 'Redis',
  lacks: OVER_A_STORE,
  make: async (watch) => {
    const client = await clientOf(server());
    const prefix = `${unique()}:`;
    const keys = () => client.keys(`${prefix}*`);
    return {
      store: new WatchedStore(new RedisStore({ client, prefix }), watch).store,
      dump: async () => {
        const found = await Promise.all(
          (await keys()).map(async (key) => [key, await contentOf(client, key)]),
        );
        return JSON.stringify(found);
      },
      wipe: async () => {
        for (const key of await keys()) await client.del(key);
      },
    };
  },
});

async function contentOf(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'hash':
      return client.hGetAll(key);
    case 'zset':
      return client.zRange(key, 0, -1);
    case 'set':
      return client.sMembers(key);
    default:
      return client.get(key);
  }
}

/** One pool for all sites: each has a table of its own. */
const pools = new WeakMap<PostgresServer, Pool>();

function poolOf(server: PostgresServer): Pool {
  const pool = pools.get(server) ?? server.pool({ max: 20 });
  pools.set(server, pool);
  return pool;
}

export const postgres = (server: () => PostgresServer): Keeper => ({
  name: 'PostgreSQL',
  lacks: OVER_A_STORE,
  make: async (watch) => {
    const table = unique();
    const store = new PostgresStore({ pool: poolOf(server()), table });
    await store.migrate();
    return {
      store: new WatchedStore(store, watch).store,
      dump: async () => {
        const rows = await server().ask(`SELECT t::text AS record FROM ${table} t`);
        return rows.map(({ record }) => withHashes(String(record))).join('\n');
      },
      wipe: async () => void (await server().ask(`DELETE FROM ${table}`)),
    };
  },
});

/** Bytes as the database prints them, and in the form in which they might be presented. */
const withHashes = (text: string): string =>
  text +
  [...text.matchAll(/\\x([0-9a-f]{16,})/g)]
    .map(([, hex]) => ` ${Buffer.from(hex!, 'hex').toString('base64url')}`)
    .join('');

/** With a list of revocations and an index in this process, which the nodes of a site share. */
export const sealed: Keeper = {
  name: 'sealed',
  lacks: {
    'store reads': {
      mark: 'n/a',
      reason: 'A sealed cookie opens without a store; once the list is out of date the response is a 503.',
    },
    overlap: {
      mark: 'n/a',
      reason: 'Of two overlapping responses the one that arrives last wins, as documented.',
    },
    'pending rotation': {
      mark: 'n/a',
      reason: 'With `enforceRotation` the predecessor ends with its grace, since it would restore old data.',
    },
    wipe: { mark: 'n/a', reason: 'No record is kept that could be deleted.' },
  },
  make: async (watch) => {
    const revocations = watch.over(new MemoryRevocations(), { add: 'write' });
    const index = new WatchedStore(new MemoryStore(), watch);
    return {
      store: new SealedCookie({ revocations, index: index.store, enforceRotation: true }),
      unlisted: new SealedCookie({ revocations: false }),
      dump: async () => watch.given + (await index.records()),
      wipe: () => index.wipe(),
    };
  },
};
