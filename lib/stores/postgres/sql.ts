import { createHash } from 'node:crypto';
import type { RecordDelta, RecordHead, SessionRecord } from '../../core/model/record.js';
import { dataText, escapeKey, FORMAT } from './rows.js';

/** A statement and its values. */
export type Statement = [text: string, values: unknown[]];

/** The server's clock decides, so that all nodes agree. */
const NOW = 'statement_timestamp()';
const LIVE = `departed IS NULL AND expires_at > ${NOW}`;
const FIRST_HEAD =
  'id, format, subject, secret_hash, previous, revision, factors, created_at, last_seen_at, rotated_at, persistent, device';

/** Milliseconds since the epoch, by the server, with their fraction. */
const TIME = '(extract(epoch FROM clock_timestamp()) * 1000)::double precision';

/** What `departed` says of a row that is no session, but the mark of a revocation; `created_at` is its time. */
const MARK = 'revoked';

/** Columns that a table of a former version lacks until it is migrated. */
const ADDED_COLUMNS = { began_at: 'double precision', extra: 'jsonb' } as const;
const ADDED = Object.keys(ADDED_COLUMNS).join(', ');

/** The columns of the fields that a commit may replace; `created_at` has the name that `startedAt` had before. */
const HEAD_COLUMNS = {
  factors: 'factors',
  startedAt: 'created_at',
  lastSeenAt: 'last_seen_at',
  rotatedAt: 'rotated_at',
  device: 'device',
} as const satisfies Record<keyof RecordHead, string>;

/** The SQL for one table. Every method of a store is one statement, except a login that has a limit to keep. */
export class PostgresStatements {
  /** Quoted, and qualified if the application did so. */
  readonly #table: string;
  readonly #name: string;
  readonly #head: string;

  /**
   * @param name a checked name, with or without a schema
   * @param migrated false for a table of a former version: what its columns cannot hold is left out
   */
  constructor(
    name: string,
    readonly migrated = true,
  ) {
    this.#head = migrated ? `${FIRST_HEAD}, ${ADDED}` : FIRST_HEAD;
    const parts = name.split('.');
    this.#table = parts.map((part) => `"${part}"`).join('.');
    this.#name = parts.at(-1)!;
  }

  /** What the store needs in the database. It may be applied again and again. */
  get ddl(): string {
    const table = this.#table;
    return [
      `CREATE TABLE IF NOT EXISTS ${table} (`,
      '  id text COLLATE "C" PRIMARY KEY,',
      '  format smallint NOT NULL,',
      '  departed text,',
      '  subject text COLLATE "C",',
      '  secret_hash text NOT NULL,',
      '  previous json,',
      '  revision bigint NOT NULL,',
      '  factors json NOT NULL,',
      '  created_at double precision NOT NULL,',
      '  last_seen_at double precision NOT NULL,',
      '  rotated_at double precision NOT NULL,',
      '  persistent boolean NOT NULL,',
      '  device json,',
      '  data jsonb NOT NULL,',
      '  expires_at timestamptz NOT NULL',
      ') WITH (fillfactor = 80);',
      this.#addColumns,
      `CREATE INDEX IF NOT EXISTS "${this.#name}_subject" ON ${table} (subject) WHERE subject IS NOT NULL;`,
      `CREATE INDEX IF NOT EXISTS "${this.#name}_expires_at" ON ${table} (expires_at);`,
      '',
    ].join('\n');
  }

