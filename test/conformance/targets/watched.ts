/** What a call of a store does. */
export type Kind = 'read' | 'write';

export const FAILURE = 'this failure was ordered';

/** Counts the calls of a store or list, keeps what they were given, and fails on demand. */
export class Watch {
  reads = 0;
  writes = 0;
  readonly #given: unknown[] = [];
  #failing: Kind | 'all' | undefined;

  /** The same object, with each of these methods watched. Whatever else it has is its own. */
  over<T extends object>(target: T, kinds: Readonly<Record<string, Kind>>): T {
    return new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        const kind = typeof key === 'string' ? kinds[key] : undefined;
        return (...args: unknown[]): unknown => {
          if (kind !== undefined) this.#note(kind, args);
          const failing = kind !== undefined && (this.#failing === 'all' || this.#failing === kind);
          return failing ? Promise.reject(new Error(FAILURE)) : Reflect.apply(value, target, args);
        };
      },
    });
  }

  /** For stores that answer by a callback. Returns the error to answer with, if it is to fail. */
  enter(kind: Kind, args: unknown[]): Error | undefined {
    this.#note(kind, args);
    return this.#failing === 'all' || this.#failing === kind ? new Error(FAILURE) : undefined;
  }

  /** All that it was ever given to write, as text. */
  get given(): string {
    return JSON.stringify(this.#given);
  }

  forget(): void {
    this.reads = this.writes = 0;
  }

  fail(which: 'all' | 'writes'): void {
    this.#failing = which === 'all' ? 'all' : 'write';
  }

  heal(): void {
    this.#failing = undefined;
  }

  #note(kind: Kind, args: unknown[]): void {
    if (kind === 'read') this.reads++;
    else this.writes++;
    if (kind === 'write') this.#given.push(args);
  }
}
