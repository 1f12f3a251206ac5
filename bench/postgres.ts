import { pinOther } from './processes.js';

/** The PostgreSQL of the environment (`DATABASE_URL`), or of this machine; `undefined` where there is none. */
export async function postgresUrl(): Promise<string | undefined> {
  const { default: pg } = await import('pg');
  const url = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/test';
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  try {
    await client.connect();
    await client.query('DROP TABLE IF EXISTS bench_sessions');
    return url;
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Takes the backends of the benches off the core of the server under test. */
export async function pinBackends(url: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'nest-sessions-bench'",
    );
    for (const { pid } of rows) pinOther(pid);
  } finally {
    await client.end();
  }
}