  get #addColumns(): string {
    const added = Object.entries(ADDED_COLUMNS).map(
      ([column, type]) => `ADD COLUMN IF NOT EXISTS ${column} ${type}`,
    );
    return `ALTER TABLE ${this.#table} ${added.join(', ')};`;
  }

  /**
   * One message of several statements is one transaction: the lock keeps two that migrate at once apart. Columns are
   * added only where one is missing, since ALTER TABLE locks out every reader of a table that is in use.
   */
  get migration(): string {
    const names = Object.keys(ADDED_COLUMNS).map((column) => `'${column}'`);
    const present = `SELECT FROM pg_attribute WHERE attrelid = '${this.#table}'::regclass AND NOT attisdropped AND attname IN (${names.join(', ')})`;
    const addMissing = `DO $$ BEGIN IF (SELECT count(*) FROM (${present}) AS present) < ${names.length} THEN ${this.#addColumns} END IF; END $$;`;
    const ddl = this.ddl.replace(this.#addColumns, () => addMissing);
    return `SELECT pg_advisory_xact_lock(hashtextextended('nest-sessions migrate', 0));\n${ddl}`;
  }

  get time(): string {
    return `SELECT ${TIME} AS time`;
  }

  load(id: string): Statement {
    return [
      `SELECT ${this.#head}, data, departed, ${TIME} AS time FROM ${this.#table}
       WHERE id = $1 AND expires_at > ${NOW} AND departed IS DISTINCT FROM '${MARK}'`,
      [id],
    ];
  }

  create(record: SessionRecord, ttl: number): Statement {
    return [
      `INSERT INTO ${this.#table} (${FIRST_HEAD}, data, expires_at${this.migrated ? `, ${ADDED}` : ''})
       VALUES ($1, ${FORMAT}, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, ${after('$13')}${this.migrated ? ', $14, $15' : ''})`,
      [
        record.id,
        record.subject ?? null,
        record.secretHash,
        jsonOrNull(record.previous),
        record.revision,
        JSON.stringify(record.factors),
        record.startedAt,
        record.lastSeenAt,
        record.rotatedAt,
        record.remember,
        jsonOrNull(record.device),
        dataText(record.data),
        ttl,
        ...(this.migrated ? [record.createdAt, record.extra ? dataText(record.extra) : null] : []),
      ],
    ];
  }

  /**
   * No row: gone. A row without a revision: conflict. `found` waits for whoever is writing and sees what they
   * wrote, so the conditions are judged on the latest version.
   */
  commit(id: string, delta: RecordDelta): Statement {
    const values: unknown[] = [id, String(delta.epoch)];
    const value = (one: unknown): string => `$${values.push(one)}`;
    const changes = assignments(delta, value);
    // A row of a former version does not say when the session began but by its start, which moves now.
    if (this.migrated && delta.head?.startedAt !== undefined)
      changes.push('began_at = coalesce(kept.began_at, kept.created_at)');
    const conditions = ['kept.id = found.id'];
    if (delta.revision !== undefined) conditions.push(`found.revision = ${value(delta.revision)}`);
    if (delta.rotate) conditions.push(`found.secret_hash = ${value(delta.rotate.from)}`);
    return [
      `WITH found AS MATERIALIZED (
         SELECT id, revision, secret_hash FROM ${this.#table}
         WHERE id = $1 AND ${LIVE} AND format = ${FORMAT} AND coalesce(previous ->> 'epoch', '0') = $2
         FOR UPDATE
       ), saved AS (
         UPDATE ${this.#table} AS kept SET ${changes.join(', ')} FROM found
         WHERE ${conditions.join(' AND ')} RETURNING kept.revision
       )
       SELECT saved.revision FROM found LEFT JOIN saved ON true`,
      values,
    ];
  }

  destroy(id: string): Statement {
    return [`DELETE FROM ${this.#table} WHERE id = $1 AND ${LIVE} RETURNING ${this.#head}, data`, [id]];
  }

  /** Ends the session and leaves a word in its row; returns the row as it was. */
  endWithTombstone(id: string, reason: string, ttl: number): Statement {
    return [
      `WITH last AS MATERIALIZED (
         SELECT ${this.#head}, data FROM ${this.#table} WHERE id = $1 AND ${LIVE} FOR UPDATE
       ), marked AS (
         UPDATE ${this.#table} AS kept SET ${this.#emptied('$2', '$3')} FROM last WHERE kept.id = last.id
       )
       SELECT * FROM last`,
      [id, reason, ttl],
    ];
  }

  /**
   * The oldest first.
   *
   * @param except ids of rows that are left out
   */
  list(subject: string, limit: number | undefined, except: readonly string[]): Statement {
    return [
      `SELECT ${this.#head}, '{}' AS data FROM ${this.#table}
       WHERE subject = $1 AND ${LIVE} AND format = ${FORMAT} AND id <> ALL($3::text[])
       ORDER BY created_at, id LIMIT $2`,
      [subject, limit ?? null, except],
    ];
  }

  /** A later mark takes the place of an earlier one, and stays for as long as either was meant to. */
  markRevoked(subject: string, at: number, ttl: number): Statement {
    return [
      `INSERT INTO ${this.#table} AS mark (id, format, departed, secret_hash, revision, factors, created_at,
         last_seen_at, rotated_at, persistent, data, expires_at)
       VALUES ($1, ${FORMAT}, '${MARK}', '', 0, '{}', $2, $2, $2, false, '{}', ${after('$3')})
       ON CONFLICT (id) DO UPDATE SET created_at = greatest(mark.created_at, excluded.created_at),
         expires_at = greatest(mark.expires_at, excluded.expires_at)`,
      [markOf(subject), at, ttl],
    ];
  }

  /** Whether there is a mark that is not older than a proof; without a time there is none. */
  isRevoked(subject: string, provedAt: number | undefined): Statement {
    return [`SELECT ${this.#isRevoked('$1', '$2')} AS revoked`, [markOf(subject), provedAt ?? null]];
  }

  /**
   * Logins of one subject wait for each other until the end of the transaction. Tells as {@link isRevoked} does what
   * was so when it began.
   */
  lockSubject(subject: string, provedAt?: number): Statement {
    return [
      `SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), ${this.#isRevoked('$2', '$3')} AS revoked`,
      [`nest-sessions ${this.#table} ${subject}`, markOf(subject), provedAt ?? null],
    ];
  }

  /** As many sessions of a subject as there are that count against its limit, but no more than `enough`. */
  contenders(subject: string, except: string | undefined, enough: number): Statement {
    return [
      `SELECT id FROM ${this.#table} WHERE subject = $1 AND ${LIVE} AND id IS DISTINCT FROM $2 LIMIT $3`,
      [subject, except ?? null, enough],
    ];
  }

  /** The first of those, the oldest first, and with each how many there are in all. */
  oldest(subject: string, except: string | undefined, count: number): Statement {
    return [
      `SELECT id, count(*) OVER () AS total FROM ${this.#table}
       WHERE subject = $1 AND ${LIVE} AND id IS DISTINCT FROM $2 ORDER BY created_at, id LIMIT $3`,
      [subject, except ?? null, count],
    ];
  }

  /** Like {@link endWithTombstone}, of many. */
  evict(ids: readonly (string | null | undefined)[], ttl: number): Statement {
    return [
      `WITH last AS MATERIALIZED (
         SELECT ${this.#head}, data FROM ${this.#table} WHERE id = ANY($1) AND ${LIVE} FOR UPDATE
       ), marked AS (
         UPDATE ${this.#table} AS kept SET ${this.#emptied('$2', '$3')} FROM last WHERE kept.id = last.id
       )
       SELECT * FROM last ORDER BY created_at, id`,
      [ids, 'evicted', ttl],
    ];
  }

  /** The array is made once; a subquery in its place may be evaluated again for each row. */
  sweep(batch: number): Statement {
    return [
      `DELETE FROM ${this.#table} WHERE id = ANY(ARRAY(
         SELECT id FROM ${this.#table} WHERE expires_at <= ${NOW} LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [batch],
    ];
  }

  /** What is left of a row that only says why its session ended. */
  #emptied(reason: string, ttl: string): string {
    return `departed = ${reason}, expires_at = ${after(ttl)}, subject = NULL, secret_hash = '', previous = NULL,
      factors = '{}', device = NULL, data = '{}'${this.migrated ? ', extra = NULL' : ''}`;
  }

  #isRevoked(id: string, provedAt: string): string {
    return `EXISTS (SELECT FROM ${this.#table} WHERE id = ${id} AND departed = '${MARK}' AND expires_at > ${NOW}
      AND created_at >= ${provedAt}::double precision)`;
  }
}

function assignments(delta: RecordDelta, value: (one: unknown) => string): string[] {
  const { set, remove, head = {}, rotate, confirm, ttl } = delta;
  const changes: string[] = [];
  if (set || remove) {
    const written = `kept.data || ${value(dataText(set ?? {}))}::jsonb`;
    const removed = `${value((remove ?? []).map(escapeKey))}::text[]`;
    changes.push('revision = kept.revision + 1', `data = (${written}) - ${removed}`);
  }
  for (const [field, column] of Object.entries(HEAD_COLUMNS)) {
    const given = head[field as keyof RecordHead];
    if (given === undefined) continue;
    changes.push(`${column} = ${value(typeof given === 'object' ? JSON.stringify(given) : given)}`);
  }
  if (rotate) {
    changes.push(`secret_hash = ${value(rotate.to)}`, `previous = ${value(JSON.stringify(rotate.previous))}`);
  }
  if (confirm) {
    const same = `kept.secret_hash = ${value(confirm.secretHash)} AND kept.previous ->> 'pending' = 'true'`;
    const previous = value(JSON.stringify(confirm.previous));
    changes.push(`previous = CASE WHEN ${same} THEN ${previous}::json ELSE kept.previous END`);
  }
  if (ttl !== undefined) changes.push(`expires_at = ${after(value(ttl))}`);
  return changes.length > 0 ? changes : ['revision = kept.revision'];
}

/** So many milliseconds from now. */
function after(milliseconds: string): string {
  return `${NOW} + ${milliseconds}::double precision * interval '1 millisecond'`;
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The id of the row that is the mark of a subject. No session has one with such a character in it. */
function markOf(subject: string): string {
  return `!${createHash('sha256').update(subject).digest('base64url')}`;
}
