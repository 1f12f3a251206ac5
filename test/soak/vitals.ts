import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Findings } from './findings.js';
import type { NodeProcess } from './process.js';

const MB = 1024 * 1024;

/** Caches that fill up, of the verifications and of sealed cookies, may take so much. */
const CACHES = 24 * MB;
/** What is more than that, bytes a minute. */
const SLOPE = 0.5 * MB;
/** Minutes after which the slope is judged as well. */
const LONG = 10;
/**
 * Milliseconds that one in a hundred turns of the event loop may be late. On a busy machine a turn is late although nothing
 * blocks it: what it waited for a processor does not count, nor what this process was late.
 */
const DELAY = 250;

interface Sample {
  /** Milliseconds since the start. */
  at: number;
  heap: number;
  /** How late the process was, which share of the time that it needed a processor it had one, and how late this one was. */
  delay: number;
  share: number;
  here: number;
}

/** Watches the memory and the event loop of a process that is not restarted. */
export class VitalSigns {
  readonly #samples: Sample[] = [];

  async watch(node: NodeProcess, every: number, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const delays = monitorEventLoopDelay({ resolution: 10 });
    delays.enable();
    while (!signal.aborted) {
      await wait(every, undefined, { signal }).catch(() => undefined);
      const vitals = await node.vitals();
      const here = delays.percentile(99) / 1e6;
      delays.reset();
      if (vitals) this.#samples.push({ at: performance.now() - began, ...vitals, here });
    }
    delays.disable();
  }

  judge(findings: Findings): string {
    // The first part of a run is for compiling and for caches.
    const rest = this.#samples.slice(Math.floor(this.#samples.length / 3));
    const [first, last] = [rest[0], rest.at(-1)];
    if (!first || !last || rest.length < 3) {
      findings.fail('too few samples of the memory', String(this.#samples.length));
      return 'no vital signs';
    }
    const minutes = (last.at - first.at) / 60_000;
    const slope = slopeOf(rest) * 60_000;
    const growth = last.heap - first.heap;
    const latest = this.#samples.reduce((one, other) => (lag(other) > lag(one) ? other : one));
    if (growth > CACHES + SLOPE * minutes)
      findings.fail('memory that grows', `${mb(growth)} in ${minutes.toFixed(1)} minutes`);
    // A cache is full after some minutes, whatever it holds.
    if (minutes > LONG && slope > SLOPE) findings.fail('memory that grows', `${mb(slope)} a minute`);
    const late = `${Math.round(latest.delay)} ms (99th percentile) with ${Math.round(100 * latest.share)} % of a processor, and here ${Math.round(latest.here)} ms`;
    if (lag(latest) > DELAY) findings.fail('an event loop that is blocked', late);
    return [
      `heap ${mb(first.heap)} → ${mb(last.heap)} in ${minutes.toFixed(1)} min after the warm-up (limit +${mb(CACHES)} and ${mb(SLOPE)}/min)`,
      `slope ${mb(slope)}/min${minutes > LONG ? ` (limit ${mb(SLOPE)}/min)` : ''}; event loop late by ${late} at most (limit ${DELAY} ms more)`,
    ].join('\n  ');
  }
}

const lag = ({ delay, share, here }: Sample): number => delay * share - here;

/** Least squares: bytes a millisecond. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [at, heap] = [mean((one) => one.at), mean((one) => one.heap)];
  const covariance = mean((one) => (one.at - at) * (one.heap - heap));
  return covariance / mean((one) => (one.at - at) ** 2);
}

const mb = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;
