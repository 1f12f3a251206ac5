import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { inspect } from 'node:util';
import { SessionModule, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { disclosure } from './disclosure.js';
import { LogSink } from './log-sink.js';

export const SECRET = 'nRr1hT0m3yq6Zb8s5Vx2Kc9Wd4Jf7Lg0PaQeUiOtYp';

export type PlatformName = 'express' | 'fastify';

/** Every behaviour is specified once and holds on both. */
export const platforms: [PlatformName][] = [['express'], ['fastify']];

export interface Running {
  app: INestApplication;
  clock: FakeClock;
  url: string;
}

export interface Setup {
  options?: Partial<SessionModuleOptions>;
  controllers?: Type[];
  imports?: ModuleMetadata['imports'];
  providers?: ModuleMetadata['providers'];
  /** Without a fake clock the store's or the machine's decides. */
  realClock?: boolean;
  trustProxy?: boolean;
  /** Before the application listens: middleware of its own, say. */
  prepare?(app: INestApplication): void | Promise<void>;
}

/** A platform over something that keeps sessions. */
export interface Site {
  readonly platform: PlatformName;
  readonly store: () => SessionModuleOptions['store'] | Promise<SessionModuleOptions['store']>;
}

const running: INestApplication[] = [];

/** An application that listens on a free port of this machine. Closed by {@link closeAll}. */
export async function start(on: PlatformName | Site, setup: Setup = {}): Promise<Running> {
  const { platform, store }: { platform: PlatformName; store?: Site['store'] } =
    typeof on === 'string' ? { platform: on } : on;
  const clock = new FakeClock();
  const module = await Test.createTestingModule({
    imports: [
      SessionModule.forRoot({
        secret: SECRET,
        ...(setup.realClock ? {} : { clock }),
        ...(store && { store: await store() }),
        ...setup.options,
      }),
      ...(setup.imports ?? []),
    ],
    controllers: setup.controllers ?? [],
    providers: setup.providers ?? [],
  }).compile();
  const app = create(platform, module, setup);
  app.enableShutdownHooks([]);
  await setup.prepare?.(app);
  await app.listen(0, '127.0.0.1').catch((error: unknown) => {
    disclosure.written('an error at boot', inspect(error, { depth: 12 }));
    throw error;
  });
  running.push(app);
  app.get(SessionService).events.subscribe((event) => disclosure.written('an event', JSON.stringify(event)));
  return { app, clock, url: (await app.getUrl()).replace('[::1]', '127.0.0.1') };
}

function create(
  platform: PlatformName,
  module: Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>,
  setup: Setup,
): INestApplication {
  if (platform === 'fastify') {
    return module.createNestApplication<NestFastifyApplication>(
      new FastifyAdapter({ trustProxy: setup.trustProxy ?? false }),
      { logger: new LogSink() },
    );
  }
  const app = module.createNestApplication<NestExpressApplication>(new ExpressAdapter(), {
    logger: new LogSink(),
  });
  if (setup.trustProxy) app.set('trust proxy', true);
  return app;
}

export async function closeAll(): Promise<void> {
  for (const app of running.splice(0)) await app.close();
}
