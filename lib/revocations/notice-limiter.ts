/** Notices in a row that are followed by a query at once. */
const BURST = 25;

/** Milliseconds between two queries after that, so at most 50 a second under a flood of notices. */
const SPACING = 20;

/** Limits how often notices cause a query. Notices that arrive before a query starts share it. */
export class NoticeLimiter {
  readonly #query: () => void;
  #waiting = false;
  /** When the queries so far are paid for at one every {@link SPACING}, by the monotonic clock. */
  #paidUntil = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(query: () => void) {
    this.#query = query;
  }

  notice(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const now = performance.now();
    const paidUntil = Math.max(this.#paidUntil, now) + SPACING;
    const early = paidUntil - now - BURST * SPACING;
    const start = () => {
      this.#waiting = false;
      this.#paidUntil = paidUntil;
      this.#query();
    };
    if (early <= 0) start();
    else this.#timer = setTimeout(start, early).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting = false;
  }
}
