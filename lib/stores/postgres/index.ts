import { systemClock } from '../../core/util/clock.js';
import { SessionError } from '../../core/util/errors.js';
import { checkOptions, isBoolean, optional, type OptionChecks } from '../../core/util/options.js';
import type { EventChannel } from '../../core/events/event-channel.js';
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
  StoreFinding,
  StoreProblem,
  Tombstone,
  TombstoneReason,
} from '../../core/storage/store.js';
import { COLUMNS, ddlOf, migrationOf } from './sql/ddl.js';
import { diagnosePostgres } from './diagnosis.js';
import { examinePostgres, NO_EVENTS, NOT_RECEIVED } from './examination.js';
import { postgresEvents } from './events.js';
import { isPool, query, type PostgresPool } from './connection/pool.js';
import { readableRecords, recordOf } from './sql/rows.js';
import { createWithinLimit, evictAboveLimit, type Evicted } from './session-limit.js';
import { SessionTable } from './session-table.js';
import { isTableName } from './sql/table-name.js';
import { Upkeep } from './upkeep.js';

export type { SharedRevocationsOptions } from '../../revocations/replicated.js';
export { PostgresRevocations, type PostgresRevocationsOptions } from './revocations.js';
export type { PostgresClient, PostgresPool, PostgresQuery, PostgresResult } from './connection/pool.js';

/** What `PostgresStore` takes. */
export interface PostgresStoreOptions {
  /**
   * A `Pool` of the package `pg` that the application creates, and ends after the application has closed. One of its
   * connections is kept to receive events of other nodes, see {@link events}.
   */
  pool: PostgresPool;
  /**
   * The table, with or without a schema: letters, digits and `_`. It is quoted, so case counts.
   * @default 'nest_sessions'
   */
  table?: string;
  /**
   * Whether nodes notify each other of ended sessions (LISTEN/NOTIFY). Sessions end on every node either way. Set it to
   * false behind a PgBouncer in transaction mode, where LISTEN does not work.
   * @default true
   */
  events?: boolean;
}

const DEFAULT_TABLE = 'nest_sessions';

const CHECKS: OptionChecks<PostgresStoreOptions> = {
  pool: isPool('PostgresStore'),
  table: optional(isTableName),
  events: optional(isBoolean),
};

const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

const UNBOUND: StoreContext = { clock: systemClock, clockInjected: false, warn: () => undefined };

/** What PostgreSQL rejects in a text: NUL and half a surrogate pair. */
const NOT_TEXT = /[\0\p{Surrogate}]/u;

/**
 * Sessions in a table of PostgreSQL 12 or later, through the application's own pool.
 *
 * Run {@link migrate} before the application starts. A load and a commit are one statement each; an expired session is
 * deleted by a second one when it is loaded. The clock of
 * the database decides when a session ends, so nodes need not agree on the time.
 */
