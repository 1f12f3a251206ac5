import { createHash } from 'node:crypto';
import { EventNotices } from '../../core/events/event-notices.js';
import type { SessionEvent } from '../../core/events/events.js';
import type { StoreContext } from '../../core/storage/store.js';
import { PostgresListener } from './listener.js';
import { ask, type PostgresPool } from './pool.js';

/** NOTIFY takes less than 8,000 bytes. */
const LONGEST_NOTICE = 7_999;

/**
 * Tells other nodes of endings by NOTIFY and hears theirs by LISTEN, from the first listener to the last. Without
 * keys to sign with it neither tells nor hears anything.
 */
export class PostgresEvents {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #warn: (message: string) => void;
  readonly #listener: PostgresListener;
  readonly #notices: EventNotices;
  readonly #listeners = new Set<(event: SessionEvent) => void>();

  constructor(pool: PostgresPool, table: string, warn: (message: string) => void) {
    this.#pool = pool;
    // A channel's name has at most 63 bytes.
    this.#channel = `nest_sessions_${createHash('sha256').update(table).digest('hex').slice(0, 16)}`;
    this.#notices = new EventNotices(this.#channel);
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

  bind(context: StoreContext): void {
    this.#notices.bind(context);
  }

  /** Never throws and is not waited for: the session has ended, whether the others hear of it or not. */
  publish(event: SessionEvent): void {
    const notice = this.#notices.write(event);
    if (notice === undefined || Buffer.byteLength(notice) > LONGEST_NOTICE) return;
    ask(this.#pool, 'SELECT pg_notify($1, $2)', [this.#channel, notice]).catch((error: unknown) =>
      this.#warn(`The other nodes could not be told that a session ended: ${String(error)}`),
    );
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    if (!this.#notices.possible) return () => undefined;
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
    const event = this.#notices.read(text);
    if (!event) return;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // What it throws would be the driver's, and end the process.
        this.#warn(`A listener for events of other nodes threw: ${String(error)}`);
      }
    }
  }
}
