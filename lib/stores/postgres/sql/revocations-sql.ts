import { LAST_TIME } from '../../../revocations/revocation-codec.js';
import { MOST_PER_SUBJECT } from '../../../revocations/revocation-table.js';
import { channelOf, quoted, withoutSchema } from './table-name.js';

/** Maximum number of rows per query. */
export const LIMIT = 1_000;

const OWN_TIME = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/** The SQL for one list of revocations. */
export class RevocationStatements {
  readonly #table: string;
  readonly #meta: string;
  readonly #name: string;

  /** @param name a checked name, with or without a schema */
  constructor(name: string) {
    this.#table = quoted(name);
    this.#meta = quoted(`${name}_meta`);
    this.#name = withoutSchema(name);
  }

  get channel(): string {
    return channelOf(this.#table);
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
   * The row of the counter stays locked until the write is committed, so numbers become visible in order: a reader that
   * has seen one number has seen all below it.
   *
   * $1 key, $2 rank, $3 until, $4 body, $5 channel; $6 and $7 the bounds of the subject's keys, $8 the scope; $9 an
   * unreadable body that may be replaced; $10 the end of the rotation that is confirmed. An entry that ends all sessions
   * of a subject replaces those of the same or a lower rank. Of the times at which these began, the latest is kept: a node
   * may not have read an entry that it replaces, and logins from before that one are still under way.
   */
  get add(): string {
    const ofSubject = 'one.key >= $6::text AND one.key < $7::text';
    const latest = `SELECT max(${beganAt('body')}) FROM merged`;
    return `
      WITH meta AS (UPDATE ${this.#meta} SET seq = seq + 1 RETURNING seq),
      merged AS (
        DELETE FROM ${this.#table} AS one USING meta
        WHERE $8::text = 'all' AND ${ofSubject} AND one.key <> $1 AND one.rank <= $2
          AND NOT EXISTS (SELECT FROM ${this.#table} AS have WHERE have.key = $1 AND have.rank >= $2)
        RETURNING one.until, one.body
      ),
      written AS (
        INSERT INTO ${this.#table} AS have (key, seq, rank, until, body)
        SELECT $1, seq, $2, greatest($3, (SELECT max(until) FROM merged)), ${withStart('$4::text', latest)} FROM meta
        ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, rank = excluded.rank,
          body = ${withStart('excluded.body', beganAt('nullif(have.body, $9::text)'))},
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
        ) AS entry
      ) AS count FROM written`;
  }

  get one(): string {
    return `SELECT rank, until, body FROM ${this.#table} WHERE key = $1`;
  }

  /** One statement reads one snapshot, so the counter and the rows match. */
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

/** When a revocation of all sessions began, by its body; null for another body. */
const beganAt = (body: string): string =>
  `substring(${body} FROM '"at":([0-9]{1,16}(?:[.][0-9]{1,9})?)[,}]')::numeric`;

/** A body with another time at which it began, if that is later. */
const withStart = (body: string, at: string): string =>
  `CASE WHEN (${at}) BETWEEN ${beganAt(body)} AND ${LAST_TIME}
    THEN regexp_replace(${body}, '"at":[0-9.]+', '"at":' || (${at})) ELSE ${body} END`;
