import { MemoryStore } from 'nest-sessions';
import { explain, explore, World } from './model.js';

/** `MODEL_SEEDS=1000000` for a longer search. */
const SEEDS = Number(process.env['MODEL_SEEDS'] ?? 20_000);
const FROM = Number(process.env['MODEL_FROM'] ?? 0);

describe('the model over memory', () => {
  it(
    `finds no violation in ${SEEDS} interleavings`,
    async () => {
      const world = new World(new MemoryStore({ maxCount: 1_000 }));
      const found = await explore(world, FROM, SEEDS);
      if (found) throw new Error(await explain(world, found.seed));
    },
    SEEDS * 10,
  );
});
