/** Runs the changes of one session one after the other, in the order of the calls. */
export class ChangeQueue {
  /** The last change, until it is done. */
  #last: Promise<void> | undefined;

  /** Whether a change is in progress or waits for its turn. */
  get busy(): boolean {
    return this.#last !== undefined;
  }

  /** The result or error of `work`. A change that fails does not stop those behind it. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = (this.#last ?? Promise.resolve()).then(work);
    const last = turn.then(ignore, ignore).then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
    return turn;
  }
}

const ignore = (): void => undefined;
