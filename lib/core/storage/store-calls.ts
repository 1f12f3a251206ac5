import type { Clock } from '../util/clock.js';
import { observedStore, type StoreOperations } from '../diagnostics/observed.js';
import { newId } from '../token/ids.js';
import { isSessionError, unavailable } from '../util/errors.js';
import type { BackendContext } from './backend.js';
import { StoreHealth } from './health/store-health.js';
import type { Awaitable, CallReport, SessionStore } from './store.js';

/** Calls the methods of a store, each with its own timeout, and reports how they went. */
export class StoreCalls {
  /** The clock of this node. */
  readonly clock: Clock;
  /** Whether all nodes use the clock of the store. */
  readonly hasSharedClock: boolean;
  readonly health: StoreHealth;
  readonly #store: StoreOperations;
  readonly #timeout: number;

  constructor(store: SessionStore, context: BackendContext) {
    const { clock, clockInjected, timeout } = context;
    this.clock = clock;
    this.health = new StoreHealth('store', context);
    this.hasSharedClock = !clockInjected && store.time !== undefined;
    this.#store = observedStore('store', store);
    this.#timeout = timeout;
  }

  /** Reads from the store. Any error becomes `ERR_STORE_UNAVAILABLE`, and so does a response that takes too long. */
  read<T>(operation: (store: StoreOperations) => Awaitable<T>): Awaitable<T> {
    return this.#call(operation, this.health.read);
  }

  /** As {@link read}, for a call that changes something. */
  write<T>(operation: (store: StoreOperations) => Awaitable<T>): Awaitable<T> {
    return this.#call(operation, this.health.write);
  }

  #call<T>(operation: (store: StoreOperations) => Awaitable<T>, report: CallReport): Awaitable<T> {
    let response: Awaitable<T>;
    try {
      response = operation(this.#store);
    } catch (error) {
      report.failed(error);
      throw unavailable(error);
    }
    if (response instanceof Promise) return inTime(response, this.#timeout, report);
    report.succeeded();
    return response;
  }

  /** As {@link write}, but its outcome is not reported: for a call that may fail because of another one. */
  attempt<T>(operation: (store: SessionStore) => Awaitable<T>): Promise<T> {
    return inTime(new Promise<T>((resolve) => resolve(operation(this.#store))), this.#timeout);
  }

  /** @throws SessionError `ERR_STORE_UNAVAILABLE` if the store does not respond in time */
  async ping(): Promise<void> {
    await this.read(pingStore);
  }

  /** The time by the store's clock, in milliseconds since the epoch. `undefined` if the nodes use their own clocks. */
  sharedTime(): Awaitable<number> | undefined {
    const { time } = this.#store;
    return time && this.hasSharedClock ? this.read((store) => time.call(store)) : undefined;
  }
}

/** Without a `ping` of its own a store is asked for a session that does not exist. */
export const pingStore = (store: StoreOperations): Awaitable<unknown> =>
  store.ping ? store.ping() : store.load(newId());

const TIMEOUT = 'TimeoutError';

/** Whether the store did not respond in time. Callers do not wait for such a store again. */
export const isTimeout = (error: unknown): boolean =>
  isSessionError(error) && error.cause instanceof Error && error.cause.name === TIMEOUT;

/** Whether the store rejected a create, so that no record can remain. */
export const isSettled = (error: unknown): boolean =>
  isSessionError(error) && (error.code === 'ERR_SESSION_LIMIT' || error.code === 'ERR_LOGIN_REVOKED');

/**
 * Rejects with `ERR_STORE_UNAVAILABLE` if the promise rejects or takes longer than `timeout` milliseconds.
 *
 * @param report gets the outcome once; a response that comes too late is a failure
 */
export function inTime<T>(response: Promise<T>, timeout: number, report?: CallReport): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      const error = Object.assign(new Error(`no response within ${timeout} ms`), { name: TIMEOUT });
      report?.failed(error);
      reject(unavailable(error));
    }, timeout);
    response.then(
      (value) => {
        clearTimeout(timer);
        if (!late) report?.succeeded();
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        if (!late) report?.failed(error);
        reject(unavailable(error));
      },
    );
  });
}
