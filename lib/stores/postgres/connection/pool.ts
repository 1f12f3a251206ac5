import { hasMethods, must, type OptionCheck } from '../../../core/util/options.js';
import { withoutValues } from '../../../core/storage/health/driver-error.js';

/** A statement. With `types` every column is the text that the server sent, whatever parsers the application set. */
export interface PostgresQuery {
  text: string;
  values?: unknown[];
  types?: { getTypeParser(): (value: string) => string };
}

/** A row as the server sent it: texts and nulls. */
export type PostgresRow = Record<string, string | null>;

/** What the server returned. */
export interface PostgresResult {
  rows: PostgresRow[];
  rowCount: number | null;
}

/** A message that another connection sent by NOTIFY. */
export interface PostgresNotification {
  channel: string;
  payload?: string | undefined;
}

/** What a store needs of a client from a pool of the package `pg`. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<PostgresResult>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (notification: PostgresNotification) => void): unknown;
  /** With `true` the connection is closed instead of returned to the pool. */
  release(destroy?: boolean): void;
}

/** What a store needs of a `Pool` of the package `pg`, which the application creates and ends. */
export interface PostgresPool {
  query(query: PostgresQuery): Promise<PostgresResult>;
  connect(): Promise<PostgresClient>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  /** Emitted for each client that is taken from the pool. */
  on(event: 'acquire', listener: (client: PostgresClient) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  readonly ending?: boolean;
  readonly options?: { max?: number };
}

/** @param owner the class whose option it is, for the message */
export const isPool = (owner: string): OptionCheck =>
  must(
    // A Client is a single connection. It has these methods as well, and escapeLiteral(), which a Pool does not have.
    (pool) => hasMethods(pool, 'query', 'connect', 'on', 'off') && !hasMethods(pool, 'escapeLiteral'),
    `give a Pool of the package pg: new ${owner}({ pool: new Pool({ connectionString }) }).`,
  );

/** A conflict with another transaction (SQLSTATE class 40): nothing was done, and a retry may succeed. */
const TRY_AGAIN = new Set(['40001', '40P01']);
const ATTEMPTS = 10;

/** SQLSTATE of a missing column, and of a missing table or column. */
const NO_COLUMN = '42703';
const NOT_MIGRATED = new Set(['42P01', NO_COLUMN]);

const RAW = { getTypeParser: () => (value: string) => value };

/** One statement, retried after a conflict with another transaction (isolation stricter than READ COMMITTED). */
export async function query(pool: PostgresPool, text: string, values?: unknown[]): Promise<PostgresResult> {
  guard(pool);
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(pool, text, values);
    } catch (error) {
      if (!TRY_AGAIN.has(codeOf(error)) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** One statement, without retries. */
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

/**
 * Runs statements in one transaction.
 *
 * @param timeout milliseconds until nobody waits for the result any more: then nothing is committed
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  work: (client: PostgresClient) => Promise<T>,
  timeout = Infinity,
): Promise<T> {
  const deadline = performance.now() + timeout;
  const client = await connect(pool);
  try {
    await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
    const result = await work(client);
    if (performance.now() > deadline) throw new Error(`the transaction took longer than ${timeout} ms`);
    await client.query({ text: 'COMMIT' });
    client.release();
    return result;
  } catch (error) {
    // Closing the connection rolls back.
    client.release(true);
    throw error;
  }
}

/** A client of the pool, to be released. A connection that breaks does not end the process. */
export async function connect(pool: PostgresPool): Promise<PostgresClient> {
  guard(pool);
  const client = await pool.connect();
  // For a pool that does not emit `acquire`.
  guardClient(client);
  return client;
}

/** Pools and clients that have a listener of {@link guard}. */
const guarded = new WeakSet<PostgresPool | PostgresClient>();

/**
 * Adds listeners for `error` and never removes them: without a listener this event ends the process. A pool emits it
 * when an idle connection breaks, also after the store has closed. A client emits it when its connection breaks, perhaps
 * before `await pool.connect()` returns, so the listener is added while the pool hands the client out.
 */
export function guard(pool: PostgresPool): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  pool.on('error', ignore);
  pool.on('acquire', guardClient);
}

function guardClient(client: PostgresClient): void {
  if (guarded.has(client)) return;
  guarded.add(client);
  client.on('error', ignore);
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
    'The table does not exist in PostgreSQL, or lacks columns. Run `await store.migrate()` once before the application starts (PostgresRevocations has one, too), or apply what `PostgresStore.ddl()` prints.',
    { cause },
  );
}
