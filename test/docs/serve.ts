import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import type { PlatformName } from '../support/platforms.js';

const serving: INestApplication[] = [];

/** An application with these imports, in this order, and nothing else. Closed by {@link closeServed}. */
export async function serve(
  platform: PlatformName,
  metadata: ModuleMetadata,
  prepare: (app: INestApplication) => void = () => undefined,
  override: (module: TestingModuleBuilder) => TestingModuleBuilder = (module) => module,
): Promise<string> {
  const module = await override(Test.createTestingModule(metadata)).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app: INestApplication = module.createNestApplication(adapter as never, { logger: false });
  prepare(app);
  await app.listen(0, '127.0.0.1');
  serving.push(app);
  return (await app.getUrl()).replace('[::1]', '127.0.0.1');
}

export async function closeServed(): Promise<void> {
  for (const app of serving.splice(0)) await app.close();
}
