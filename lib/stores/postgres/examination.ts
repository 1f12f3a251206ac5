import { randomUUID } from 'node:crypto';
import { examineChannel } from '../../core/events/arrival.js';
import { UNHEARD } from '../../core/events/event-channel.js';
import type { StoreFinding } from '../../core/storage/store.js';
import { postgresTransport } from './events.js';
import { ignore, query, type PostgresPool, type PostgresRow } from './connection/pool.js';
import { channelOf, quoted } from './sql/table-name.js';

/** A table, with the columns that begin its indexes. */
export interface IndexedTable {
  /** With or without a schema. */
  name: string;
  /** Those of which no two rows have the same value. */
  unique: readonly string[];
  indexed: readonly string[];
}

/** What to do where messages do not come back. */
export const NOT_RECEIVED =
  'LISTEN needs a connection that is one session: give the pool at least { max: 2 } connections, and connect it to PostgreSQL itself or to a PgBouncer in session mode.';

/** Whether LISTEN and NOTIFY work, on a channel to which no node listens. */
export async function examineEvents(pool: PostgresPool): Promise<StoreFinding[]> {
  const transport = postgresTransport(pool, channelOf('nest-sessions doctor'), ignore, ignore);
  return [await examineChannel({ transport, message: randomUUID, ...UNHEARD, remedy: NOT_RECEIVED })];
}

/** Of `events: false`. */
export const NO_EVENTS: StoreFinding = {
  level: 'ok',
  finding:
    'nodes do not tell each other of sessions that ended (events: false); sessions end on every node all the same.',
};

/** $1 the quoted names */
const STATE = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int >= 120000 AS recent,
    current_setting('synchronous_commit') AS synchronous, current_setting('fsync') AS fsync,
    needed.name, found.oid IS NOT NULL AS present,
    (SELECT relpersistence FROM pg_class WHERE oid = found.oid) AS persistence, (
      SELECT string_agg(DISTINCT attname, ',') FROM pg_index
      JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
      WHERE indrelid = found.oid AND indisvalid
    ) AS indexed, (
      SELECT string_agg(DISTINCT attname, ',') FROM pg_index
      JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
      WHERE indrelid = found.oid AND indisvalid AND indisunique AND indnkeyatts = 1 AND indpred IS NULL
    ) AS one
  FROM unnest($1::text[]) AS needed (name),
    LATERAL (SELECT to_regclass(needed.name)::oid AS oid) AS found`;

/**
 * What `diagnosePostgres` leaves out: what is as it should be, and what is worth a look.
 *
 * @param owner the class whose `migrate()` makes the tables
 */
export async function examinePostgres(
  owner: string,
  pool: PostgresPool,
  tables: readonly IndexedTable[],
): Promise<StoreFinding[]> {
  const { rows } = await query(pool, STATE, [tables.map(({ name }) => quoted(name))]);
  const [server] = rows;
  return [
    ...findingsOfServer(server!),
    ...tables.flatMap((table) => {
      const state = rows.find(({ name }) => name === quoted(table.name))!;
      return state['present'] === 't' ? findingsOfTable(owner, table, state) : [];
    }),
  ];
}

function findingsOfServer({ version, recent, synchronous, fsync }: PostgresRow): StoreFinding[] {
  const durable = synchronous !== 'off' && fsync === 'on';
  return [
    ...(recent === 't' ? [{ level: 'ok' as const, finding: `PostgreSQL ${version}.` }] : []),
    durable
      ? { level: 'ok', finding: `synchronous_commit ${synchronous}: what it has answered is on disk.` }
      : {
          level: 'warning',
          finding: `${fsync === 'on' ? 'synchronous_commit' : 'fsync'} is off: after a crash, logouts of the last moments may be undone.`,
          remedy: `Set it to on, synchronous_commit at least for the role of the pool: ALTER ROLE … SET synchronous_commit = on.`,
        },
  ];
}

function findingsOfTable(
  owner: string,
  { name, unique, indexed }: IndexedTable,
  state: PostgresRow,
): StoreFinding[] {
  const migrate = `Run \`await ${owner === 'PostgresStore' ? 'store' : 'revocations'}.migrate()\`, or apply the statements of \`${owner}.ddl()\`.`;
  const present = new Set((state['indexed'] ?? '').split(','));
  const single = new Set((state['one'] ?? '').split(','));
  const slow = indexed.filter((column) => !present.has(column));
  const doubled = unique.filter((column) => !single.has(column));
  const findings: StoreFinding[] = [];
  if (doubled.length > 0)
    findings.push({
      level: 'problem',
      finding: `the table ${quoted(name)} has no primary key on ${doubled.join(', ')}, so that a row may be there twice.`,
      remedy: `ALTER TABLE ${quoted(name)} ADD PRIMARY KEY (${doubled.join(', ')}).`,
    });
  if (slow.length > 0)
    findings.push({
      level: 'warning',
      finding: `the table ${quoted(name)} has no valid index on ${slow.join(', ')}, so that lists and clean-ups read all of it.`,
      remedy: `${migrate} DROP an invalid index first.`,
    });
  if (state['persistence'] === 'u')
    findings.push({
      level: 'warning',
      finding: `the table ${quoted(name)} is UNLOGGED: a crash of the server empties it.`,
      remedy: `ALTER TABLE ${quoted(name)} SET LOGGED.`,
    });
  return findings.length > 0
    ? findings
    : [{ level: 'ok', finding: `the table ${quoted(name)} has its indexes and is kept on disk.` }];
}
