import { join, relative } from 'node:path';
import type { Counters } from './engine/counters.js';
import { explore, type Budget } from './engine/exploration.js';
import { keep, regressionsOf } from './engine/regressions.js';
import { targets } from './targets/all-targets.js';

/** In the checkout, from which npm runs it. */
const REGRESSIONS = join(process.cwd(), 'test', 'fuzz', 'regressions');

/** The budget of CI, which the targets share: as many executions as fit, the same ones each time. */
const EXECUTIONS = 660_000;
const SECONDS = 110;

export interface Wishes {
  /** All of them without it. */
  names: readonly string[] | undefined;
  /** For each target. */
  minutes: number | undefined;
  executions: number | undefined;
  seed: number | undefined;
}

/** Returns the exit code. */
export async function exploreAll(
  counters: Counters,
  { names, minutes, executions, seed }: Wishes,
): Promise<number> {
  const unknown = names?.filter((name) => !targets.some((target) => target.name === name)) ?? [];
  if (unknown.length > 0) {
    console.error(
      `Unknown target: ${unknown.join(', ')}. There are ${targets.map(({ name }) => name).join(', ')}.`,
    );
    return 2;
  }
  const budget = budgetOf(minutes, executions);
  // The same in CI each time, so that a change is the only reason for a failure; in a long run another each time.
  const start = seed ?? (minutes === undefined ? 1 : Date.now() >>> 0);
  let found = 0;
  for (const target of targets.filter(({ name }) => names?.includes(name) ?? true)) {
    const known = regressionsOf(REGRESSIONS, target.name);
    const began = performance.now();
    const result = await explore(
      { ...target, seeds: [...target.seeds, ...known] },
      { seed: start, budget, counters },
    );
    const seconds = (performance.now() - began) / 1000;
    console.log(
      `${target.name.padEnd(14)} ${String(result.executions).padStart(9)} executions, ${result.corpus.length} inputs, ${result.blocks} blocks, ${seconds.toFixed(1)} s, seed ${start}`,
    );
    if (!result.finding) continue;
    found++;
    const path = keep(REGRESSIONS, target.name, result.finding);
    console.error(result.finding.error);
    console.error(
      `It failed for ${JSON.stringify(result.finding.input)}, kept in ${relative(process.cwd(), path)}.`,
    );
  }
  console.log(found === 0 ? 'Nothing was found.' : `${found} targets failed.`);
  return found === 0 ? 0 : 1;
}

function budgetOf(minutes: number | undefined, executions: number | undefined): Budget {
  if (minutes !== undefined) return { executions: executions ?? Infinity, time: minutes * 60_000 };
  if (executions !== undefined) return { executions, time: Infinity };
  return { executions: Math.floor(EXECUTIONS / targets.length), time: (SECONDS * 1000) / targets.length };
}
