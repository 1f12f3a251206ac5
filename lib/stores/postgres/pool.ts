import { hasMethods, must, type OptionCheck } from '../../core/util/options.js';
import { withoutValues } from '../../core/storage/driver-error.js';

/** A statement; `types` keeps every column the text that the server sent, whatever parsers the application set. */
export interface PostgresQuery {
  text: string;
  values?: unknown[];
  types?: { getTypeParser(): (value: string) => string };
}

/** A row as the server wrote it: texts and nulls. */
export type PostgresRow = Record<string, string | null>;

export interface PostgresResult {
  rows: PostgresRow[];
  rowCount: number | null;
}

/** What another connection told by NOTIFY. */
export interface PostgresNotification {
  channel: string;
  payload?: string;
}

/** What a store needs of a client from a pool of the package `pg`. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (told: PostgresNotification) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  /** With `true` the connection is closed rather than kept for the next one. */
  release(destroy?: boolean): void;
}

/** What a store needs of a `Pool` of the package `pg`, which the application makes and ends. */
export interface PostgresPool {
  query(query: PostgresQuery): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  readonly ending?: boolean;
  readonly options?: { max?: number };
}

/** @param owner the class whose option it is, for the remedy */
export const isPool = (owner: string): OptionCheck =>
  must(
    (pool) => hasMethods(pool, 'query', 'connect', 'on', 'off'),
    `give a Pool of the package pg: new ${owner}({ pool: new Pool({ connectionString }) }).`,
  );

/** Another transaction came in between (SQLSTATE class 40): nothing was done, and the same again may succeed. */
const TRY_AGAIN = new Set(['40001', '40P01']);
const ATTEMPTS = 10;

/** The table or a column of it is not there. */
const NO_COLUMN = '42703';
const NOT_MIGRATED = new Set(['42P01', NO_COLUMN]);

const RAW = { getTypeParser: () => (value: string) => value };

/** One statement. Repeated where the database isolates more strictly than READ COMMITTED and asks for it. */
export async function ask(pool: PostgresPool, text: string, values?: unknown[]): Promise<PostgresResult> {
  guard(pool);
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(pool, text, values);
    } catch (error) {
      if (!TRY_AGAIN.has(codeOf(error)) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** One statement, once. */
export async function run(
  on: Pick<PostgresPool, 'query'>,
  text: string,
  values: unknown[] = [],
): Promise<PostgresResult> {
  try {
    return await on.query({ text, values, types: RAW });
  } catch (error) {
    const cause = withoutValues(error);
    throw NOT_MIGRATED.has(codeOf(error)) ? notMigrated(cause) : cause;
  }
}

/** Statements that take place together or not at all. */
export async function inTransaction<T>(
  pool: PostgresPool,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  // A client that is taken out has no listener of the pool's: without this one a lost connection ends the process.
  client.on('error', ignore);
  try {
    await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
    const result = await work(client);
    await client.query({ text: 'COMMIT' });
    client.off('error', ignore);
    client.release();
    return result;
  } catch (error) {
    // The server rolls back what a closed connection leaves behind.
    client.release(true);
    throw error;
  }
}

/** Pools that have a listener of ours for good. */
const guarded = new WeakSet<PostgresPool>();

/**
 * An idle connection that breaks is an event of the pool's, and where nobody listens it ends the process: also
 * after the store has closed, for as long as there is a pool.
 */
export function guard(pool: PostgresPool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  pool.on('error', ignore);
}

export function ignore(): void {}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** Whether {@link run} failed for a column that the table does not have. */
export const lacksColumn = (error: unknown): boolean =>
  error instanceof Error && codeOf(error.cause) === NO_COLUMN;

function notMigrated(cause: unknown): Error {
  return new Error(
    'Its table is missing in PostgreSQL, or has other columns. Run `await store.migrate()` once before the application starts (PostgresRevocations has one, too), or apply what `PostgresStore.ddl()` prints.',
    { cause },
  );
}
