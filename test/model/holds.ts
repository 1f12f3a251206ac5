import { explain, explore } from './explore.js';
import type { World } from './world.js';

/** Milliseconds that an interleaving may take at the very most. */
const EACH = 50;

/** The share of the interleavings that are tried where nobody waits for the response but the one who asked. */
const SHARE = process.env['CI'] ? 1 : 0.1;

export interface Interleavings {
  /** The first seed. @default 0 */
  from?: number;
  count: number;
}

/**
 * No interleaving violates what must hold. In CI all are tried; `MODEL_SEEDS=100` for some of them, `MODEL_FROM=4711` to
 * begin at another seed: that of a failure, say. `npm run model` searches for longer.
 *
 * @param makeWorlds those that run at the same time
 */
export function itHolds(
  { from = 0, count }: Interleavings,
  makeWorlds: () => World[] | Promise<World[]>,
): void {
  const first = Number(process.env['MODEL_FROM'] ?? from);
  const seeds = Number(process.env['MODEL_SEEDS'] ?? count * SHARE);
  it(
    `holds in ${seeds} interleavings`,
    async () => {
      const worlds = await makeWorlds();
      const found = await explore(worlds, first, seeds);
      const explanation = found && (await explain(worlds[0]!, found.seed));
      for (const world of worlds) await world.close();
      if (explanation !== undefined) throw new Error(explanation);
    },
    seeds * EACH + 60_000,
  );
}
