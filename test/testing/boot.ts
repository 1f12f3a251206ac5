import type { INestApplication } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { TestingModuleBuilder } from '@nestjs/testing';
import type { PlatformName } from '../support/platforms.js';

const running: INestApplication[] = [];

/** An application that was neither initialised nor started, as the tests of an application make it. Closed by {@link closeBooted}. */
export async function boot(platform: PlatformName, builder: TestingModuleBuilder): Promise<INestApplication> {
  const module = await builder.compile();
  const app =
    platform === 'fastify'
      ? module.createNestApplication(new FastifyAdapter(), { logger: false })
      : module.createNestApplication(new ExpressAdapter(), { logger: false });
  running.push(app);
  return app;
}

export async function closeBooted(): Promise<void> {
  for (const app of running.splice(0)) await app.close();
}
