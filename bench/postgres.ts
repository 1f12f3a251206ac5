import type { Client } from 'pg';
import { pinOther } from './processes.js';
import { APPLICATION } from './server/settings.js';

const TABLES = 'bench\\_%';

/** The PostgreSQL of the environment (`DATABASE_URL`), or of this machine; `undefined` where there is none. */
export async function postgresUrl(): Promise<string | undefined> {
  const url = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test';
  try {
    await dropTables(url);
    return url;
  } catch {
    return undefined;
  }
}

/** All tables that benches made, now or before. */
export const dropTables = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    for (const name of await tables(client)) await client.query(`DROP TABLE "${name}"`);
  });

/**
 * Makes many times as many rows of those that are there: copies under ids of their own, which no cookie names. All lie
 * in the order of their ids, so the copies are mixed with the others.
 */
export const multiplyRows = (url: string, table: string, times: number): Promise<void> =>
  withClient(url, async (client) => {
    await client.query(
      `INSERT INTO "${table}" SELECT copy.* FROM "${table}" AS one CROSS JOIN generate_series(2, $1::int) AS n
       CROSS JOIN LATERAL jsonb_populate_record(
         one, jsonb_build_object('id', translate(encode(decode(md5(one.id || n), 'hex'), 'base64'), '+/=', '-_'))
       ) AS copy`,
      [times],
    );
    await client.query(`CLUSTER "${table}" USING "${table}_pkey"`);
  });

/** What a server that has run for a while knows of its tables; without it the plans are guesses. */
export const analyseTables = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    for (const name of await tables(client)) await client.query(`VACUUM ANALYZE "${name}"`);
  });

/** Takes the backends of the benches off the core of the server under test. */
export const pinBackends = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE application_name = $1',
      [APPLICATION],
    );
    for (const { pid } of rows) pinOther(pid);
  });

export const settingOf = (url: string, name: string): Promise<string> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    return rows[0]!.value;
  });

async function tables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE $1',
    [TABLES],
  );
  return rows.map(({ name }) => name);
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
