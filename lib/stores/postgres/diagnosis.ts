import { clockProblem } from '../../core/storage/health/store-problems.js';
import type { StoreContext, StoreProblem } from '../../core/storage/store.js';
import { query, type PostgresPool, type PostgresRow } from './connection/pool.js';
import { quoted } from './sql/table-name.js';

/** A table that a store needs. */
export interface NeededTable {
  /** With or without a schema. */
  name: string;
  columns: readonly string[];
  /** What the role of the application does with it. */
  privileges: readonly ('SELECT' | 'INSERT' | 'UPDATE' | 'DELETE')[];
}

const OLDEST_VERSION = 120_000;

/**
 * One statement about the server and each table.
 *
 * $1 the quoted names, $2 the privileges of each, as a list with commas
 */
const STATE = `
  SELECT current_setting('server_version_num')::int < ${OLDEST_VERSION} AS old, version() AS version,
    pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS readonly,
    (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS time,
    needed.name, found.oid IS NOT NULL AS present, (
      SELECT string_agg(attname, ',') FROM pg_attribute
      WHERE attrelid = found.oid AND attnum > 0 AND NOT attisdropped
    ) AS columns, (
      SELECT string_agg(privilege, ', ') FROM unnest(string_to_array(needed.privileges, ',')) AS privilege
      WHERE NOT has_table_privilege(found.oid, privilege)
    ) AS refused
  FROM unnest($1::text[], $2::text[]) AS needed (name, privileges),
    LATERAL (SELECT to_regclass(needed.name)::oid AS oid) AS found`;

/**
 * What would make sessions in PostgreSQL fail.
 *
 * @param owner the class whose `migrate()` and `ddl()` make the tables
 * @throws Error if the database does not respond
 */
export async function diagnosePostgres(
  owner: string,
  pool: PostgresPool,
  tables: readonly NeededTable[],
  { clock, clockInjected }: Pick<StoreContext, 'clock' | 'clockInjected'>,
): Promise<StoreProblem[]> {
  const values = [tables.map(({ name }) => quoted(name)), tables.map(({ privileges }) => privileges.join())];
  const { rows } = await query(pool, STATE, values);
  const server = rows[0]!;
  return [
    ...problemsOfServer(server),
    ...tables.flatMap((table) => {
      const state = rows.find(({ name }) => name === quoted(table.name));
      return problemsOfTable(owner, table, state!);
    }),
    ...(clockInjected ? [] : clockProblem('PostgreSQL', Number(server['time']), clock)),
  ];
}

function problemsOfServer({ old, version, standby, readonly }: PostgresRow): StoreProblem[] {
  const problems: StoreProblem[] = [];
  if (old === 't')
    problems.push({ problem: `the database is ${version}.`, remedy: 'Use PostgreSQL 12 or later.' });
  if (standby === 't')
    problems.push({
      problem: 'the pool is connected to a standby, which refuses writes and may know of a logout late.',
      remedy: 'Connect it to the primary (`target_session_attrs=read-write`).',
    });
  else if (readonly === 't')
    problems.push({
      problem: 'transactions of the pool are read-only, so that nobody can log in or out.',
      remedy: 'Set `default_transaction_read_only` to off for its role and database.',
    });
  return problems;
}

function problemsOfTable(owner: string, { name, columns }: NeededTable, state: PostgresRow): StoreProblem[] {
  const migrate = `Run \`await ${owner === 'PostgresStore' ? 'store' : 'revocations'}.migrate()\` once before the application starts, or apply the statements of \`${owner}.ddl()\`.`;
  if (state['present'] !== 't')
    return [
      { problem: `the table ${quoted(name)} does not exist, or not on the search_path.`, remedy: migrate },
    ];
  const present = new Set((state['columns'] ?? '').split(','));
  const missing = columns.filter((column) => !present.has(column));
  const refused = state['refused'];
  return [
    ...(missing.length > 0
      ? [
          {
            problem: `the table ${quoted(name)} lacks columns of this version: ${missing.join(', ')}.`,
            remedy: migrate,
          },
        ]
      : []),
    ...(refused
      ? [
          {
            problem: `the role of the pool may not ${refused} on the table ${quoted(name)}.`,
            remedy: `GRANT ${refused} ON ${quoted(name)} to that role.`,
          },
        ]
      : []),
  ];
}
