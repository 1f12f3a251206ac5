import { hammer, type Connection } from './load.js';
import type { Plan } from './options.js';

/** Milliseconds of a turn. */
const TURN = 250;

/**
 * Gets servers ready to be measured: some 100,000 requests each before the compiler has done all that it will.
 * By turns, because a server that is left alone for seconds collects its garbage, and with it the shapes of
 * objects that its compiled code relies on; the first one would be cold again by the time that the last is warm.
 */
export async function warmUp(
  plan: Plan,
  servers: readonly { connections: readonly Connection[] }[],
): Promise<void> {
  for (let spent = 0; spent < plan.warmUp; spent += TURN) {
    for (const { connections } of servers) await hammer(connections, Math.min(TURN, plan.warmUp));
  }
}