export class PostgresStore implements SessionStore {
  readonly #pool: PostgresPool;
  readonly #name: string;
  readonly #table: SessionTable;
  readonly #events: EventChannel | undefined;
  #context: StoreContext = UNBOUND;
  readonly #upkeep: Upkeep;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: PostgresStoreOptions) {
    checkOptions('PostgresStore', options, CHECKS);
    const { pool, table = DEFAULT_TABLE, events = true } = options;
    this.#pool = pool;
    this.#name = table;
    const warn = (message: string): void => this.#context.warn(message);
    this.#table = new SessionTable(pool, table, warn);
    this.#upkeep = new Upkeep(pool, () => this.sweep());
    this.#events = events ? postgresEvents(pool, table, warn) : undefined;
  }

  /**
   * The statements that create the table and its indexes, for other migration tools.
   *
   * @param table as the option `table`. Default: 'nest_sessions'
   * @throws SessionError `ERR_OPTIONS`
   */
  static ddl(table: string = DEFAULT_TABLE): string {
    checkOptions('PostgresStore.ddl()', { table }, { table: isTableName });
    return ddlOf(table);
  }

  /** The statements that create this store's table and its indexes. */
  get ddl(): string {
    return ddlOf(this.#name);
  }

  /** Creates the table, its columns and its indexes if they are missing. Several nodes may call it at once. */
  async migrate(): Promise<void> {
    // Without values it is sent as one simple query, which may hold several statements.
    await this.#pool.query({ text: migrationOf(this.#name) });
  }

  bind(context: StoreContext): void {
    this.#context = context;
    this.#table.timeout = context.timeout ?? Infinity;
    this.#events?.bind(context);
    this.#upkeep.start(context);
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    if (NOT_TEXT.test(id)) return undefined;
    const [row] = await this.#table.rows((sql) => sql.load(id));
    if (!row) return undefined;
    const departed = row['departed'];
    if (row['expired'] === 't') {
      if (departed == null) await this.#expire(id);
      return undefined;
    }
    if (departed != null) return { ended: departed as TombstoneReason };
    return { record: recordOf(row), time: Number(row['time']) };
  }

  /**
   * The mark of a revocation is read after the row is committed, by a statement of its own. With READ COMMITTED or
   * stricter, a statement sees everything that was committed before it began. So if it does not see the mark, the mark is
   * committed later, and the revocation, which lists the sessions after that, sees the row.
   */
  async create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    const { subject } = record;
    if (subject === undefined) {
      await this.#table.rows((sql) => sql.create(record, ttl));
      return { outcome: 'created', evicted: [] };
    }
    checkSubject(subject);
    const created = await this.#insert(record, subject, ttl, limit, provedAt);
    if (created.outcome !== 'created' || provedAt === undefined) return created;
    const { evicted } = created;
    try {
      const discarded = await this.#discardIfRevoked(record.id, subject, provedAt);
      return discarded ? { outcome: 'revoked', ...(evicted.length > 0 && { evicted }) } : created;
    } catch (cause) {
      return { outcome: 'failed', evicted, cause };
    }
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    if (NOT_TEXT.test(id)) return { outcome: 'gone' };
    const [row] = await this.#table.rows((sql) => sql.commit(id, delta));
    if (!row) return { outcome: 'gone' };
    return row['revision'] == null
      ? { outcome: 'conflict' }
      : { outcome: 'saved', revision: Number(row['revision']) };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    if (NOT_TEXT.test(id)) return undefined;
    const [row] = await this.#table.rows((sql) =>
      tombstone ? sql.endWithTombstone(id, tombstone.reason, tombstone.ttl) : sql.destroy(id),
    );
    return row && recordOf(row);
  }

  async list(subject: string, limit?: number): Promise<SessionRecord[]> {
    checkSubject(subject);
    const unreadable: string[] = [];
    for (;;) {
      const rows = await this.#table.rows((sql) => sql.list(subject, limit, unreadable));
      const records = readableRecords(rows);
      if (records.length === rows.length || limit === undefined || rows.length < limit) return records;
      // The limit counts only rows that can be read: query again without the others.
      const read = new Set(records.map(({ id }) => id));
      unreadable.push(...rows.map((row) => row['id']!).filter((id) => !read.has(id)));
    }
  }

  async markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    checkSubject(subject);
    await this.#table.rows((sql) => sql.markRevoked(subject, at, ttl));
  }

  evict(subject: string, limit: SessionLimit): Promise<Evicted> {
    checkSubject(subject);
    return evictAboveLimit(this.#table, subject, limit);
  }

  async time(): Promise<number> {
    const [row] = await this.#table.rows((sql) => [sql.time, []]);
    return Number(row!['time']);
  }

  /** Whether the database responds and is writable, has the table with its columns, and agrees on the time. */
  diagnose(): Promise<StoreProblem[]> {
    const table = { name: this.#name, columns: COLUMNS, privileges: PRIVILEGES };
    return diagnosePostgres('PostgresStore', this.#pool, [table], this.#context);
  }

  /** Version, durability and indexes of the table, and whether events come back. */
  async examine(): Promise<StoreFinding[]> {
    const table = { name: this.#name, unique: ['id'], indexed: ['subject', 'expires_at'] };
    return [
      ...(await examinePostgres('PostgresStore', this.#pool, [table])),
      ...(this.#events ? await this.#events.examine(NOT_RECEIVED) : [NO_EVENTS]),
    ];
  }

  async ping(): Promise<void> {
    await query(this.#pool, 'SELECT 1');
  }

  publish(event: SessionEvent): void {
    this.#events?.publish(event);
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#events?.subscribe(listener) ?? (() => undefined);
  }

  /**
   * Deletes expired rows, a batch at a time, and returns how many. Runs by itself once a minute. Any number of nodes may
   * call it at once: each skips the rows that another one is deleting. The node that deletes a session emits its end.
   */
  sweep(): Promise<number> {
    return this.#table.sweep((session) => this.#context.expired?.(session));
  }

  close(): void {
    this.#upkeep.stop();
    this.#events?.close();
  }

  /** If this fails, the next sweep deletes the row and emits the end. */
  async #expire(id: string): Promise<void> {
    const session = await this.#table.expire(id).catch(() => undefined);
    if (session) this.#context.expired?.(session);
  }

  async #insert(
    record: SessionRecord,
    subject: string,
    ttl: number,
    limit: SessionLimit | undefined,
    provedAt: number | undefined,
  ): Promise<CreateResult> {
    if (limit) return createWithinLimit(this.#table, record, subject, ttl, limit, provedAt);
    await this.#table.rows((sql) => sql.create(record, ttl));
    return { outcome: 'created', evicted: [] };
  }

  /** Returns whether the subject's sessions were revoked after it authenticated. */
  async #discardIfRevoked(id: string, subject: string, provedAt: number): Promise<boolean> {
    const [status] = await this.#table.rows((sql) => sql.isRevoked(subject, provedAt));
    if (status!['revoked'] !== 't') return false;
    await this.#table.rows((sql) => sql.destroy(id));
    return true;
  }
}

/** @throws SessionError `ERR_SUBJECT` */
function checkSubject(subject: string): void {
  if (!NOT_TEXT.test(subject)) return;
  throw new SessionError(
    'ERR_SUBJECT',
    'PostgreSQL cannot store a NUL character or half a surrogate pair. Pass the subject without them.',
  );
}
