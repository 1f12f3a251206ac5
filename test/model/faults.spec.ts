import { MemoryStore } from 'nest-sessions';
import { FAULTS } from './faults.js';
import { explore } from './explore.js';
import { StoreWorld } from './store-world.js';

/** Interleavings within which each fault is found, as fewer than a run over memory has. */
const SEEDS = 10_000;

/** What the model finds is what it is worth: each of these is a mistake in the library, put back by itself. */
describe('the model finds that', () => {
  it.each(FAULTS.map((fault) => [fault.name, fault] as const))(
    '%s',
    async (_name, { told, focus, sabotage }) => {
      const world = new StoreWorld(new MemoryStore({ maxCount: 1_000 }), sabotage);
      const found = await explore(world, 0, SEEDS, { focus });
      if (process.env['MODEL_VERBOSE'])
        process.stderr.write(`${_name}: seed ${found?.seed} ${found?.violation.message}\n`);
      expect(told).toContain(found?.violation.invariant);
    },
    300_000,
  );
});
