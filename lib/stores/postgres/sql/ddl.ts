import { LOCK_MIGRATION, quoted, withoutSchema } from './table-name.js';

/** Columns that a table of an earlier version lacks until it is migrated. */
const ADDED_COLUMNS = { began_at: 'double precision', extra: 'jsonb' } as const;
export const ADDED = Object.keys(ADDED_COLUMNS).join(', ');

const FIRST_COLUMNS = [
  'id',
  'format',
  'departed',
  'subject',
  'secret_hash',
  'previous',
  'revision',
  'factors',
  'created_at',
  'last_seen_at',
  'rotated_at',
  'persistent',
  'device',
  'data',
  'expires_at',
];

/** Every column of a table of this version. */
export const COLUMNS = [...FIRST_COLUMNS, ...Object.keys(ADDED_COLUMNS)];

/** The statements that create the table of sessions and its indexes. They can be run repeatedly. */
export function ddlOf(name: string): string {
  const table = quoted(name);
  const index = withoutSchema(name);
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
    addColumns(table),
    `CREATE INDEX IF NOT EXISTS "${index}_subject" ON ${table} (subject) WHERE subject IS NOT NULL;`,
    `CREATE INDEX IF NOT EXISTS "${index}_expires_at" ON ${table} (expires_at);`,
    '',
  ].join('\n');
}

/**
 * The statements of {@link ddlOf} as one message, which is one transaction. Columns are added only if one is missing,
 * because ALTER TABLE blocks every reader of a table in use.
 */
export function migrationOf(name: string): string {
  const table = quoted(name);
  const names = Object.keys(ADDED_COLUMNS).map((column) => `'${column}'`);
  const present = `SELECT FROM pg_attribute WHERE attrelid = '${table}'::regclass AND NOT attisdropped AND attname IN (${names.join(', ')})`;
  const addMissing = `DO $$ BEGIN IF (SELECT count(*) FROM (${present}) AS present) < ${names.length} THEN ${addColumns(table)} END IF; END $$;`;
  const ddl = ddlOf(name).replace(addColumns(table), () => addMissing);
  return `${LOCK_MIGRATION}\n${ddl}`;
}

function addColumns(table: string): string {
  const added = Object.entries(ADDED_COLUMNS).map(
    ([column, type]) => `ADD COLUMN IF NOT EXISTS ${column} ${type}`,
  );
  return `ALTER TABLE ${table} ${added.join(', ')};`;
}
