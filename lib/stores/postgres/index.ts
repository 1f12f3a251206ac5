import { isSessionError, SessionError } from '../../core/util/errors.js';
import { checkOptions, isBoolean, must, optional, type OptionChecks } from '../../core/util/options.js';
import type { SessionEvent } from '../../core/events/events.js';
import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  Tombstone,
  TombstoneReason,
} from '../../core/storage/store.js';
import { PostgresEvents } from './events.js';
import {
  ask,
  inTransaction,
  isPool,
  lacksColumn,
  run,
  type PostgresClient,
  type PostgresPool,
  type PostgresRow,
} from './pool.js';
import { recordOf } from './rows.js';
import { PostgresStatements, type Statement } from './sql.js';

export type { SharedRevocationsOptions } from '../../revocations/replicated.js';
export { PostgresRevocations, type PostgresRevocationsOptions } from './revocations.js';
export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './pool.js';

export interface PostgresStoreOptions {
  /**
   * A `Pool` of the package `pg` that the application made, and ends after the application has closed. One of its
   * connections is kept to hear of endings on other nodes, see {@link events}.
   */
  pool: PostgresPool;
  /**
   * The table, with or without a schema: letters, digits and `_`, as it is (it is quoted, so case counts).
   * @default 'nest_sessions'
   */
  table?: string;
  /**
   * Whether nodes tell each other which sessions ended (LISTEN/NOTIFY). Endings hold on every node either way.
   * Set it to false behind a PgBouncer in transaction mode, where LISTEN does not work.
   * @default true
   */
  events?: boolean;
}

const DEFAULT_TABLE = 'nest_sessions';

/** An identifier has at most 63 bytes; the name of the table leaves room for the names of its indexes. */
const TABLE = /^(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,47}$/;

const isTable = must(
  (value) => typeof value === 'string' && TABLE.test(value),
  "a name of letters, digits and _, at most 48, with a schema before it if need be: 'app.sessions'.",
);

const CHECKS: OptionChecks<PostgresStoreOptions> = {
  pool: isPool('PostgresStore'),
  table: optional(isTable),
  events: optional(isBoolean),
};

/** How often expired rows are swept out, in milliseconds. */
const SWEEP_EVERY = 60_000;

/** Rows that one statement of a sweep removes, so that none runs for long. */
const SWEEP_BATCH = 1_000;

/** Sessions above a limit that one call ends. */
const EVICT_BATCH = 500;

/** What PostgreSQL takes as text: no NUL and no half of a surrogate pair. */
const NOT_TEXT = /[\0\p{Surrogate}]/u;

/**
 * Sessions in a table of PostgreSQL 12 or later, through the application's own pool.
 *
 * Run {@link migrate} before the application starts. A load and a commit are one statement each. The clock of
 * the database decides when a session ends, so nodes need not agree on the time.
 */
