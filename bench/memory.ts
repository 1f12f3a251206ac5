import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Plan } from './options.js';
import { median } from './statistics.js';

export interface Weight {
  store: string;
  sessions: number;
  /** Bytes of heap and buffers for each, the median of the rounds. */
  bytes: number;
  rounds?: number[];
}

/** Enough of them that what a store has once no longer counts, and few enough to weigh them several times. */
export const CENTRAL = 100_000;

export const SIZES: readonly number[] = [1_000, 10_000, CENTRAL, 1_000_000];

/** What a session weighs in memory, each time in a process of its own. */
export function measureMemory(plan: Plan, sizes: readonly number[]): Weight[] {
  return ['nest-sessions', 'express-session'].flatMap((store) =>
    sizes.map((sessions) => {
      // A million takes a while, and comes to the same each time.
      const times = sessions > CENTRAL ? 1 : plan.rounds;
      const rounds = Array.from({ length: times }, () => weigh(plan, store, sessions));
      const bytes = median(rounds);
      console.log(
        `memory     ${store.padEnd(20)} ${String(sessions).padStart(9)} sessions: ${bytes.toFixed(0)} bytes each`,
      );
      return { store, sessions, bytes, rounds };
    }),
  );
}

function weigh({ node }: Plan, store: string, sessions: number): number {
  const main = fileURLToPath(new URL('./server/weigh.js', import.meta.url));
  const flags = ['--expose-gc', '--max-old-space-size=12000'];
  return Number(execFileSync(node, [...flags, main, store, String(sessions)], { encoding: 'utf8' }));
}
