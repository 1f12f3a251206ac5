import { LRUCache } from 'lru-cache';
import type { Clock } from '../util/clock.js';

/** Bad tokens from one address within a minute before the event `guessing` is emitted. */
export const GUESSES = 10;
const WINDOW = 60_000;

interface Tally {
  since: number;
  count: number;
}

/** Counts bad tokens by address, bounded in memory, so that guessing shows up in the events. */
export class GuessCounter {
  readonly #tallies = new LRUCache<string, Tally>({ max: 1000 });
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The count where it is worth an event: at every tenth of a minute's bad tokens. */
  count(address: string): number | undefined {
    const now = this.#clock.now();
    let tally = this.#tallies.get(address);
    if (!tally || now - tally.since >= WINDOW) {
      tally = { since: now, count: 0 };
      this.#tallies.set(address, tally);
    }
    tally.count++;
    return tally.count % GUESSES === 0 ? tally.count : undefined;
  }
}
