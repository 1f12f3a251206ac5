/** Blocks of the instrumented code, at most. */
const MOST = 1 << 14;

const SLOT = Symbol.for('nest-sessions/fuzz');

/** How the instrumented code finds the counters. */
export const COUNTERS = `globalThis[Symbol.for('nest-sessions/fuzz')]`;

/**
 * How often each block of the instrumented code was entered. Counted by code that is inserted into each block, because
 * the coverage of V8 takes about a millisecond to read, and a parser a few microseconds.
 */
export class Counters {
  readonly #counts: Uint32Array;
  #used = 0;

  private constructor(counts: Uint32Array) {
    this.#counts = counts;
  }

  /** Must be called before instrumented code is loaded. */
  static install(): Counters {
    const counts = new Uint32Array(MOST);
    Object.defineProperty(globalThis, SLOT, { value: counts, configurable: true });
    return new Counters(counts);
  }

  /** The index of one more block. */
  reserve(): number {
    if (this.#used === MOST) throw new Error(`There are more than ${MOST} blocks. Instrument fewer files.`);
    return this.#used++;
  }

  get size(): number {
    return this.#used;
  }

  reset(): void {
    this.#counts.fill(0, 0, this.#used);
  }

  at(block: number): number {
    return this.#counts[block]!;
  }

  /** The blocks that were entered since the reset, each time counted: the effort, whatever the machine is doing. */
  get steps(): number {
    let sum = 0;
    for (let block = 0; block < this.#used; block++) sum += this.#counts[block]!;
    return sum;
  }
}

/** What all inputs so far have reached: each block, and each order of magnitude of how often it was entered. */
export class Reached {
  readonly #counters: Counters;
  readonly #seen = new Uint8Array(MOST);
  #features = 0;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  get features(): number {
    return this.#features;
  }

  /** Blocks that were entered at all. */
  get blocks(): number {
    return this.#seen.reduce((sum, seen) => sum + (seen === 0 ? 0 : 1), 0);
  }

  /** Takes over what the counters show. True if something of it is new. */
  add(): boolean {
    let found = false;
    for (let block = 0; block < this.#counters.size; block++) {
      const count = this.#counters.at(block);
      if (count === 0) continue;
      const bit = 1 << magnitudeOf(count);
      if ((this.#seen[block]! & bit) !== 0) continue;
      this.#seen[block]! |= bit;
      this.#features++;
      found = true;
    }
    return found;
  }
}

/** 1, 2, 3, 4 and more, 8, 16, 32, 128: a loop that turns once more is of interest only at first. */
function magnitudeOf(count: number): number {
  if (count <= 3) return count - 1;
  if (count < 8) return 3;
  if (count < 16) return 4;
  if (count < 32) return 5;
  return count < 128 ? 6 : 7;
}
