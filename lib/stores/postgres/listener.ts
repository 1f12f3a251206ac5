import { guard, ignore, type PostgresClient, type PostgresPool } from './pool.js';

/** Milliseconds until the first attempt to listen again; each further one takes twice as long, up to the second. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5_000;

/** How often to look whether the application ends its pool, which waits for our connection; milliseconds. */
const WATCH_EVERY = 250;

/** Hears a channel on one connection of the pool, and takes another when that is lost. */
export class PostgresListener {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #onText: (text: string) => void;
  readonly #onLost: (why: string) => void;
  #client: PostgresClient | undefined;
  #started = false;
  #connecting = false;
  #delay = FIRST_RETRY;
  /** Looks after the pool while there is a connection, and waits for the next attempt while there is none. */
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onText what was told on the channel, by whoever may connect to the database
   * @param onLost told once each time that the channel can no longer be heard, with the reason
   */
  constructor(
    pool: PostgresPool,
    channel: string,
    onText: (text: string) => void,
    onLost: (why: string) => void = ignore,
  ) {
    this.#pool = pool;
    this.#channel = channel;
    this.#onText = onText;
    this.#onLost = onLost;
    guard(pool);
  }

  /** Of a pool that has one connection none would be left for statements: then nothing is heard. */
  get possible(): boolean {
    return this.#pool.options?.max !== 1;
  }

  start(): void {
    this.#started = true;
    if (this.possible) void this.#connect();
  }

  /** Gives the connection back. */
  stop(): void {
    this.#started = false;
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
      this.#lost(error instanceof Error ? error.message : String(error));
    } finally {
      this.#connecting = false;
    }
    // Whoever stopped us meanwhile found no connection to give back.
    if (!this.#wanted) this.#drop();
  }

  #hold(client: PostgresClient): void {
    this.#client = client;
    client.on('error', (error) => this.#lostBy(client, error.message));
    client.on('end', () => this.#lostBy(client, 'the server closed it'));
    client.on('notification', ({ channel, payload }) => {
      if (channel === this.#channel) this.#onText(payload ?? '');
    });
    this.#timer = setInterval(() => this.#pool.ending && this.#drop(), WATCH_EVERY).unref();
  }

  #lostBy(client: PostgresClient, why: string): void {
    if (client === this.#client) this.#lost(why);
  }

  #lost(why: string): void {
    this.#drop();
    if (!this.#wanted) return;
    if (this.#delay === FIRST_RETRY) this.#onLost(why);
    this.#timer = setTimeout(() => void this.#connect(), this.#delay).unref();
    this.#delay = Math.min(this.#delay * 2, LAST_RETRY);
  }

  get #wanted(): boolean {
    return this.#started && !this.#pool.ending;
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    // It may still report how it ends.
    client.on('error', ignore);
    client.release(true);
  }
}
