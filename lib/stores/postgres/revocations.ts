import { createHash, randomBytes } from 'node:crypto';
import { checkOptions, isDuration, must, optional, type OptionChecks } from '../../core/util/options.js';
import { MOST_PER_SUBJECT } from '../../revocations/revocation-table.js';
import type { Revocation } from '../../revocations/revocation-list.js';
import { PostgresListener } from './listener.js';
import { ask, isPool, type PostgresPool, type PostgresRow } from './pool.js';
import { confirmedOf, readRevocation, scopeOf, writeRevocation } from '../../revocations/revocation-codec.js';
import {
  SharedRevocations,
  type Added,
  type RevocationPage,
  type RevocationSource,
  type SharedRevocationsOptions,
} from '../../revocations/replicated.js';

export interface PostgresRevocationsOptions extends SharedRevocationsOptions {
  /** A `Pool` of the package `pg`, which the application makes and ends. One of its connections is kept to listen. */
  pool: PostgresPool;
  /** The table, with or without a schema; another one beside it ends in `_meta`. @default 'session_revocations' */
  table?: string;
}

const DEFAULT_TABLE = 'session_revocations';

const TABLE = /^[a-z_][a-z0-9_]{0,50}(?:\.[a-z_][a-z0-9_]{0,50})?$/i;

const isTable = must(
  (value) => typeof value === 'string' && TABLE.test(value),
  'the name of a table, with or without a schema. Use letters, digits and _, at most 51.',
);

const CHECKS: OptionChecks<PostgresRevocationsOptions> = {
  pool: isPool('PostgresRevocations'),
  table: optional(isTable),
  staleness: optional(isDuration),
};

/**
 * Revocations in PostgreSQL 12 or later, for `SealedCookie` on any number of nodes. Run {@link migrate} before
 * the application starts. A revocation is told to the other nodes with NOTIFY, in the transaction that writes it.
 */
export class PostgresRevocations extends SharedRevocations {
  readonly #pool: PostgresPool;
  readonly #ddl: string;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: PostgresRevocationsOptions) {
    checkOptions('PostgresRevocations', options, CHECKS);
    const { pool, table = DEFAULT_TABLE, staleness } = options;
    const statements = new Statements(table);
    super(new PostgresSource(pool, statements), { staleness });
    this.#pool = pool;
    this.#ddl = statements.ddl;
  }

  /** The statements that make the tables, for those who migrate by other means. */
  static ddl(table: string = DEFAULT_TABLE): string {
    checkOptions('PostgresRevocations.ddl()', { table }, { table: isTable });
    return new Statements(table).ddl;
  }

  /** Makes the tables where they are missing. Several nodes may do so at once. */
  async migrate(): Promise<void> {
    const lock = `SELECT pg_advisory_xact_lock(hashtextextended('nest-sessions migrate', 0));`;
    // Without values it goes as one simple query, which is one transaction.
    await this.#pool.query({ text: `${lock}\n${this.#ddl}` });
  }
}

/** Rows per answer. */
const LIMIT = 1_000;

/** How often expired rows are deleted, in milliseconds. */
const PRUNE_EVERY = 60_000;

const OWN_TIME = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

class Statements {
  readonly #table: string;
  readonly #meta: string;
  readonly #name: string;

  constructor(name: string) {
    const quote = (full: string) =>
      full
        .split('.')
        .map((part) => `"${part}"`)
        .join('.');
    this.#table = quote(name);
    this.#meta = quote(`${name}_meta`);
    this.#name = name.split('.').at(-1)!;
  }

  /** A channel's name has at most 63 bytes. */
  get channel(): string {
    return `nest_sessions_${createHash('sha256').update(this.#table).digest('hex').slice(0, 16)}`;
  }

