import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import type { SessionStore } from 'nest-sessions';
import pg from 'pg';
import { createClient } from 'redis';

/** The store that STORE names; its server is at REDIS_URL or DATABASE_URL. */
export async function openStore(env: NodeJS.ProcessEnv): Promise<SessionStore> {
  switch (env['STORE'] ?? 'redis') {
    case 'redis': {
      const client = createClient({ url: env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' });
      // Told, and not thrown: while Redis is away the library answers 503, and the client reconnects by itself.
      client.on('error', (error: Error) => console.error(`Redis: ${error.message}`));
      await client.connect();
      return new RedisStore({ client, prefix: 'sample:' });
    }
    case 'postgres': {
      const pool = new pg.Pool({
        connectionString: env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
      });
      pool.on('error', (error) => console.error(`PostgreSQL: ${error.message}`));
      const store = new PostgresStore({ pool, table: 'sample_sessions' });
      await store.migrate();
      return store;
    }
    default:
      throw new Error(`STORE: there is no store "${env['STORE']}". Write redis or postgres.`);
  }
}
