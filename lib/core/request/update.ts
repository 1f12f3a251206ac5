import { setTimeout as wait } from 'node:timers/promises';
import { jsonText, keyName } from '../model/data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded, SessionError } from '../util/errors.js';
import type { SessionLifecycle } from './operations.js';
import { CookieFate, Lifecycle, type Unit } from './request-state.js';
import { UpdateQueue } from './update-queue.js';

/** Attempts before `update()` gives up. Each round one writer wins, so this is how many may compete. */
const ATTEMPTS = 500;

/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE = 20;

type Update = (value: unknown) => unknown;

/**
 * Changes one key of the data atomically: compare the revision, write, and if another was faster, take in what it
 * wrote and try again.
 */
export class Updating {
  readonly #context: EngineContext;
  readonly #lifecycle: SessionLifecycle;
  readonly #queue: UpdateQueue;
  readonly #pause: (milliseconds: number) => Promise<void>;

  constructor(context: EngineContext, lifecycle: SessionLifecycle) {
    this.#context = context;
    this.#lifecycle = lifecycle;
    this.#queue = new UpdateQueue(context.config.storeTimeout);
    this.#pause = context.config.pause ?? wait;
  }

  /** The comparison is what makes it right; the queue keeps the requests of this process from competing with each other. */
  async update(unit: Unit, key: string, fn: Update): Promise<unknown> {
    keyName(key);
    return this.#queue.run(`${unit.id} ${key}`, key, async (waited) => {
      if (unit.lifecycle === Lifecycle.New) return updateUnstored(unit, key, fn);
      if (this.#context.keeper.cookieIsRecord) unit.assertReachable();
      if (waited) await this.#lifecycle.reload(unit);
      return this.#compete(unit, key, fn);
    });
  }

  async #compete(unit: Unit, key: string, fn: Update): Promise<unknown> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (!unit.held) throw sessionEnded();
      const value = await fn(unit.bag.stored(key));
      if (await this.#write(unit, key, value)) return value;
      await this.#lifecycle.reload(unit);
      // Writers that lost to each other by turns would go on losing in step.
      if (attempt > 1) await this.#pause(Math.random() * Math.min(attempt, LONGEST_PAUSE));
    }
    throw new SessionError(
      'ERR_CONFLICT',
      `session.update('${key}'): other requests were faster ${ATTEMPTS} times in a row. Try again later.`,
    );
  }

  /** False where another request was faster. */
  #write(unit: Unit, key: string, value: unknown): Promise<boolean> {
    const text = value === undefined ? undefined : jsonText(key, value);
    unit.bag.assertValid(key, text);
    return unit.inTurn(() => this.#save(unit, key, text));
  }

  async #save(unit: Unit, key: string, text: string | undefined): Promise<boolean> {
    const { keeper } = this.#context;
    // The function may have ended the session, or logged in.
    const { held } = unit;
    if (!held) throw sessionEnded();
    const data = text === undefined ? { set: {}, remove: [key] } : { set: { [key]: text }, remove: [] };
    const saved = await keeper.save(held, { data, exclusive: true }, unit.now());
    if (saved.outcome === 'conflict') return false;
    if (saved.outcome === 'gone') {
      unit.lose();
      throw sessionEnded();
    }
    unit.held = saved.held;
    unit.bag.accept(key, text);
    if (keeper.cookieIsRecord) unit.fate = CookieFate.Set;
    return true;
  }
}

/** A session that is not stored yet has no other writers. */
async function updateUnstored(unit: Unit, key: string, fn: Update): Promise<unknown> {
  const { proxy } = unit.bag;
  const value = await fn(proxy[key]);
  if (value === undefined) delete proxy[key];
  else proxy[key] = value;
  return value;
}