  get ddl(): string {
    const [table, meta, name] = [this.#table, this.#meta, this.#name];
    return [
      `CREATE TABLE IF NOT EXISTS ${table} (`,
      '  key text COLLATE "C" PRIMARY KEY,',
      '  seq bigint NOT NULL,',
      '  rank bigint NOT NULL,',
      '  until bigint NOT NULL,',
      '  body text NOT NULL',
      ');',
      `CREATE INDEX IF NOT EXISTS "${name}_seq" ON ${table} (seq);`,
      `CREATE INDEX IF NOT EXISTS "${name}_until" ON ${table} (until);`,
      `CREATE TABLE IF NOT EXISTS ${meta} (`,
      '  one boolean PRIMARY KEY DEFAULT true CHECK (one),',
      '  epoch text NOT NULL,',
      '  seq bigint NOT NULL DEFAULT 0',
      ');',
      `INSERT INTO ${meta} (epoch) VALUES (substr(md5(random()::text || clock_timestamp()::text), 1, 12))`,
      '  ON CONFLICT DO NOTHING;',
      '',
    ].join('\n');
  }

  /**
   * The row of the counter stays locked until the write is seen by all, so that numbers appear in their order:
   * whoever has read up to one has seen all below it.
   *
   * $1 key, $2 rank, $3 until, $4 body, $5 channel; $6 and $7 the bounds of the subject's keys, $8 how much of it is
   * meant; $9 a body that nobody can read and that may be replaced; $10 when a rotation ends that is confirmed. One that ends all of a subject takes the place
   * of those that say no more.
   */
  get add(): string {
    const ofSubject = 'one.key >= $6::text AND one.key < $7::text';
    return `
      WITH meta AS (UPDATE ${this.#meta} SET seq = seq + 1 RETURNING seq),
      merged AS (
        DELETE FROM ${this.#table} AS one USING meta
        WHERE $8::text = 'all' AND ${ofSubject} AND one.key <> $1 AND one.rank <= $2
          AND NOT EXISTS (SELECT FROM ${this.#table} AS have WHERE have.key = $1 AND have.rank >= $2)
        RETURNING one.until
      ),
      written AS (
        INSERT INTO ${this.#table} AS have (key, seq, rank, until, body)
        SELECT $1, seq, $2, greatest($3, (SELECT max(until) FROM merged)), $4 FROM meta
        ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, rank = excluded.rank, body = excluded.body,
          until = greatest(have.until, excluded.until)
        WHERE have.rank < excluded.rank OR have.body = $9::text OR (
          have.rank = excluded.rank
          AND $10::numeric < coalesce(substring(have.body FROM '"confirmed":([0-9]+)')::numeric, 'NaN')
        )
        RETURNING rank, until, body, xmax = 0 AS fresh
      )
      SELECT rank, until, body, fresh, pg_notify($5, ''), (
        SELECT count(*) FROM (
          SELECT FROM ${this.#table} AS one WHERE ${ofSubject} LIMIT ${MOST_PER_SUBJECT + 1}
        ) AS handle
      ) AS handle FROM written`;
  }

  get one(): string {
    return `SELECT rank, until, body FROM ${this.#table} WHERE key = $1`;
  }

  /** One statement sees one state, so there is nothing between the counter and the rows. */
  get changes(): string {
    return `
      SELECT m.epoch, m.seq AS last, ${OWN_TIME} AS time, r.* FROM ${this.#meta} AS m LEFT JOIN LATERAL (
        SELECT seq, rank, until, body FROM ${this.#table} WHERE seq > $1 ORDER BY seq LIMIT ${LIMIT}
      ) AS r ON true ORDER BY r.seq`;
  }

  get prune(): string {
    return `DELETE FROM ${this.#table} WHERE until < coalesce($1, ${OWN_TIME})`;
  }
}

class PostgresSource implements RevocationSource {
  readonly #pool: PostgresPool;
  readonly #sql: Statements;
  #prunedAt = -Infinity;

  constructor(pool: PostgresPool, statements: Statements) {
    this.#pool = pool;
    this.#sql = statements;
  }

  async changes(cursor: number, now: number | undefined): Promise<RevocationPage> {
    await this.#prune(now);
    const { rows } = await ask(this.#pool, this.#sql.changes, [cursor]);
    const [first] = rows;
    if (!first)
      throw new Error('PostgresRevocations: the table is empty that holds the epoch. Run migrate().');
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
    // ";" is what follows ":".
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
    const [row] = (await ask(this.#pool, this.#sql.add, values)).rows;
    if (row) {
      const fresh = row['fresh'] === 't';
      // The count is of before it was written.
      const handle = Number(row['handle']) + (fresh ? 1 : 0);
      return {
        added: scope !== 'only' || fresh || broken !== null,
        standing: read(row) ?? revocation,
        crowded: handle > MOST_PER_SUBJECT && scope !== 'all',
      };
    }
    const [there] = (await ask(this.#pool, this.#sql.one, [key])).rows;
    const standing = there && read(there);
    // What nobody can read ends nothing, so it does not stand in the way.
    if (there && !standing) {
      if (there['body'] === broken) throw new Error(`the entry ${key} cannot be read, nor replaced`);
      return this.add(revocation, there['body']);
    }
    return { added: false, standing: standing ?? revocation, crowded: false };
  }

  listen(onNotice: () => void): () => void {
    const listener = new PostgresListener(this.#pool, this.#sql.channel, onNotice);
    listener.start();
    return () => listener.stop();
  }

  async #prune(now: number | undefined): Promise<void> {
    if (performance.now() - this.#prunedAt < PRUNE_EVERY) return;
    this.#prunedAt = performance.now();
    await ask(this.#pool, this.#sql.prune, [now ?? null]);
  }
}

const read = (row: PostgresRow): Revocation | undefined =>
  readRevocation(row['rank'], row['until'], row['body']);
