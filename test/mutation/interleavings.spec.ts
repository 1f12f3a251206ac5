import { MemoryStore } from 'nest-sessions';
import { explore } from '../model/explore.js';
import { SealedWorld } from '../model/sealed-world.js';
import { StoreWorld } from '../model/store-world.js';

/** Few enough that a mutant costs about a second; `test/model` has the many. */
const SEEDS = 400;

describe('some interleavings, which decide about most mutants of the engine without an application,', () => {
  it('hold over memory', async () => {
    expect(await explore(new StoreWorld(new MemoryStore({ maxCount: 1_000 })), 0, SEEDS)).toBeUndefined();
  });

  it('hold over sealed cookies', async () => {
    expect(await explore(new SealedWorld(), 0, SEEDS / 2)).toBeUndefined();
  });
});
