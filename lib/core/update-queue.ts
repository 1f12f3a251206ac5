import { AsyncLocalStorage } from 'node:async_hooks';
import { SessionError } from './errors.js';

/**
 * Lets the updates of one key of one session follow each other, as far as they are of this process: without it each
 * of them would fail against all the others. A waiter goes on without the queue after the given time, since one
 * that never settles must not stop the others.
 */
export class UpdateQueue {
  readonly #patience: number;
  readonly #tails = new Map<string, Promise<unknown>>();
  /** What the update that is running holds, and those around it. */
  readonly #held = new AsyncLocalStorage<ReadonlySet<string>>();

  /** @param patience milliseconds */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /**
   * @param name of what is updated, session and key
   * @param work is told whether others came first, so that what was read before is old
   * @throws SessionError `ERR_UPDATE_NESTED` within an update of the same name, which would wait for itself
   */
  async run<T>(name: string, key: string, work: (waited: boolean) => Promise<T>): Promise<T> {
    const outer = this.#held.getStore();
    if (outer?.has(name)) throw nested(key);
    const before = this.#tails.get(name);
    const turn = this.#turn(before, outer, name, work);
    const tail = turn.then(settled, settled);
    this.#tails.set(name, tail);
    try {
      return await turn;
    } finally {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
  }

  async #turn<T>(
    before: Promise<unknown> | undefined,
    outer: ReadonlySet<string> | undefined,
    name: string,
    work: (waited: boolean) => Promise<T>,
  ): Promise<T> {
    if (before) await atMost(before, this.#patience);
    return this.#held.run(new Set(outer).add(name), () => work(before !== undefined));
  }
}

const settled = (): void => undefined;

function atMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    void promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function nested(key: string): SessionError {
  return new SessionError(
    'ERR_UPDATE_NESTED',
    `session.update('${key}') was called within an update of the same key, which it would wait for. Return the new value from the outer one.`,
  );
}
