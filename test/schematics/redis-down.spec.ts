import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, type Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { Session, SessionModule, type SessionOptionsFactory } from 'nest-sessions';
import { STORES } from '../../lib/schematics/templates.js';
import { Browser } from '../support/browser.js';
import { LogSink } from '../support/log-sink.js';
import { SECRET } from '../support/platforms.js';
import { describeWithRedis, RedisServer, START_TIMEOUT, stopServers } from '../support/servers.js';
import { until } from '../support/until.js';

const text = STORES.redis.files['session.options.ts']!;

@Controller()
class VisitsController {
  @Get('visit')
  visit(@Session() session: Session<{ visits?: number }>) {
    session.data.visits = (session.data.visits ?? 0) + 1;
    return { visits: session.data.visits };
  }
}

/** The class that the schematic writes, run as it is. */
async function generated(): Promise<Type<SessionOptionsFactory>> {
  const file = join(process.cwd(), '.cache', 'schematics', `${process.pid}-session.options.ts`);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  try {
    const { SessionOptions } = (await import(file)) as { SessionOptions: Type<SessionOptionsFactory> };
    return SessionOptions;
  } finally {
    rmSync(file);
  }
}

it('is the class that the page on stores shows', () => {
  expect(readFileSync('docs/stores.md', 'utf8')).toContain(text.trimEnd());
});

describeWithRedis('an application of nest add --store=redis', () => {
  const before = { ...process.env };

  afterAll(async () => {
    process.env = before;
    await stopServers();
  }, START_TIMEOUT);

  it(
    'starts while Redis is down, answers with 503, and recovers by itself',
    async () => {
      const redis = await RedisServer.start();
      await redis.kill();
      Object.assign(process.env, { REDIS_URL: redis.url, SESSION_SECRET: SECRET });
      const imports = [SessionModule.forRootAsync({ useClass: await generated() })];
      const module = await Test.createTestingModule({ imports, controllers: [VisitsController] }).compile();
      const app = module.createNestApplication(new ExpressAdapter(), { logger: new LogSink() });
      app.enableShutdownHooks([]);
      await app.listen(0, '127.0.0.1');
      const browser = new Browser(await app.getUrl());
      expect((await browser.get('/visit')).status).toBe(503);
      await redis.start();
      await until(async () => (await browser.get('/visit')).status === 200);
      expect((await browser.get('/visit')).json()).toEqual({ visits: 2 });
      await app.close();
    },
    START_TIMEOUT,
  );
});
