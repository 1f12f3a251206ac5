/** Least time between two warnings, in milliseconds. */
const EVERY = 60_000;

/**
 * A warning about an event that clients can cause at any rate: logged at most once a minute, with the number of events
 * since the last warning.
 */
export class Complaint {
  readonly #warn: (message: string) => void;
  readonly #messageOf: (count: number) => string;
  readonly #now: () => number;
  #warnedAt = -Infinity;
  #count = 0;

  /** @param now a monotonic clock, in milliseconds */
  constructor(
    warn: (message: string) => void,
    messageOf: (count: number) => string,
    now: () => number = () => performance.now(),
  ) {
    this.#warn = warn;
    this.#messageOf = messageOf;
    this.#now = now;
  }

  note(times = 1): void {
    this.#count += times;
    const now = this.#now();
    if (now - this.#warnedAt < EVERY) return;
    this.#warnedAt = now;
    const count = this.#count;
    this.#count = 0;
    this.#warn(this.#messageOf(count));
  }
}
