import type { Clock } from '../core/util/clock.js';
import { milliseconds, type Duration } from '../core/util/durations.js';

interface Waiting {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is advanced. Pass it as the option `clock`. Advancing it also ends what waits by it:
 * sockets and streams whose session times out are closed.
 */
export class FakeClock implements Clock {
  #now: number;
  readonly #waiting = new Set<Waiting>();

  /** @param start milliseconds since the epoch, or a date. Default: the beginning of 2030 */
  constructor(start: number | Date = Date.UTC(2030, 0, 1)) {
    this.#now = Number(start);
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now;
  }

  /** Advances the clock by a duration. What waits by it is called meanwhile, in the order of time. */
  advance(by: Duration): void {
    const until = this.#now + milliseconds(by, 'advance');
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#waiting.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = until;
  }

  /** Calls back once the clock has been advanced by so many milliseconds. Returns a function that calls it off. */
  after(milliseconds: number, callback: () => void): () => void {
    const waiting = { at: this.#now + milliseconds, callback };
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  #next(until: number): Waiting | undefined {
    let next: Waiting | undefined;
    for (const one of this.#waiting) if (one.at <= until && !(next && next.at <= one.at)) next = one;
    return next;
  }
}
