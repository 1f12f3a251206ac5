import { setTimeout as wait } from 'node:timers/promises';
import type { Findings } from './findings.js';
import type { NodeProcess } from './process.js';

const MB = 1024 * 1024;

/** Caches that fill up, of the verifications and of sealed cookies, may take so much. */
const CACHES = 24 * MB;
/** What is more than that, bytes a minute. */
const SLOPE = 0.5 * MB;
/** Milliseconds that one in a hundred turns of the event loop may be late, on a machine that is busy with the load as well. */
const DELAY = 250;

interface Sample {
  /** Milliseconds since the start. */
  at: number;
  heap: number;
  delay: number;
}

/** Watches the memory and the event loop of a process that is not restarted. */
export class VitalSigns {
  readonly #samples: Sample[] = [];

  async watch(node: NodeProcess, every: number, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    while (!signal.aborted) {
      await wait(every, undefined, { signal }).catch(() => undefined);
      const vitals = await node.vitals();
      if (vitals) this.#samples.push({ at: performance.now() - began, ...vitals });
    }
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
    const most = Math.max(...this.#samples.map(({ delay }) => delay));
    if (growth > CACHES + SLOPE * minutes)
      findings.fail('memory that grows', `${mb(growth)} in ${minutes.toFixed(1)} minutes`);
    // A cache is full after some minutes, whatever it holds.
    if (minutes > 10 && slope > SLOPE) findings.fail('memory that grows', `${mb(slope)} a minute`);
    if (most > DELAY)
      findings.fail('an event loop that is blocked', `${Math.round(most)} ms (99th percentile)`);
    return [
      `heap ${mb(first.heap)} → ${mb(last.heap)} in ${minutes.toFixed(1)} min after the warm-up (limit +${mb(CACHES)} and ${mb(SLOPE)}/min)`,
      `slope ${mb(slope)}/min; event loop late by ${Math.round(most)} ms at most (99th percentile, limit ${DELAY} ms)`,
    ].join('\n  ');
  }
}

/** Least squares: bytes a millisecond. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [at, heap] = [mean((one) => one.at), mean((one) => one.heap)];
  const covariance = mean((one) => (one.at - at) * (one.heap - heap));
  return covariance / mean((one) => (one.at - at) ** 2);
}

const mb = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;
