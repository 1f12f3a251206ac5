import type { Counters } from './counters.js';
import type { Random } from './random.js';
import { must, type Target } from './target.js';

const SHORT = 512;
const TIMES = 16;
const LONG = 64 * 1024;

/** How much more than linear the steps may grow: a first pass over the text may be left out for a short one. */
const SLACK = 3;

/** Fewer steps than this are no effort. */
const FEW = 2_000;

/** Microseconds of CPU that a linear parser never needs for a text of {@link LONG}, on a busy machine either. */
const SLOW = 400_000;

/**
 * Measures whether the effort grows faster than the input: by the steps of the parser for a text and for one of sixteen
 * times its length, and for what is not counted, such as regular expressions, by the time of the CPU.
 */
export async function checkEffort(
  target: Target,
  input: string,
  random: Random,
  counters: Counters,
): Promise<void> {
  const from = random.below(input.length + 1);
  const to = from + 1 + random.below(Math.max(1, Math.min(64, input.length - from)));
  const [head, part, tail] = [input.slice(0, from), input.slice(from, to) || 'a', input.slice(to)];
  const pumped = (length: number): string => head + part.repeat(Math.ceil(length / part.length)) + tail;
  const few = await stepsOf(target, pumped(SHORT), counters);
  const many = await stepsOf(target, pumped(SHORT * TIMES), counters);
  must(many <= Math.max(FEW, few * TIMES * SLACK), 'the effort grows faster than the input', {
    head,
    part,
    tail,
    few,
    many,
  });
  const long = pumped(LONG);
  // A pause of the machine hits one measurement, and hardly three.
  for (let time = await cpuTimeOf(target, long), left = 2; time >= SLOW; left--) {
    must(left > 0, 'a long input takes too long', { head, part, tail });
    time = await cpuTimeOf(target, long);
  }
}

async function stepsOf(target: Target, input: string, counters: Counters): Promise<number> {
  counters.reset();
  await target.parse(input);
  return counters.steps;
}

async function cpuTimeOf(target: Target, input: string): Promise<number> {
  const before = process.cpuUsage();
  await target.parse(input);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
