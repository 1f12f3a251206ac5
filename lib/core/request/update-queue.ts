import { AsyncLocalStorage } from 'node:async_hooks';
import { SessionError } from '../util/errors.js';

/** The updates of one key of one session: those that wait, and when the latest of them went ahead. */
interface Line {
  tail: Promise<unknown>;
  /** By the monotonic clock, in milliseconds. */
  movedAt: number;
}

/** An update that is at work, and the one around it. */
interface Turn {
  readonly name: string;
  readonly outer: Turn | undefined;
  over: boolean;
}

/**
 * Serialises the updates of one key of one session within this process, so that they do not conflict with each other.
 * If no update has started for the given time, the next one starts without waiting longer, because an update that never
 * settles must not block the others.
 */
export class UpdateQueue {
  readonly #patience: number;
  readonly #lines = new Map<string, Line>();
  readonly #turns = new AsyncLocalStorage<Turn>();

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
    const outer = this.#turns.getStore();
    if (isWithin(outer, name)) throw nested(key);
    const line = this.#lines.get(name) ?? { tail: Promise.resolve(), movedAt: performance.now() };
    const before = this.#lines.has(name) ? line.tail : undefined;
    const turn = this.#turn(line, before, { name, outer, over: false }, work);
    const tail = turn.then(ignore, ignore);
    line.tail = tail;
    this.#lines.set(name, line);
    try {
      return await turn;
    } finally {
      if (line.tail === tail) this.#lines.delete(name);
    }
  }

  async #turn<T>(
    line: Line,
    before: Promise<unknown> | undefined,
    turn: Turn,
    work: (waited: boolean) => Promise<T>,
  ): Promise<T> {
    if (before) await this.#wait(line, before);
    line.movedAt = performance.now();
    try {
      return await this.#turns.run(turn, () => work(before !== undefined));
    } finally {
      // What it began and did not wait for may go on in its context.
      turn.over = true;
    }
  }

  /** The timeout restarts whenever an update starts, so that a long queue is not released all at once. */
  async #wait(line: Line, before: Promise<unknown>): Promise<void> {
    for (;;) {
      const left = line.movedAt + this.#patience - performance.now();
      if (left <= 0 || (await settlesWithin(before, left))) return;
    }
  }
}

function isWithin(turn: Turn | undefined, name: string): boolean {
  for (let one = turn; one; one = one.outer) if (one.name === name && !one.over) return true;
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
    `session.update('${key}') was called within an update of the same key and would wait for itself. Return the new value from the outer one.`,
  );
}
