import { explore } from './explore.js';
import { SEALED_FAULTS } from './sealed-faults.js';
import { SealedWorld } from './sealed-world.js';

/** Interleavings within which each fault is found. */
const SEEDS = 3_000;

/** What the model finds over sealed cookies: each of these is a mistake in the library, put there by itself. */
describe('over sealed cookies the model finds that', () => {
  it.each(SEALED_FAULTS.map((fault) => [fault.name, fault] as const))(
    '%s',
    async (_name, { told, focus, sabotage }) => {
      const found = await explore(new SealedWorld(sabotage), 0, SEEDS, { focus });
      expect(told).toContain(found?.violation.invariant);
    },
    300_000,
  );
});
