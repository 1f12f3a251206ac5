import { randomBytes } from 'node:crypto';
import { checkOptions, isDuration, optional, type OptionChecks } from '../../core/util/options.js';
import { MOST_PER_SUBJECT } from '../../revocations/revocation-table.js';
import type { Revocation, RevocationContext } from '../../revocations/revocation-list.js';
import type { StoreFinding, StoreProblem } from '../../core/storage/store.js';
import { examineChannel } from '../../core/events/arrival.js';
import { LATE } from '../../revocations/revocation-source.js';
import { diagnosePostgres, type NeededTable } from './diagnosis.js';
import { postgresTransport } from './events.js';
import { examinePostgres, NOT_RECEIVED } from './examination.js';
import { ignore } from './connection/pool.js';
import { PostgresListener } from './connection/listener.js';
import { query, isPool, type PostgresPool, type PostgresRow } from './connection/pool.js';
import { LIMIT, RevocationStatements } from './sql/revocations-sql.js';
import { isTableName, LOCK_MIGRATION } from './sql/table-name.js';
import { confirmedOf, readRevocation, scopeOf, writeRevocation } from '../../revocations/revocation-codec.js';
import {
  SharedRevocations,
  type Added,
  type RevocationPage,
  type RevocationSource,
  type SharedRevocationsOptions,
} from '../../revocations/replicated.js';

/** What `PostgresRevocations` takes. */
export interface PostgresRevocationsOptions extends SharedRevocationsOptions {
  /** A `Pool` of the package `pg` that the application creates and ends. One of its connections is kept to listen. */
  pool: PostgresPool;
  /** The table, with or without a schema. A second table has the same name with the suffix `_meta`. @default 'session_revocations' */
  table?: string;
}

const DEFAULT_TABLE = 'session_revocations';

const CHECKS: OptionChecks<PostgresRevocationsOptions> = {
  pool: isPool('PostgresRevocations'),
  table: optional(isTableName),
  staleness: optional(isDuration),
};

/**
 * Revocations in PostgreSQL 12 or later, for `SealedCookie` on any number of nodes. Run {@link migrate} before
 * the application starts. The transaction that writes a revocation notifies the other nodes (NOTIFY).
 */
export class PostgresRevocations extends SharedRevocations {
  readonly #pool: PostgresPool;
  readonly #ddl: string;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: PostgresRevocationsOptions) {
    checkOptions('PostgresRevocations', options, CHECKS);
    const { pool, table = DEFAULT_TABLE, staleness } = options;
    const statements = new RevocationStatements(table);
    super(new PostgresSource(pool, statements, table), { staleness });
    this.#pool = pool;
    this.#ddl = statements.ddl;
  }

  /**
   * The statements that create the tables, for other migration tools.
   *
   * @throws SessionError `ERR_OPTIONS`
   */
  static ddl(table: string = DEFAULT_TABLE): string {
    checkOptions('PostgresRevocations.ddl()', { table }, { table: isTableName });
    return new RevocationStatements(table).ddl;
  }

  /** Creates the tables if they are missing. Several nodes may call it at once. */
  async migrate(): Promise<void> {
    // Without values it is sent as one simple query, which is one transaction.
    await this.#pool.query({ text: `${LOCK_MIGRATION}\n${this.#ddl}` });
  }
}

/** How often expired rows are deleted, in milliseconds. */
const PRUNE_EVERY = 60_000;

class PostgresSource implements RevocationSource {
  readonly #pool: PostgresPool;
  readonly #sql: RevocationStatements;
  readonly #name: string;
  #prunedAt = -Infinity;

  constructor(pool: PostgresPool, statements: RevocationStatements, name: string) {
    this.#pool = pool;
    this.#name = name;
    this.#sql = statements;
  }

  async changes(cursor: number, now: number | undefined): Promise<RevocationPage> {
    await this.#prune(now);
    const { rows } = await query(this.#pool, this.#sql.changes, [cursor]);
    const [first] = rows;
    if (!first) throw new Error('PostgresRevocations: the table with the epoch is empty. Run migrate().');
    const found = rows.filter(({ seq }) => seq != null);
    const more = found.length >= LIMIT;
    const revocations = found.map(read).filter((revocation) => revocation !== undefined);
    return {
      epoch: first['epoch']!,
      time: now ?? Number(first['time']),
      cursor: Number(more ? found.at(-1)!['seq'] : first['last']),
      revocations,
      unreadable: found.length - revocations.length,
      more,
    };
  }

  async add(revocation: Revocation, broken: string | null = null): Promise<Added> {
    const { key, rank, until, body } = writeRevocation(revocation, randomBytes(6).toString('base64url'));
    const { subject, scope } = scopeOf(revocation);
    // ";" is the character after ":".
    const keys = subject === '' ? ['', ''] : [`u:${subject}:`, `u:${subject};`];
    const values = [
      key,
      rank,
      until,
      body,
      this.#sql.channel,
      ...keys,
      scope,
      broken,
      confirmedOf(revocation) || null,
    ];
    const [row] = (await query(this.#pool, this.#sql.add, values)).rows;
    if (row) {
      const fresh = row['fresh'] === 't';
      // Counted before this entry was written.
      const count = Number(row['count']) + (fresh ? 1 : 0);
      return {
        added: scope !== 'only' || fresh || broken !== null,
        standing: read(row) ?? revocation,
        crowded: count > MOST_PER_SUBJECT && scope !== 'all',
      };
    }
    // Nothing was written, because an entry that is as strict exists.
    const [existing] = (await query(this.#pool, this.#sql.one, [key])).rows;
    const standing = existing && read(existing);
    // An unreadable entry revokes nothing, so it is replaced.
    if (existing && !standing) {
      if (existing['body'] === broken) throw new Error(`the entry ${key} can be neither read nor replaced`);
      return this.add(revocation, existing['body']);
    }
    return { added: false, standing: standing ?? revocation, crowded: false };
  }

  diagnose(context: RevocationContext): Promise<StoreProblem[]> {
    const tables: NeededTable[] = [
      {
        name: this.#name,
        columns: ['key', 'seq', 'rank', 'until', 'body'],
        privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
      },
      { name: `${this.#name}_meta`, columns: ['epoch', 'seq'], privileges: ['SELECT', 'UPDATE'] },
    ];
    return diagnosePostgres('PostgresRevocations', this.#pool, tables, context);
  }

  async examine(): Promise<StoreFinding[]> {
    const tables = [
      { name: this.#name, unique: ['key'], indexed: ['seq', 'until'] },
      { name: `${this.#name}_meta`, unique: ['one'], indexed: [] },
    ];
    const transport = postgresTransport(this.#pool, this.#sql.channel, ignore, ignore);
    const notices = { transport, message: () => 'examined', ...LATE, remedy: NOT_RECEIVED };
    return [
      ...(await examinePostgres('PostgresRevocations', this.#pool, tables)),
      await examineChannel(notices),
    ];
  }

  listen(onNotice: () => void): () => void {
    const listener = new PostgresListener(this.#pool, this.#sql.channel, onNotice);
    listener.start();
    return () => listener.stop();
  }

  async #prune(now: number | undefined): Promise<void> {
    if (performance.now() - this.#prunedAt < PRUNE_EVERY) return;
    this.#prunedAt = performance.now();
    // A database that refuses writes can still be read.
    await query(this.#pool, this.#sql.prune, [now ?? null]).catch(() => undefined);
  }
}

const read = (row: PostgresRow): Revocation | undefined =>
  readRevocation(row['rank'], row['until'], row['body']);
