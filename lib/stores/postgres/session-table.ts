import type { ExpiredSession } from '../../core/storage/store.js';
import {
  inTransaction,
  lacksColumn,
  query,
  run,
  type PostgresClient,
  type PostgresPool,
  type PostgresRow,
} from './connection/pool.js';
import { expiredOf } from './sql/rows.js';
import { PostgresStatements, type Statement } from './sql/session-sql.js';

/** Runs one statement of a transaction. */
export type RunStatement = (statement: (sql: PostgresStatements) => Statement) => Promise<PostgresRow[]>;

/** Rows that one statement of a sweep deletes, so that none runs for long. */
const SWEEP_BATCH = 1_000;

/**
 * Runs the statements of a store. With a table that is not migrated yet it works as the earlier version did, because
 * nodes are not updated all at once.
 */
export class SessionTable {
  readonly #pool: PostgresPool;
  readonly #name: string;
  readonly #warn: (message: string) => void;
  #sql: PostgresStatements;
  /** Milliseconds after which no transaction is committed, because the caller has given up. */
  timeout = Infinity;

  constructor(pool: PostgresPool, name: string, warn: (message: string) => void) {
    this.#pool = pool;
    this.#name = name;
    this.#warn = warn;
    this.#sql = new PostgresStatements(name);
  }

  rows(statement: (sql: PostgresStatements) => Statement): Promise<PostgresRow[]> {
    return this.#withFallback(async () => (await query(this.#pool, ...statement(this.#sql))).rows);
  }

  transaction<T>(work: (runStatement: RunStatement) => Promise<T>): Promise<T> {
    return this.#withFallback(() =>
      inTransaction(this.#pool, (client) => work(this.#runOn(client)), this.timeout),
    );
  }

  /**
   * Deletes expired rows, a batch at a time, and returns how many.
   *
   * @param onExpired called for each of them that was a session
   */
  async sweep(onExpired: (session: ExpiredSession) => void): Promise<number> {
    let deleted = 0;
    for (;;) {
      const { rows } = await query(this.#pool, ...this.#sql.sweep(SWEEP_BATCH));
      for (const row of rows) if (row['departed'] == null) onExpired(expiredOf(row));
      deleted += rows.length;
      if (rows.length < SWEEP_BATCH) return deleted;
    }
  }

  /** Deletes an expired session. Returns it if this call deleted it, and not another one or a sweep. */
  async expire(id: string): Promise<ExpiredSession | undefined> {
    const { rows } = await query(this.#pool, ...this.#sql.expire(id));
    return rows[0] && expiredOf(rows[0]);
  }

  #runOn(client: PostgresClient): RunStatement {
    return async (statement) => (await run(client, ...statement(this.#sql))).rows;
  }

  async #withFallback<T>(work: () => Promise<T>): Promise<T> {
    const sql = this.#sql;
    try {
      return await work();
    } catch (error) {
      if (!sql.migrated || !lacksColumn(error)) throw error;
      if (this.#sql === sql) this.#useFormerColumns();
      return work();
    }
  }

  #useFormerColumns(): void {
    this.#sql = new PostgresStatements(this.#name, false);
    this.#warn(
      'The table of sessions in PostgreSQL lacks columns of this version. Sessions work, but a re-login loses the time when the session began, and no session is bound to a device (deviceBound). Run `await store.migrate()` once, or apply the statements of `PostgresStore.ddl()`, and restart this node.',
    );
  }
}
