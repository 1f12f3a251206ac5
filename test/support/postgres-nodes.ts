import pg from 'pg';
import type { Type } from '@nestjs/common';
import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { AppController } from './app.js';
import { start, type PlatformName } from './platforms.js';
import type { PostgresServer } from './postgres.js';
import { until } from './until.js';

export interface PostgresNode {
  url: string;
  pool: pg.Pool;
  /** Every statement that went to the server, in the order of their sending. */
  statements: string[];
  events: SessionEvent[];
}

interface NodeSetup {
  table: string;
  options?: Partial<SessionModuleOptions>;
  controllers?: Type[];
}

let nodes = 0;

/** An application with a pool of its own, as one of several that share a table. Time is the database's. */
export async function startNode(
  platform: PlatformName,
  server: PostgresServer,
  { table, options, controllers = [] }: NodeSetup,
): Promise<PostgresNode> {
  const statements: string[] = [];
  const name = `node ${++nodes}`;
  const pool = server.pool({ Client: recording(statements), application_name: name });
  const store = new PostgresStore({ pool, table });
  await store.migrate();
  const { app, url } = await start(platform, {
    realClock: true,
    // The machine may be busy with other specs; those of outages say what they wait for.
    options: { store, storeTimeout: '20s', ...options },
    controllers: [AppController, ...controllers],
  });
  const events: SessionEvent[] = [];
  app.get(SessionService).events.subscribe((event) => events.push(event));
  const listening = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%' AND state = 'idle'`;
  await until(async () => (await server.ask(listening, [name])).length === 1, 'listening');
  statements.length = 0;
  return { url, pool, statements, events };
}

/** A client that writes down what it sends, whoever sends it. */
function recording(statements: string[]): typeof pg.Client {
  return class extends pg.Client {
    override query(...args: unknown[]): never {
      const [query] = args as [string | { text: string }];
      statements.push((typeof query === 'string' ? query : query.text).replace(/\s+/g, ' ').trim());
      return (super.query as (...rest: unknown[]) => unknown)(...args) as never;
    }
  };
}
