import { createHash, randomUUID } from 'node:crypto';
import type { SessionEvent } from '../core/events.js';
import {
  ask,
  ignore,
  type PostgresClient,
  type PostgresNotification,
  type PostgresPool,
} from './postgres-pool.js';

/** Milliseconds until the first attempt to listen again; each further one takes twice as long, up to the second. */
const FIRST_RETRY = 250;
const LAST_RETRY = 10_000;

/** How often to look whether the application ends its pool, which waits for our connection; milliseconds. */
const WATCH_EVERY = 250;

/**
 * Tells other nodes of endings by NOTIFY and hears theirs by LISTEN, on one connection of the pool that is
 * taken when the first listener comes. What is told while that connection is down is not heard.
 */
export class PostgresEvents {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #warn: (message: string) => void;
  /** So that a node does not hear itself. */
  readonly #origin = randomUUID();
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #client: PostgresClient | undefined;
  #connecting = false;
  #timer: NodeJS.Timeout | undefined;
  #delay = FIRST_RETRY;

  constructor(pool: PostgresPool, table: string, warn: (message: string) => void) {
    this.#pool = pool;
    // A channel's name has at most 63 bytes.
    this.#channel = `nest_sessions_${createHash('sha256').update(table).digest('hex').slice(0, 16)}`;
    this.#warn = warn;
  }

  /** Never throws and is not waited for: the session has ended, whether the others hear of it or not. */
  publish(event: SessionEvent): void {
    const payload = JSON.stringify({ origin: this.#origin, event });
    ask(this.#pool, 'SELECT pg_notify($1, $2)', [this.#channel, payload]).catch((error: unknown) =>
      this.#warn(`The other nodes could not be told that a session ended: ${messageOf(error)}`),
    );
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#pool.options?.max === 1) {
      this.#warn(
        'PostgresStore: the pool has one connection, so none is left to hear which sessions end on other nodes. Give it at least { max: 2 }, or set events: false.',
      );
    } else {
      void this.#connect();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /** Gives the connection back. */
  close(): void {
    this.#listeners.clear();
    this.#drop();
  }

  async #connect(): Promise<void> {
    if (this.#client || this.#connecting || !this.#wanted) return;
    this.#connecting = true;
    try {
      const client = await this.#pool.connect();
      this.#hold(client);
      await client.query({ text: `LISTEN "${this.#channel}"` });
      this.#delay = FIRST_RETRY;
    } catch (error) {
      this.#lost(messageOf(error));
    } finally {
      this.#connecting = false;
    }
    // Whoever closed us meanwhile found no connection to give back.
    if (!this.#wanted) this.#drop();
  }

  #hold(client: PostgresClient): void {
    this.#client = client;
    client.on('error', (error) => this.#lostBy(client, error.message));
    client.on('end', () => this.#lostBy(client, 'the server closed it'));
    client.on('notification', (told) => this.#hear(told));
    this.#timer = setInterval(() => this.#pool.ending && this.#drop(), WATCH_EVERY).unref();
  }

  #lostBy(client: PostgresClient, why: string): void {
    if (client === this.#client) this.#lost(why);
  }

  #lost(why: string): void {
    this.#drop();
    if (!this.#wanted) return;
    if (this.#delay === FIRST_RETRY) {
      this.#warn(
        `The connection that hears which sessions end on other nodes failed (${why}). It is tried again; what is told meanwhile is missed. Sessions themselves are not concerned.`,
      );
    }
    this.#timer = setTimeout(() => void this.#connect(), this.#delay).unref();
    this.#delay = Math.min(this.#delay * 2, LAST_RETRY);
  }

  get #wanted(): boolean {
    return this.#listeners.size > 0 && !this.#pool.ending;
  }

  #drop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    // It may still report how it ends.
    client.on('error', ignore);
    client.release(true);
  }

  #hear({ channel, payload }: PostgresNotification): void {
    if (channel !== this.#channel) return;
    const event = this.#read(payload ?? '');
    if (event) for (const listener of this.#listeners) listener(event);
  }

  #read(payload: string): SessionEvent | undefined {
    try {
      const { origin, event } = JSON.parse(payload) as { origin?: unknown; event?: Partial<SessionEvent> };
      const fits = origin !== this.#origin && event?.type === 'ended' && typeof event.id === 'string';
      return fits ? (event as SessionEvent) : undefined;
    } catch {
      // Not of ours: whoever may connect to the database may notify.
      return undefined;
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
