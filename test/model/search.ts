/*
 * The long search for an interleaving that violates what must hold.
 *
 *     npm run model                                          a few over each store
 *     npm run model -- --seeds 1000000 --store memory        a million over one
 *     npm run model -- --seeds 50000 --from 4711             each store, from this seed
 *
 * The first violation is shrunk and printed with its seed, and the search ends with 1. Redis and PostgreSQL are started
 * here; they need the programs that the specs need.
 */
import { parseArgs } from 'node:util';
import { MemoryStore } from '../../lib/stores/memory/index.js';
import { PostgresServer } from '../support/postgres.js';
import { closeClients } from '../support/redis-clients.js';
import { startRedis, stopServers } from '../support/servers.js';
import { explain, explore } from './explore.js';
import { postgresWorlds } from './postgres-worlds.js';
import { redisWorlds } from './redis-worlds.js';
import { SealedWorld } from './sealed-world.js';
import { StoreWorld } from './store-world.js';
import type { World } from './world.js';

const SEEDS = 2_000;

/** How often the progress is printed, in milliseconds. */
const REPORT_EVERY = 10_000;

type Search = (worlds: World[]) => Promise<boolean>;

const STORES: Record<string, (search: Search) => Promise<boolean>> = {
  memory: (search) => search([new StoreWorld(new MemoryStore({ maxCount: 1_000 }))]),
  sealed: (search) => search([new SealedWorld()]),
  async redis(search) {
    try {
      return await search(await redisWorlds(await startRedis()));
    } finally {
      closeClients();
      await stopServers();
    }
  },
  async postgres(search) {
    const server = await PostgresServer.start();
    try {
      return await search(await postgresWorlds(server));
    } finally {
      await server.stop();
    }
  },
};

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    store: { type: 'string', multiple: true },
  },
});

const seeds = wholeNumber('seeds', values.seeds ?? String(SEEDS));
const from = wholeNumber('from', values.from ?? '0');

for (const name of values.store ?? Object.keys(STORES)) {
  const over = STORES[name];
  if (!over) fail(`--store ${name}: choose one of ${Object.keys(STORES).join(', ')}.`);
  if (!(await over((worlds) => search(name, worlds)))) process.exitCode = 1;
}

async function search(name: string, worlds: World[]): Promise<boolean> {
  const startedAt = performance.now();
  let done = 0;
  const report = (): void => {
    const spent = performance.now() - startedAt;
    process.stdout.write(
      `${name}: ${done} of ${seeds} interleavings, ${(spent / 1000).toFixed(0)} s, ${(spent / Math.max(1, done)).toFixed(2)} ms each\n`,
    );
  };
  const reporter = setInterval(report, REPORT_EVERY);
  const found = await explore(worlds, from, seeds, { onRun: () => done++ });
  clearInterval(reporter);
  report();
  if (found) process.stdout.write(`${name}: ${await explain(worlds[0]!, found.seed)}\n`);
  for (const world of worlds) await world.close();
  return !found;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) fail(`--${name} ${text}: give a whole number.`);
  return number;
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
