import type { SessionStore } from 'nest-sessions';
import { explain, explore, World } from './model.js';

/** Milliseconds that an interleaving may take at the very most. */
const EACH = 50;

/** The share of the interleavings that are tried where nobody waits for the answer but the one who asked. */
const SHARE = process.env['CI'] ? 1 : 0.1;

/**
 * No interleaving violates what must hold. In CI all are tried; `MODEL_SEEDS=1000000` for a longer search, `MODEL_FROM=4711` to begin at
 * another seed: that of a failure, say.
 */
export function itHolds(interleavings: number, makeStore: () => SessionStore | Promise<SessionStore>): void {
  const count = Number(process.env['MODEL_SEEDS'] ?? interleavings * SHARE);
  const from = Number(process.env['MODEL_FROM'] ?? 0);
  it(
    `holds in ${count} interleavings`,
    async () => {
      const store = await makeStore();
      const world = new World(store);
      const found = await explore(world, from, count);
      const explanation = found && (await explain(world, found.seed));
      await store.close?.();
      if (explanation !== undefined) throw new Error(explanation);
    },
    count * EACH + 60_000,
  );
}
