import type { Awaitable } from '../../../lib/core/storage/store.js';

/** A parser of the library with what must hold for every text that it is given. */
export interface Target {
  readonly name: string;
  /** Texts to begin with: valid ones, and those next to them. */
  readonly seeds: readonly string[];
  /** Words of the grammar, which chance would hardly find. */
  readonly words: readonly string[];
  /** Throws if something does not hold. A parser that others wait for is awaited here, too. */
  check(input: string): Awaitable<void>;
  /** The parser alone, for the measurement of its effort. An error that the parser is meant to throw is caught here. */
  parse(input: string): Awaitable<void>;
}

/** Throws a violation with what was found. */
export function must(holds: boolean, rule: string, found?: unknown): asserts holds {
  if (!holds) throw new Violation(found === undefined ? rule : `${rule}: ${shownOf(found)}`);
}

/** Something that must hold for every input does not. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

function shownOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return typeof value;
  }
}
