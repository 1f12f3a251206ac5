import { UseGuards } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { LoginGuard, Subject, type SessionModuleOptions } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import pg from 'pg';
import { SESSION_ENGINE } from '../../lib/nest/options/tokens.js';
import { closeAll, start, type PlatformName } from './platforms.js';
import { closeClients, nodeRedis } from './redis-clients.js';

/** How such a process is started: as JSON in its first argument. */
export interface SocketNodeArguments {
  platform: PlatformName;
  /** The URL of a Redis server, or the port of a PostgreSQL server and a table. */
  over: { redis: string } | { port: number; table: string; name: string };
  reloadEvery: `${number}s`;
}

/** What it tells its parent: first where it listens, then how much is open each time that it is asked. */
export interface SocketNodeMessage {
  url: string;
  attached: number;
}

@WebSocketGateway()
@UseGuards(LoginGuard)
class Gateway {
  @SubscribeMessage('who')
  who(@Subject() subject: string) {
    return { event: 'answer', data: subject };
  }
}

// A node of its own: one process, one application with a gateway.
const { platform, over, reloadEvery } = JSON.parse(process.argv[2]!) as SocketNodeArguments;
const pool =
  'port' in over &&
  new pg.Pool({
    host: '127.0.0.1',
    port: over.port,
    user: 'postgres',
    database: 'postgres',
    application_name: over.name,
  });
const store = pool
  ? new PostgresStore({ pool, table: (over as { table: string }).table })
  : new RedisStore({ client: await nodeRedis((over as { redis: string }).redis) });
if (pool) pool.on('error', () => undefined);
const options: Partial<SessionModuleOptions> = { store, reloadEvery, storeTimeout: '20s' };
const { app, url } = await start(platform, {
  realClock: true,
  options,
  providers: [Gateway],
  prepare: (application) => void application.useWebSocketAdapter(new WsAdapter(application)),
});
const tell = (): void => {
  const { attachments } = app.get<{ attachments: { size: { attached: number } } }>(SESSION_ENGINE);
  process.send!({ url, attached: attachments.size.attached } satisfies SocketNodeMessage);
};
tell();
process.on('message', (message) => {
  if (message === 'stop') void stop();
  else tell();
});

async function stop(): Promise<void> {
  await closeAll();
  closeClients();
  if (pool) await pool.end();
  process.disconnect();
}
