/**
 * A promise that knows whether anything handles it: `await`, `then()`, `catch()` or `finally()`. If nothing does, its
 * rejection is no `unhandledRejection`, which would end the process; the function that made the promise deals with it.
 */
export class TrackedPromise<T> extends Promise<T> {
  #handled = false;

  /** Promises that are derived from it are plain ones, so a rejection that they do not handle is Node's to report. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** @param unhandled called with the error, once, if nothing handles the promise when it rejects */
  static of<T>(
    work: Promise<T>,
    unhandled: (error: unknown, call: TrackedPromise<T>) => void,
  ): TrackedPromise<T> {
    const tracked = new TrackedPromise<T>((resolve) => resolve(work));
    void super.prototype.then.call(tracked, undefined, (error: unknown) => {
      if (!tracked.#handled) unhandled(error, tracked);
    });
    return tracked;
  }

  get handled(): boolean {
    return this.#handled;
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#handled = true;
    return super.then(onFulfilled, onRejected);
  }
}
