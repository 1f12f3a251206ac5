import type { Violation } from './oracle.js';
import { Run } from './run.js';
import { scenario, Tape, type Focus, type Op, type Scenario } from './scenario.js';
import { World } from './world.js';

export interface Finding {
  seed: number;
  violation: Violation;
}

export interface Search {
  focus?: Focus | undefined;
  /** Called after each interleaving. */
  onRun?: () => void;
}

/**
 * Runs the interleavings of these seeds, until one violates an invariant.
 *
 * @param worlds run at the same time, so that those over a server do not wait for each other's round trips
 */
export async function explore(
  worlds: World | readonly World[],
  from: number,
  count: number,
  { focus, onRun }: Search = {},
): Promise<Finding | undefined> {
  let next = from;
  let found: Finding | undefined;
  const search = async (world: World): Promise<void> => {
    while (!found && next < from + count) {
      const seed = next++;
      const violation = await new Run(world, scenario(seed, focus)).execute();
      onRun?.();
      if (violation) found ??= { seed, violation };
    }
  };
  await Promise.all((worlds instanceof World ? [worlds] : worlds).map(search));
  return found;
}

/** The least that still fails in the same way, and how. */
export async function explain(world: World, seed: number): Promise<string> {
  const first = scenario(seed);
  const violation = await new Run(world, first).execute();
  if (!violation) return `seed ${seed} does not fail when it is repeated`;
  const least = await shrink(world, first, violation);
  const trace: string[] = [];
  const last = await new Run(world, { ...least, tape: least.tape.replay() }, trace).execute();
  return [`seed ${seed}: ${violation.message}`, ...trace, `      ${String(last?.message)}`].join('\n');
}

/** Attempts to make a failing run smaller. */
const SHRINK_RUNS = 3_000;

async function shrink(world: World, first: Scenario, { invariant }: Violation): Promise<Scenario> {
  let best: Scenario = { ...first, tape: first.tape.replay() };
  let budget = SHRINK_RUNS;
  const fails = async (candidate: Scenario): Promise<boolean> => {
    if (budget-- <= 0) return false;
    const found = await new Run(world, { ...candidate, tape: candidate.tape.replay() }).execute();
    if (found?.invariant !== invariant) return false;
    best = candidate;
    return true;
  };
  for (let round = 0, smaller = true; smaller && round < 8; round++) {
    smaller = false;
    for (let i = best.ops.length - 1; i >= 0; i--) {
      if (await fails({ ...best, ops: best.ops.filter((_, at) => at !== i) })) smaller = true;
    }
    for (let i = best.ops.length - 1; i >= 0; i--) {
      for (const calm of CALMER) {
        const ops = best.ops.map((op, at) => (at === i ? { ...op, ...calm } : op));
        if (JSON.stringify(ops) !== JSON.stringify(best.ops) && (await fails({ ...best, ops })))
          smaller = true;
      }
    }
    // Two choices a step: whole steps first.
    for (let length = 64; length >= 1; length >>= 1) {
      for (let at = 0; at < best.tape.values.length; at += length) {
        const { values } = best.tape;
        const cut = [...values.slice(0, at), ...values.slice(at + length)];
        if (await fails({ ...best, tape: new Tape(cut) })) smaller = true;
        const zeroed = values.map((value, i) => (i >= at && i < at + length ? 0 : value));
        if (
          zeroed.some((value, i) => value !== best.tape.values[i]) &&
          (await fails({ ...best, tape: new Tape(zeroed) }))
        )
          smaller = true;
      }
    }
  }
  return best;
}

const CALMER: readonly Partial<Op>[] = [
  { fails: false },
  { passive: false },
  { slow: false },
  { age: 0 },
  { advance: 0 },
  { response: 'kept' },
  { keep: false },
  { node: 0 },
  { user: 0 },
  { speed: 1 },
];
