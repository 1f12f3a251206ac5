import 'reflect-metadata';
import type { Server } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { NestFactory } from '@nestjs/core';
import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SessionModule, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisRevocations, RedisStore } from 'nest-sessions/redis';
import { SealedCookie } from 'nest-sessions/sealed';
import pg from 'pg';
import { createClient } from 'redis';
import { SoakController } from './app.js';
import { FAULT, Faults } from './faults.js';
import { KINDS, type FromNode, type Kind, type NodeSettings } from './settings.js';
import { ProcessorShare } from './waiting.js';

// A node: one process with an application over each store, as one that runs for weeks.
const settings = JSON.parse(process.argv[2]!) as NodeSettings;
const tell = (message: FromNode): void => void process.send?.(message);

for (const event of ['unhandledRejection', 'uncaughtException'] as const)
  process.on(event, (error: unknown) => tell({ type: 'defect', text: `${event}: ${describe(error)}` }));
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning')
    tell({ type: 'defect', text: `warning: ${warning.name}: ${warning.message}` });
});
process.on('disconnect', () => process.exit(0));

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();
const processor = new ProcessorShare();
process.on('message', () => {
  const delay = delays.percentile(99) / 1e6;
  delays.reset();
  const share = processor.next();
  // Twice: the first makes what waits for a finalizer garbage.
  globalThis.gc?.();
  globalThis.gc?.();
  tell({ type: 'vitals', heap: process.memoryUsage().heapUsed, delay, share });
});

const ignore = (): void => undefined;

/** Milliseconds. More than a processor that is shared makes anybody wait. */
const STORE_TIMEOUT = 3_000;

@Module({})
class SoakModule {}

async function redis() {
  const client = createClient({
    url: `redis://127.0.0.1:${settings.redis}`,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: (retries) => Math.min(50 * (retries + 1), 500) },
  });
  client.on('error', ignore);
  return client.connect();
}

async function storeFor(kind: Kind): Promise<SessionModuleOptions['store']> {
  switch (kind) {
    case 'Redis':
      return new RedisStore({ client: await redis() });
    case 'PostgreSQL': {
      const pool = new pg.Pool({
        host: '127.0.0.1',
        port: settings.postgres,
        user: 'postgres',
        database: 'postgres',
        max: 10,
        connectionTimeoutMillis: STORE_TIMEOUT,
      });
      pool.on('error', ignore);
      const store = new PostgresStore({ pool });
      await store.migrate();
      return store;
    }
    case 'sealed':
      return new SealedCookie({
        revocations: new RedisRevocations({ client: await redis(), prefix: 'sealed:' }),
      });
  }
}

/** Everything that happens rarely happens often here. */
const OFTEN = { rollEvery: '1s', rotateEvery: '15s', rotateGrace: '8s', idle: '5m' } as const;

async function moduleFor(kind: Kind): Promise<DynamicModule> {
  const sessions = SessionModule.forRoot({
    secret: 'nRr1hT0m3yq6Zb8s5Vx2Kc9Wd4Jf7Lg0PaQeUiOtYp',
    store: (await storeFor(kind))!,
    storeTimeout: STORE_TIMEOUT,
    ...OFTEN,
  });
  return {
    module: SoakModule,
    imports: [sessions],
    controllers: [SoakController],
    providers: [{ provide: FAULT, useValue: new Faults(settings.fault) }],
  };
}

async function start(kind: Kind): Promise<string> {
  const adapter = settings.platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app: INestApplication = await NestFactory.create(await moduleFor(kind), adapter, { logger: false });
  await app.listen(0, '127.0.0.1');
  // A connection that is closed as the next request comes would be a request without a response.
  (app.getHttpServer() as Server).keepAliveTimeout = 600_000;
  app.get(SessionService).events.subscribe(({ type, remote }) => {
    if (!remote) tell({ type: 'event', name: type, kind });
  });
  const { port } = app.getHttpServer().address() as { port: number };
  return `http://127.0.0.1:${port}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const urls: [Kind, string][] = [];
for (const kind of KINDS) urls.push([kind, await start(kind)]);
tell({ type: 'ready', urls: Object.fromEntries(urls) as Record<Kind, string> });
