import { Reached, type Counters } from './counters.js';
import { checkEffort } from './effort.js';
import { Mutator } from './mutator.js';
import { assertUnpolluted } from './pollution.js';
import { Random } from './random.js';
import { shrink } from './shrink.js';
import type { Target } from './target.js';

export interface Budget {
  executions: number;
  /** Milliseconds that it may take at most. */
  time: number;
}

export interface Finding {
  /** As short as it could be made. */
  input: string;
  error: unknown;
}

export interface Exploration {
  executions: number;
  /** Inputs that reached something new. */
  corpus: readonly string[];
  blocks: number;
  finding: Finding | undefined;
}

/** What is not counted, such as a regular expression, shows no new effort: so some other inputs are measured, too. */
const EFFORT_EVERY = 512;

/** Explores a target with inputs that are made of those which reached something new, until one of them fails. */
export async function explore(
  target: Target,
  { seed, budget, counters }: { seed: number; budget: Budget; counters: Counters },
): Promise<Exploration> {
  const random = new Random(seed);
  const mutator = new Mutator(random, target.words);
  const reached = new Reached(counters);
  const corpus: string[] = [];
  const end = performance.now() + budget.time;
  let executions = 0;

  /** @param always whether the input is kept even if it reaches nothing new */
  const attempt = async (input: string, always = false): Promise<Finding | undefined> => {
    executions++;
    counters.reset();
    const failure = await failureOf(target, input);
    if (failure)
      return {
        ...failure,
        input: await shrink(input, async (shorter) => (await failureOf(target, shorter)) !== undefined),
      };
    const kept = reached.add() || always;
    if (kept) corpus.push(input);
    if (!kept && executions % EFFORT_EVERY !== 0) return undefined;
    return effortOf(target, input, random, counters);
  };

  for (const input of ['', ...target.seeds]) {
    const finding = await attempt(input, true);
    if (finding) return { executions, corpus, blocks: reached.blocks, finding };
  }
  while (executions < budget.executions && (executions % 64 !== 0 || performance.now() < end)) {
    const finding = await attempt(mutator.mutate(chosen(corpus, random), random.pick(corpus)));
    if (finding) return { executions, corpus, blocks: reached.blocks, finding };
  }
  return { executions, corpus, blocks: reached.blocks, finding: undefined };
}

/** The latest ones more often: what comes next after them is least known. */
const chosen = (corpus: readonly string[], random: Random): string =>
  random.once(2)
    ? random.pick(corpus)
    : corpus[corpus.length - 1 - random.below(Math.min(corpus.length, 24))]!;

export async function failureOf(target: Target, input: string): Promise<{ error: unknown } | undefined> {
  try {
    await target.check(input);
    assertUnpolluted();
    return undefined;
  } catch (error) {
    return { error };
  }
}

async function effortOf(
  target: Target,
  input: string,
  random: Random,
  counters: Counters,
): Promise<Finding | undefined> {
  try {
    await checkEffort(target, input, random, counters);
    return undefined;
  } catch (error) {
    return { input, error };
  }
}
