import { setTimeout as wait } from 'node:timers/promises';
import { jsonText, keyName } from '../model/data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded, SessionError } from '../util/errors.js';
import type { SessionOperations } from './operations.js';
import type { RequestState } from './request-state.js';
import { UpdateQueue } from './update-queue.js';

/** Attempts before `update()` gives up. Each round one writer wins, so this is how many may compete. */
const ATTEMPTS = 500;

/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 20;

type Update = (value: unknown) => unknown;

/**
 * Updates one key of the data atomically: compare the revision, write, and if another was faster, take in what it
 * wrote and try again.
 */
export class Updating {
  readonly #context: EngineContext;
  readonly #operations: SessionOperations;
  readonly #queue: UpdateQueue;
  readonly #pause: (milliseconds: number) => Promise<void>;

  constructor(context: EngineContext, operations: SessionOperations) {
    this.#context = context;
    this.#operations = operations;
    this.#queue = new UpdateQueue(context.config.storeTimeout);
    this.#pause = context.config.pause ?? wait;
  }

  /** The comparison is what makes it right; the queue keeps the requests of this process from competing with each other. */
  async update(state: RequestState, key: string, fn: Update): Promise<unknown> {
    keyName(key);
    return this.#queue.run(`${state.id} ${key}`, key, async (waited) => {
      if (state.state.kind === 'anonymous') return updateUnstored(state, key, fn);
      if (this.#context.backend.cookieIsRecord) state.assertReachable();
      if (waited) await this.#operations.reload(state);
      return this.#compete(state, key, fn);
    });
  }

  async #compete(state: RequestState, key: string, fn: Update): Promise<unknown> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (!state.handle) throw sessionEnded();
      const value = await fn(state.bag.stored(key));
      if (await this.#write(state, key, value)) return value;
      await this.#operations.reload(state);
      // Writers that lost to each other by turns would go on losing in step.
      if (attempt > 1) await this.#pause(Math.random() * Math.min(attempt, LONGEST_PAUSE));
    }
    throw new SessionError(
      'ERR_CONFLICT',
      `session.update('${key}'): other requests were faster ${ATTEMPTS} times in a row. Try again later.`,
    );
  }

  /** False where another request was faster. */
  #write(state: RequestState, key: string, value: unknown): Promise<boolean> {
    const text = value === undefined ? undefined : jsonText(key, value);
    state.bag.assertValid(key, text);
    return state.inTurn(() => this.#save(state, key, text));
  }

  async #save(state: RequestState, key: string, text: string | undefined): Promise<boolean> {
    const { backend } = this.#context;
    // The function may have ended the session, or logged in.
    const { handle } = state;
    if (!handle) throw sessionEnded();
    const data = text === undefined ? { set: {}, remove: [key] } : { set: { [key]: text }, remove: [] };
    const saved = await backend.save(handle, { data, exclusive: true }, state.now());
    if (saved.outcome === 'conflict') return false;
    if (saved.outcome === 'gone') {
      state.gone();
      throw sessionEnded();
    }
    state.updated(saved.handle, key, text, backend.cookieIsRecord);
    return true;
  }
}

/** A session that is not stored yet has no other writers. */
async function updateUnstored(state: RequestState, key: string, fn: Update): Promise<unknown> {
  const { proxy } = state.bag;
  const value = await fn(proxy[key]);
  if (value === undefined) delete proxy[key];
  else proxy[key] = value;
  return value;
}
