/** Runs what has the same key one after the other. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();
  /** Milliseconds after which the caller of `run` has given up, so that what still waits is not begun. */
  timeout = Infinity;

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const done = before ? this.#after(before, work) : work();
    this.#last.set(key, done);
    const forget = (): void => {
      if (this.#last.get(key) === done) this.#last.delete(key);
    };
    done.then(forget, forget);
    return done;
  }

  #after<T>(before: Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    const begin = (): Promise<T> => {
      if (performance.now() - asked < this.timeout) return work();
      return Promise.reject(new Error('The call before this one took too long.'));
    };
    return before.then(begin, begin);
  }
}
