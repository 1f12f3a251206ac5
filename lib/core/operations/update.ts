import { conflicts } from '../diagnostics/channels.js';
import { keyName } from '../model/data-checks.js';
import type { EngineContext } from '../request/engine-context.js';
import { sessionEnded } from '../util/errors.js';
import { Attempts } from './attempts.js';
import type { SessionOperations } from './operations.js';
import type { RequestState } from '../request/request-state.js';
import { keyShown } from '../util/texts.js';
import { UpdateQueue } from './update-queue.js';

type Update = (value: unknown) => unknown;

/**
 * Updates one key of the data atomically. After a conflict with another request, the function is called again with the
 * value that the other request has written.
 */
export class Updating {
  readonly #context: EngineContext;
  readonly #operations: SessionOperations;
  readonly #queue: UpdateQueue;

  constructor(context: EngineContext, operations: SessionOperations) {
    this.#context = context;
    this.#operations = operations;
    this.#queue = new UpdateQueue(context.config.storeTimeout);
  }

  /**
   * The comparison of revisions alone makes the update atomic. The queue only avoids conflicts between requests of this
   * process.
   */
  async update(state: RequestState, key: string, fn: Update): Promise<unknown> {
    keyName(key);
    return this.#queue.run(`${state.id} ${key}`, key, async (waited) => {
      if (state.state.kind === 'anonymous') return updateUnstored(state, key, fn);
      if (this.#context.backend.cookieIsRecord) state.response.assertReachable();
      if (waited) await this.#operations.reload(state);
      return this.#attempt(state, key, fn);
    });
  }

  async #attempt(state: RequestState, key: string, fn: Update): Promise<unknown> {
    const attempts = new Attempts(`session.update('${keyShown(key)}')`, this.#context.config);
    for (;;) {
      if (!state.handle) throw sessionEnded();
      const value = await fn(state.bag.stored(key));
      if (await this.#write(state, key, value)) return value;
      await this.#operations.reload(state);
      await attempts.again();
    }
  }

  /** False after a conflict with another request. */
  #write(state: RequestState, key: string, value: unknown): Promise<boolean> {
    const text = state.bag.textFor(key, value);
    // The function may have taken longer than the response. In a store the value is kept all the same.
    if (this.#context.backend.cookieIsRecord) state.response.assertAnswerable();
    return state.inTurn(() => this.#save(state, key, text));
  }

  async #save(state: RequestState, key: string, text: string | undefined): Promise<boolean> {
    const { backend } = this.#context;
    // The callback may have ended the session, or logged in.
    const { handle } = state;
    if (!handle) throw sessionEnded();
    const data = text === undefined ? { set: {}, remove: [key] } : { set: { [key]: text }, remove: [] };
    const saved = await backend.save(handle, { data, exclusive: true }, state.now());
    if (saved.outcome === 'conflict') {
      if (conflicts.hasSubscribers) conflicts.publish({ id: state.id });
      return false;
    }
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
  // Throws if the value cannot be stored; then nothing is assigned.
  state.bag.textFor(key, value);
  if (value === undefined) delete proxy[key];
  else proxy[key] = value;
  return value;
}
