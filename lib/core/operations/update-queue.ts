import { AsyncLocalStorage } from 'node:async_hooks';
import { SessionError } from '../util/errors.js';
import { keyShown } from '../util/texts.js';

/** The updates of one key of one session: the last one queued, and when the latest one started. */
interface Queue {
  tail: Promise<unknown>;
  /** By the monotonic clock, in milliseconds. */
  startedAt: number;
}

/** An update that runs, and the one that called it. */
interface Turn {
  readonly name: string;
  readonly outer: Turn | undefined;
  done: boolean;
}

/**
 * Serialises the updates of one key of one session within this process, so that they do not conflict with each other.
 * If no update has started for the given time, the next one starts without waiting longer, because an update that never
 * settles must not block the others.
 */
export class UpdateQueue {
  readonly #maxWait: number;
  readonly #queues = new Map<string, Queue>();
  readonly #turns = new AsyncLocalStorage<Turn>();

  /** @param maxWait milliseconds after which an update starts although the one before it has not settled */
  constructor(maxWait: number) {
    this.#maxWait = maxWait;
  }

  /**
   * @param name identifies the session and the key
   * @param work gets whether it waited for another update, so that data read before is outdated
   * @throws SessionError `ERR_UPDATE_NESTED` within an update of the same name, which would wait for itself
   */
  async run<T>(name: string, key: string, work: (waited: boolean) => Promise<T>): Promise<T> {
    const outer = this.#turns.getStore();
    if (isWithin(outer, name)) throw nested(key);
    const queue = this.#queues.get(name) ?? { tail: Promise.resolve(), startedAt: performance.now() };
    const before = this.#queues.has(name) ? queue.tail : undefined;
    const turn = this.#turn(queue, before, { name, outer, done: false }, work);
    const tail = turn.then(ignore, ignore);
    queue.tail = tail;
    this.#queues.set(name, queue);
    try {
      return await turn;
    } finally {
      if (queue.tail === tail) this.#queues.delete(name);
    }
  }

  async #turn<T>(
    queue: Queue,
    before: Promise<unknown> | undefined,
    turn: Turn,
    work: (waited: boolean) => Promise<T>,
  ): Promise<T> {
    if (before) await this.#wait(queue, before);
    queue.startedAt = performance.now();
    try {
      return await this.#turns.run(turn, () => work(before !== undefined));
    } finally {
      // Calls that the update did not await may still run in its async context.
      turn.done = true;
    }
  }

  /** The timeout restarts whenever an update starts, so that a long queue is not released all at once. */
  async #wait(queue: Queue, before: Promise<unknown>): Promise<void> {
    for (;;) {
      const left = queue.startedAt + this.#maxWait - performance.now();
      if (left <= 0 || (await settlesWithin(before, left))) return;
    }
  }
}

function isWithin(turn: Turn | undefined, name: string): boolean {
  for (let one = turn; one; one = one.outer) if (one.name === name && !one.done) return true;
  return false;
}

const ignore = (): void => undefined;

function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

function nested(key: string): SessionError {
  return new SessionError(
    'ERR_UPDATE_NESTED',
    `session.update('${keyShown(key)}') was called within an update of the same key and would wait for itself. Return the new value from the outer one.`,
  );
}