export class PostgresStore implements SessionStore {
  readonly #pool: PostgresPool;
  readonly #table: string;
  #sql: PostgresStatements;
  readonly #events: PostgresEvents | undefined;
  #warn: (message: string) => void = () => undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #closed = false;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: PostgresStoreOptions) {
    checkOptions('PostgresStore', options, CHECKS);
    const { pool, table = DEFAULT_TABLE, events = true } = options;
    this.#pool = pool;
    this.#table = table;
    this.#sql = new PostgresStatements(table);
    this.#events = events ? new PostgresEvents(pool, table, (message) => this.#warn(message)) : undefined;
  }

  /**
   * The statements that make the table and its indexes, for those who migrate by other means.
   *
   * @throws SessionError `ERR_OPTIONS`
   */
  static ddl(table: string = DEFAULT_TABLE): string {
    checkOptions('PostgresStore.ddl()', { table }, { table: isTable });
    return new PostgresStatements(table).ddl;
  }

  get ddl(): string {
    return this.#sql.ddl;
  }

  /** Makes the table, its columns and its indexes where they are missing. Several nodes may do so at once. */
  async migrate(): Promise<void> {
    // Without values it goes as one simple query, which may hold several statements.
    await this.#pool.query({ text: this.#sql.migration });
  }

  bind(context: StoreContext): void {
    this.#warn = context.warn;
    this.#events?.bind(context);
    this.#closed = false;
    this.#pool.off('error', this.#poolFailed);
    this.#pool.on('error', this.#poolFailed);
    this.#sweeper ??= setInterval(() => void this.#sweepQuietly(), SWEEP_EVERY).unref();
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    if (NOT_TEXT.test(id)) return undefined;
    const [row] = await this.#rows((sql) => sql.load(id));
    if (!row) return undefined;
    const departed = row['departed'];
    if (departed != null) return { ended: departed as TombstoneReason };
    return { record: recordOf(row), time: Number(row['time']) };
  }

  /**
   * The mark of a revocation is asked for once the row is there for all to see, by a statement that begins after that.
   * READ COMMITTED or stricter, a statement sees at least what was committed before it began: if this one does not see
   * the mark, the mark is committed later, and whoever lists the sessions after that sees the row.
   */
  async create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    const { id, subject } = record;
    if (subject === undefined) {
      await this.#rows((sql) => sql.create(record, ttl));
      return { outcome: 'created', evicted: [] };
    }
    checkSubject(subject);
    const created = await this.#insert(record, subject, ttl, limit, provedAt);
    if (created.outcome !== 'created' || provedAt === undefined) return created;
    const [answer] = await this.#rows((sql) => sql.isRevoked(subject, provedAt));
    if (answer!['revoked'] !== 't') return created;
    await this.#rows((sql) => sql.destroy(id));
    return { outcome: 'revoked' };
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    if (NOT_TEXT.test(id)) return { outcome: 'gone' };
    const [row] = await this.#rows((sql) => sql.commit(id, delta));
    if (!row) return { outcome: 'gone' };
    return row['revision'] == null
      ? { outcome: 'conflict' }
      : { outcome: 'saved', revision: Number(row['revision']) };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    if (NOT_TEXT.test(id)) return undefined;
    const [row] = await this.#rows((sql) =>
      tombstone ? sql.endWithTombstone(id, tombstone.reason, tombstone.ttl) : sql.destroy(id),
    );
    return row && recordOf(row);
  }

  async list(subject: string, limit?: number): Promise<SessionRecord[]> {
    checkSubject(subject);
    const unreadable: string[] = [];
    for (;;) {
      const rows = await this.#rows((sql) => sql.list(subject, limit, unreadable));
      const records = readable(rows);
      if (records.length === rows.length || limit === undefined || rows.length < limit) return records;
      // Others may have their places.
      const read = new Set(records.map(({ id }) => id));
      unreadable.push(...rows.map((row) => row['id']!).filter((id) => !read.has(id)));
    }
  }

  async markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    checkSubject(subject);
    await this.#rows((sql) => sql.markRevoked(subject, at, ttl));
  }

  async evict(subject: string, limit: SessionLimit): Promise<{ evicted: SessionRecord[]; more: boolean }> {
    checkSubject(subject);
    return this.#inTransaction(async (client) => {
      await run(client, ...this.#sql.lockSubject(subject));
      return this.#evictWithin(client, subject, limit, limit.max);
    });
  }

  async time(): Promise<number> {
    const [row] = await this.#rows((sql) => [sql.time, []]);
    return Number(row!['time']);
  }

  publish(event: SessionEvent): void {
    this.#events?.publish(event);
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#events?.subscribe(listener) ?? (() => undefined);
  }

  /**
   * Removes expired rows, a batch at a time, and returns how many. Runs by itself once a minute. Any number of
   * nodes may do so at once: each takes the rows that no other has.
   */
  async sweep(): Promise<number> {
    let removed = 0;
    for (;;) {
      const { rowCount } = await ask(this.#pool, ...this.#sql.sweep(SWEEP_BATCH));
      removed += rowCount ?? 0;
      if ((rowCount ?? 0) < SWEEP_BATCH) return removed;
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.#events?.close();
    this.#pool.off('error', this.#poolFailed);
  }

  async #rows(statement: (sql: PostgresStatements) => Statement): Promise<PostgresRow[]> {
    const { rows } = await this.#onColumns(() => ask(this.#pool, ...statement(this.#sql)));
    return rows;
  }

  /** A table that is not migrated yet does as it did for the former version, since nodes are not updated all at once. */
  async #onColumns<T>(work: () => Promise<T>): Promise<T> {
    const sql = this.#sql;
    try {
      return await work();
    } catch (error) {
      if (!sql.migrated || !lacksColumn(error)) throw error;
      if (this.#sql === sql) this.#leaveOutColumns();
      return work();
    }
  }

  #inTransaction<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    return this.#onColumns(() => inTransaction(this.#pool, work));
  }

  #leaveOutColumns(): void {
    this.#sql = new PostgresStatements(this.#table, false);
    this.#warn(
      'The table of sessions in PostgreSQL lacks columns of this version. Sessions go on, but when one began is forgotten at a re-login. Run `await store.migrate()` once, or apply what `PostgresStore.ddl()` prints, and start this node again.',
    );
  }

  async #insert(
    record: SessionRecord,
    subject: string,
    ttl: number,
    limit: SessionLimit | undefined,
    provedAt: number | undefined,
  ): Promise<CreateResult> {
    if (limit) {
      return this.#inTransaction((client) =>
        this.#createWithin(client, record, subject, ttl, limit, provedAt),
      );
    }
    await this.#rows((sql) => sql.create(record, ttl));
    return { outcome: 'created', evicted: [] };
  }

  async #createWithin(
    client: PostgresClient,
    record: SessionRecord,
    subject: string,
    ttl: number,
    limit: SessionLimit,
    provedAt: number | undefined,
  ): Promise<CreateResult> {
    const { rows } = await run(client, ...this.#sql.lockSubject(subject, provedAt));
    // Nobody has to make room for a session that is refused.
    if (rows[0]!['revoked'] === 't') return { outcome: 'revoked' };
    if (limit.onExceeded === 'reject') {
      const others = await run(client, ...this.#sql.contenders(subject, limit.replaces, limit.max));
      if (others.rows.length >= limit.max) return { outcome: 'rejected' };
    }
    const { evicted, more } =
      limit.onExceeded === 'reject'
        ? { evicted: [], more: false }
        : await this.#evictWithin(client, subject, limit, limit.max - 1);
    await run(client, ...this.#sql.create(record, ttl));
    return { outcome: 'created', evicted, ...(more && { more }) };
  }

  /** Ends the oldest sessions until no more than `room` are left, but not too many at once. */
  async #evictWithin(
    client: PostgresClient,
    subject: string,
    { replaces, tombstoneTtl }: SessionLimit,
    room: number,
  ): Promise<{ evicted: SessionRecord[]; more: boolean }> {
    const { rows } = await run(client, ...this.#sql.oldest(subject, replaces, EVICT_BATCH));
    const surplus = Math.max(0, Number(rows[0]?.['total'] ?? 0) - room);
    if (surplus === 0) return { evicted: [], more: false };
    const ids = rows.slice(0, surplus).map((row) => row['id']);
    const ended = await run(client, ...this.#sql.evict(ids, tombstoneTtl));
    return { evicted: readable(ended.rows), more: surplus > EVICT_BATCH };
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      if (!this.#closed) this.#warn(`Expired sessions could not be swept out: ${String(error)}`);
    }
  }

  readonly #poolFailed = (error: Error): void =>
    this.#warn(`An idle connection to PostgreSQL failed and is replaced when needed: ${error.message}`);
}

/** Without the rows that cannot be read: each ends when its cookie comes, and must not hide the others. */
function readable(rows: readonly PostgresRow[]): SessionRecord[] {
  return rows.flatMap((row) => {
    try {
      return [recordOf(row)];
    } catch (error) {
      if (isSessionError(error)) return [];
      throw error;
    }
  });
}

function checkSubject(subject: string): void {
  if (!NOT_TEXT.test(subject)) return;
  throw new SessionError(
    'ERR_SUBJECT',
    'PostgreSQL stores no text with a NUL character or half a surrogate pair in it. Give the subject as plain text.',
  );
}
