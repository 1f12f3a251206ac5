import { readFileSync } from 'node:fs';
import pg from 'pg';
import { PostgresStore, type PostgresStoreOptions } from 'nest-sessions/postgres';

/** Connects only when asked something. */
const pool = new pg.Pool();

describe('the options of PostgresStore', () => {
  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /pool: give a Pool of the package pg: new PostgresStore/],
    ['no pool', {}, /pool: give a Pool/],
    ['an address', { pool: 'postgres://localhost' }, /pool: give a Pool/],
    ['a client', { pool: new pg.Client() }, /pool: give a Pool of the package pg/],
    [
      'a pool alone',
      pool,
      /^PostgresStore: pool: give a Pool of the package pg: new PostgresStore\(.*\}\)\.$/,
    ],
    ['an empty table', { pool, table: '' }, /table: a name of letters/],
    ['a table with a quote', { pool, table: 'a"; DROP TABLE users; --' }, /table: a name of letters/],
    ['a table with a line break', { pool, table: 'sessions\n' }, /table: a name of letters/],
    ['a table in a database', { pool, table: 'db.schema.sessions' }, /table: a name of letters/],
    [
      'a table whose name leaves no room for the suffix of an index',
      { pool, table: 'a'.repeat(52) },
      /at most 51/,
    ],
    ['events as a text', { pool, events: 'no' }, /events: true or false/],
    [
      'an unknown option',
      { pool, rows: 1 },
      /Unknown option "rows"\. .*Known options: pool, table, events\./,
    ],
    ['an option of another store', { pool, tableName: 'x' }, /Unknown option "tableName": write table\./],
  ])('refuse %s', (_, options, message) => {
    const make = (): unknown => new PostgresStore(options as PostgresStoreOptions);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }));
  });

  it('print the table and its indexes, quoted, without a database', () => {
    const ddl = PostgresStore.ddl('app.Sessions');
    expect(ddl).toContain('CREATE TABLE IF NOT EXISTS "app"."Sessions" (');
    expect(ddl).toContain('"Sessions_subject" ON "app"."Sessions" (subject)');
    expect(new PostgresStore({ pool, table: 'app.Sessions' }).ddl).toBe(ddl);
    expect(PostgresStore.ddl()).toContain('"nest_sessions"');
    expect(() => PostgresStore.ddl('x y')).toThrow(/table: a name of letters/);
  });

  it('are documented with the statements that are printed', () => {
    expect(readFileSync('docs/stores.md', 'utf8')).toContain(PostgresStore.ddl());
  });
});
