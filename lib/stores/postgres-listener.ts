import { ignore, type PostgresClient, type PostgresPool } from './postgres-pool.js';

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
  #client: PostgresClient | undefined;
  #stopped = false;
  #delay = FIRST_RETRY;
  #timer: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(pool: PostgresPool, channel: string, onText: (text: string) => void) {
    this.#pool = pool;
    this.#channel = channel;
    this.#onText = onText;
  }

  start(): void {
    this.#stopped = false;
    // Of one connection none would be left for statements.
    if (this.#pool.options?.max === 1) return;
    this.#watch = setInterval(() => this.#pool.ending && this.stop(), WATCH_EVERY).unref();
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#watch);
    this.#drop();
  }

  async #connect(): Promise<void> {
    try {
      const client = await this.#pool.connect();
      this.#client = client;
      client.on('error', () => this.#lost(client));
      client.on('end', () => this.#lost(client));
      client.on('notification', ({ channel, payload }: { channel: string; payload?: string }) => {
        if (channel === this.#channel) this.#onText(payload ?? '');
      });
      await client.query({ text: `LISTEN "${this.#channel}"` });
      this.#delay = FIRST_RETRY;
    } catch {
      this.#lost(this.#client);
    }
    if (this.#stopped) this.#drop();
  }

  #lost(client: PostgresClient | undefined): void {
    if (client !== this.#client) return;
    this.#drop();
    if (this.#stopped || this.#pool.ending) return;
    this.#timer = setTimeout(() => void this.#connect(), this.#delay).unref();
    this.#delay = Math.min(this.#delay * 2, LAST_RETRY);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    // It may still report how it ends.
    client.on('error', ignore);
    client.release(true);
  }
}
