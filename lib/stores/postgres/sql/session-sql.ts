import { createHash } from 'node:crypto';
import type { RecordDelta, SessionRecord } from '../../../core/model/record.js';
import { after, assignments, keyCondition, NOW } from './commit-sql.js';
import { ADDED } from './ddl.js';
import { dataText, FORMAT } from './rows.js';
import { quoted } from './table-name.js';

/** A statement and its values. */
export type Statement = [text: string, values: unknown[]];

const LIVE = `departed IS NULL AND expires_at > ${NOW}`;
const FIRST_HEAD =
  'id, format, subject, secret_hash, previous, revision, factors, created_at, last_seen_at, rotated_at, persistent, device';

/** Milliseconds since the epoch, by the server, with their fraction. */
const TIME = '(extract(epoch FROM clock_timestamp()) * 1000)::double precision';

/** The value of `departed` in the mark of a revocation; `created_at` is its time. */
const MARK = 'revoked';

/** The SQL for one table. Every method of a store is one statement, except a login with a limit. */
export class PostgresStatements {
  /** Quoted, with its schema if the application gave one. */
  readonly #table: string;
  readonly #head: string;

  /**
   * @param name a checked name, with or without a schema
   * @param migrated false for a table of an earlier version: fields without a column are not stored
   */
  constructor(
    name: string,
    readonly migrated = true,
  ) {
    this.#head = migrated ? `${FIRST_HEAD}, ${ADDED}` : FIRST_HEAD;
    this.#table = quoted(name);
  }

  get time(): string {
    return `SELECT ${TIME} AS time`;
  }

  /** Returns a row that has expired as well, with `expired`. */
  load(id: string): Statement {
    return [
      `SELECT ${this.#head}, data, departed, ${TIME} AS time, expires_at <= ${NOW} AS expired FROM ${this.#table}
       WHERE id = $1 AND departed IS DISTINCT FROM '${MARK}'`,
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
   * Returns no row for `gone`, and a row without a revision for `conflict`. `found` waits for a concurrent write, so the
   * conditions apply to the latest version.
   */
  commit(id: string, delta: RecordDelta): Statement {
    const values: unknown[] = [id, String(delta.epoch)];
    const value = (one: unknown): string => `$${values.push(one)}`;
    // A table of an earlier version has no column for a key.
    const key = this.migrated ? delta.key : undefined;
    const changes = assignments({ ...delta, ...(delta.key && { key }) }, value);
    // A row of an earlier version stores when the session began only as its start, which moves now.
    if (this.migrated && delta.head?.startedAt !== undefined)
      changes.push('began_at = coalesce(kept.began_at, kept.created_at)');
    const conditions = ['kept.id = found.id'];
    if (delta.revision !== undefined) conditions.push(`found.revision = ${value(delta.revision)}`);
    if (delta.rotate) conditions.push(`found.secret_hash = ${value(delta.rotate.from)}`);
    if (delta.key) conditions.push(key ? keyCondition(key, value) : 'false');
    return [
      `WITH found AS MATERIALIZED (
         SELECT id, revision, secret_hash${key ? ', extra' : ''} FROM ${this.#table}
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

  /** Ends the session and leaves a tombstone in its row; returns the row as it was. */
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
   * Live sessions, the oldest first, without their data.
   *
   * @param except ids of rows to skip
   */
  list(subject: string, limit: number | undefined, except: readonly string[]): Statement {
    return [
      `SELECT ${this.#head}, '{}' AS data FROM ${this.#table}
       WHERE subject = $1 AND ${LIVE} AND format = ${FORMAT} AND id <> ALL($3::text[])
       ORDER BY created_at, id LIMIT $2`,
      [subject, limit ?? null, except],
    ];
  }

  /** A later mark replaces an earlier one, and is kept for the longer of both times. */
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

  /** Whether there is a mark that is not older than `provedAt`; false without it. */
  isRevoked(subject: string, provedAt: number | undefined): Statement {
    return [`SELECT ${this.#isRevoked('$1', '$2')} AS revoked`, [markOf(subject), provedAt ?? null]];
  }

  /**
   * Serialises the logins of one subject until the end of the transaction. Returns the column `revoked` as
   * {@link isRevoked} does, as of the beginning of the statement.
   */
  lockSubject(subject: string, provedAt?: number): Statement {
    return [
      `SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), ${this.#isRevoked('$2', '$3')} AS revoked`,
      [`nest-sessions ${this.#table} ${subject}`, markOf(subject), provedAt ?? null],
    ];
  }

  /** Live sessions of a subject that count against its limit, at most `enough` of them. */
  contenders(subject: string, except: string | undefined, enough: number): Statement {
    return [
      `SELECT id FROM ${this.#table} WHERE subject = $1 AND ${LIVE} AND id IS DISTINCT FROM $2 LIMIT $3`,
      [subject, except ?? null, enough],
    ];
  }

  /** The oldest live sessions of a subject, each with the total number of them. */
  oldest(subject: string, except: string | undefined, count: number): Statement {
    return [
      `SELECT id, count(*) OVER () AS total FROM ${this.#table}
       WHERE subject = $1 AND ${LIVE} AND id IS DISTINCT FROM $2 ORDER BY created_at, id LIMIT $3`,
      [subject, except ?? null, count],
    ];
  }

  /** {@link endWithTombstone} for several sessions. */
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

  /** Returns what was deleted, tombstones and marks included. */
  sweep(batch: number): Statement {
    return [this.#deleteExpired('LIMIT $1'), [batch]];
  }

  /** Deletes one session if it has expired and no other statement is deleting it. */
  expire(id: string): Statement {
    return [this.#deleteExpired('AND id = $1 AND departed IS NULL'), [id]];
  }

  /** The array is evaluated once; a subquery instead may be evaluated for each row. */
  #deleteExpired(which: string): string {
    return `DELETE FROM ${this.#table} WHERE id = ANY(ARRAY(
         SELECT id FROM ${this.#table} WHERE expires_at <= ${NOW} ${which} FOR UPDATE SKIP LOCKED))
       RETURNING id, subject, created_at, last_seen_at, persistent, departed`;
  }

  /** Turns a row into a tombstone. */
  #emptied(reason: string, ttl: string): string {
    return `departed = ${reason}, expires_at = ${after(ttl)}, subject = NULL, secret_hash = '', previous = NULL,
      factors = '{}', device = NULL, data = '{}'${this.migrated ? ', extra = NULL' : ''}`;
  }

  #isRevoked(id: string, provedAt: string): string {
    return `EXISTS (SELECT FROM ${this.#table} WHERE id = ${id} AND departed = '${MARK}' AND expires_at > ${NOW}
      AND created_at >= ${provedAt}::double precision)`;
  }
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The id of the row that marks a subject as revoked. No session id contains such a character. */
function markOf(subject: string): string {
  return `!${createHash('sha256').update(subject).digest('base64url')}`;
}
