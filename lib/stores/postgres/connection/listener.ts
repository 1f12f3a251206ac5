import { causeOf } from '../../../core/storage/health/error-cause.js';
import { connect, guard, ignore, type PostgresClient, type PostgresPool } from './pool.js';

/** Milliseconds before the first retry; each further one waits twice as long, up to {@link LAST_RETRY}. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5_000;

/** How often to check whether the application ends its pool, which waits for this connection; milliseconds. */
const WATCH_EVERY = 250;

/** Listens to a channel on one connection of the pool, and connects again when it is lost. */
export class PostgresListener {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #onText: (text: string) => void;
  readonly #onLost: (why: string) => void;
  #client: PostgresClient | undefined;
  #started = false;
  #connecting = false;
  #delay = FIRST_RETRY;
  /** Checks the pool while there is a connection; otherwise waits for the next retry. */
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onText receives every payload; any client of the database may have sent it
   * @param onLost called once per loss of the connection, with the reason
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

  /** False if the pool has a single connection, because none would be left for statements. */
  get possible(): boolean {
    return this.#pool.options?.max !== 1;
  }

  start(): void {
    this.#started = true;
    if (this.possible) void this.#connect();
  }

  /** Closes the connection. */
  stop(): void {
    this.#started = false;
    this.#drop();
  }

  async #connect(): Promise<void> {
    if (this.#client || this.#connecting || !this.#wanted) return;
    this.#connecting = true;
    try {
      const client = await connect(this.#pool);
      this.#hold(client);
      await client.query({ text: `LISTEN "${this.#channel}"` });
      this.#delay = FIRST_RETRY;
    } catch (error) {
      this.#lost(causeOf(error));
    } finally {
      this.#connecting = false;
    }
    // Stopped meanwhile, when there was no connection to close yet.
    if (!this.#wanted) this.#drop();
  }

  #hold(client: PostgresClient): void {
    this.#client = client;
    client.on('error', (error) => this.#lostBy(client, causeOf(error)));
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
    client?.release(true);
  }
}
