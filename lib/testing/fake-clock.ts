import type { Clock } from '../core/util/clock.js';
import { milliseconds, type Duration } from '../core/util/durations.js';

/** A clock that stands still until it is advanced. Pass it as the option `clock`. */
export class FakeClock implements Clock {
  #now: number;

  /** @param start milliseconds since the epoch, or a date. Default: the beginning of 2030 */
  constructor(start: number | Date = Date.UTC(2030, 0, 1)) {
    this.#now = Number(start);
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#now;
  }

  /** Advances the clock by a duration. */
  advance(by: Duration): void {
    this.#now += milliseconds(by, 'advance');
  }
}
