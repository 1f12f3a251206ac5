import type { SessionEvent } from '../events/events.js';
import type { BackendContext } from './backend.js';
import type { SessionStore } from './store.js';

/** Least time between two warnings, in milliseconds. */
const WARN_EVERY = 60_000;

/** Exchanges events with the other nodes through a store. A failure is logged and never thrown. */
export class StoreEvents {
  readonly #store: SessionStore;
  readonly #warn: BackendContext['warn'];
  #unsubscribe: (() => void) | undefined;
  #warnedAt = -Infinity;

  constructor(store: SessionStore, context: BackendContext) {
    this.#store = store;
    this.#warn = (message) => context.warn(message);
  }

  publish(event: SessionEvent): void {
    try {
      // An async implementation also fits the type, and may reject.
      const result: unknown = this.#store.publish?.(event);
      Promise.resolve(result).catch(() => this.#warnFailed());
    } catch {
      this.#warnFailed();
    }
  }

  subscribe(listener: (event: SessionEvent) => void): void {
    try {
      this.#unsubscribe = this.#store.subscribe?.(listener);
    } catch {
      this.#warnFailed();
    }
  }

  unsubscribe(): void {
    this.#unsubscribe?.();
  }

  /** Warns at most once a minute, and without the error, since a driver's error may contain the published event. */
  #warnFailed(): void {
    const now = performance.now();
    if (now - this.#warnedAt < WARN_EVERY) return;
    this.#warnedAt = now;
    this.#warn(
      'The session store failed to publish or to receive events. Other nodes do not receive the events of this node, or the reverse. The end of a session does not depend on events.',
    );
  }
}
