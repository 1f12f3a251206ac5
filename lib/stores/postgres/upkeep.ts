import { causeOf } from '../../core/storage/health/error-cause.js';
import type { StoreContext } from '../../core/storage/store.js';
import { Complaint } from '../../core/util/complaint.js';
import type { PostgresPool } from './connection/pool.js';

/** How often expired rows are deleted, in milliseconds. */
const SWEEP_EVERY = 60_000;

/** What a store does without being called: it deletes expired rows, and warns of idle connections that fail. */
export class Upkeep {
  readonly #pool: PostgresPool;
  readonly #sweep: () => Promise<unknown>;
  #context: StoreContext | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  /** The error of the latest idle connection that failed, redacted. */
  #brokenBy = '';
  readonly #broken = new Complaint(
    (message) => this.#context?.warn(message),
    (count) =>
      `Idle connections to PostgreSQL failed: ${count}, the last one with ${this.#brokenBy}. They are replaced when needed.`,
  );

  constructor(pool: PostgresPool, sweep: () => Promise<unknown>) {
    this.#pool = pool;
    this.#sweep = sweep;
  }

  start(context: StoreContext): void {
    this.#context = context;
    this.#pool.off('error', this.#connectionFailed);
    this.#pool.on('error', this.#connectionFailed);
    this.#sweeper ??= setInterval(() => void this.#sweepQuietly(), SWEEP_EVERY).unref();
  }

  stop(): void {
    this.#context = undefined;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#pool.off('error', this.#connectionFailed);
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.#sweep();
    } catch (error) {
      const { health, warn } = this.#context ?? {};
      // While requests fail as well, the log says so already.
      if (health?.read.failing || health?.write.failing) return;
      warn?.(`Expired sessions could not be deleted: ${causeOf(error)}`);
    }
  }

  readonly #connectionFailed = (error: Error): void => {
    this.#brokenBy = causeOf(error);
    this.#broken.note();
  };
}
