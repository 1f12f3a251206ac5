import { MemoryStore } from 'nest-sessions';
import { closeClients } from '../support/redis-clients.js';
import { describeWithRedis, START_TIMEOUT, startRedis, stopServers } from '../support/servers.js';
import { redisWorlds } from './redis-worlds.js';
import { Run } from './run.js';
import { scenario } from './scenario.js';
import { SealedWorld } from './sealed-world.js';
import { StoreWorld } from './store-world.js';
import type { World } from './world.js';

const SEEDS = Array.from({ length: 24 }, (_, i) => 7 * i);

async function traceOf(world: World, seed: number): Promise<string> {
  const trace: string[] = [];
  const violation = await new Run(world, scenario(seed), trace).execute();
  expect(violation).toBeUndefined();
  return trace.join('\n');
}

async function inTurn(world: World, seeds: readonly number[]): Promise<Map<number, string>> {
  const traces = new Map<number, string>();
  for (const seed of seeds) traces.set(seed, await traceOf(world, seed));
  return traces;
}

/** Each seed alone, and then among others, in another order and by another world. */
async function repeats(worlds: readonly World[]): Promise<void> {
  const alone = await inTurn(worlds[0]!, SEEDS);
  const shares = worlds.map((_, i) => SEEDS.toReversed().filter((_seed, at) => at % worlds.length === i));
  const among = await Promise.all(worlds.map((world, i) => inTurn(world, shares[i]!)));
  for (const traces of among) for (const [seed, trace] of traces) expect(trace).toBe(alone.get(seed));
}

describe('what a seed does is the same, whatever runs beside it,', () => {
  it('over memory', () => repeats([1, 2].map(() => new StoreWorld(new MemoryStore({ maxCount: 1_000 })))));

  it('over sealed cookies', () => repeats([new SealedWorld(), new SealedWorld()]));
});

describeWithRedis('what a seed does over Redis', () => {
  afterAll(closeClients);
  afterAll(stopServers);

  it(
    'is the same, whatever runs beside it',
    async () => {
      await repeats(await redisWorlds(await startRedis()));
    },
    START_TIMEOUT,
  );
});
