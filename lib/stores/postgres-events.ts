import { createHash, randomUUID } from 'node:crypto';
import type { SessionEvent } from '../core/events.js';
import { PostgresListener } from './postgres-listener.js';
import { ask, type PostgresPool } from './postgres-pool.js';

/** Tells other nodes of endings by NOTIFY and hears theirs by LISTEN, from the first listener to the last. */
export class PostgresEvents {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #warn: (message: string) => void;
  readonly #listener: PostgresListener;
  /** So that a node does not hear itself. */
  readonly #origin = randomUUID();
  readonly #listeners = new Set<(event: SessionEvent) => void>();

  constructor(pool: PostgresPool, table: string, warn: (message: string) => void) {
    this.#pool = pool;
    // A channel's name has at most 63 bytes.
    this.#channel = `nest_sessions_${createHash('sha256').update(table).digest('hex').slice(0, 16)}`;
    this.#warn = warn;
    this.#listener = new PostgresListener(
      pool,
      this.#channel,
      (text) => this.#hear(text),
      (why) =>
        warn(
          `The connection that hears which sessions end on other nodes failed (${why}). It is tried again; what is told meanwhile is missed. Sessions themselves are not concerned.`,
        ),
    );
  }

  /** Never throws and is not waited for: the session has ended, whether the others hear of it or not. */
  publish(event: SessionEvent): void {
    const payload = JSON.stringify({ origin: this.#origin, event });
    ask(this.#pool, 'SELECT pg_notify($1, $2)', [this.#channel, payload]).catch((error: unknown) =>
      this.#warn(`The other nodes could not be told that a session ended: ${String(error)}`),
    );
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#listener.possible) {
      this.#warn(
        'PostgresStore: the pool has one connection, so none is left to hear which sessions end on other nodes. Give it at least { max: 2 }, or set events: false.',
      );
    }
    this.#listener.start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#listener.stop();
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#listener.stop();
  }

  #hear(text: string): void {
    const event = this.#read(text);
    if (event) for (const listener of this.#listeners) listener(event);
  }

  #read(text: string): SessionEvent | undefined {
    try {
      const { origin, event } = JSON.parse(text) as { origin?: unknown; event?: Partial<SessionEvent> };
      const fits = origin !== this.#origin && event?.type === 'ended' && typeof event.id === 'string';
      return fits ? (event as SessionEvent) : undefined;
    } catch {
      // Not of ours: whoever may connect to the database may notify.
      return undefined;
    }
  }
}
