import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Plan } from './options.js';

export interface Weight {
  store: string;
  sessions: number;
  /** Bytes of heap and buffers for each. */
  bytes: number;
}

const SIZES = [1_000, 10_000, 100_000, 1_000_000];

/** What a session weighs in memory, each count in a process of its own. */
export function measureMemory(plan: Plan): Weight[] {
  const main = fileURLToPath(new URL('./server/weigh.js', import.meta.url));
  return ['nest-sessions', 'express-session'].flatMap((store) =>
    SIZES.map((sessions) => {
      const flags = ['--expose-gc', '--max-old-space-size=12000'];
      const bytes = Number(
        execFileSync(plan.node, [...flags, main, store, String(sessions)], { encoding: 'utf8' }),
      );
      console.log(
        `memory     ${store.padEnd(20)} ${String(sessions).padStart(9)} sessions: ${bytes.toFixed(0)} bytes each`,
      );
      return { store, sessions, bytes };
    }),
  );
}
