import type { Type } from '@nestjs/common';
import { SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { RedisStore, type RedisClient } from 'nest-sessions/redis';
import { AppController } from './app.js';
import { Browser } from './browser.js';
import { start, type PlatformName } from './platforms.js';

export interface RedisApp {
  url: string;
  /** What this node told, of itself and of others. */
  events: SessionEvent[];
  service: SessionService<object>;
  browser(): Browser;
}

interface RedisSetup {
  client: RedisClient;
  prefix?: string;
  options?: Partial<SessionModuleOptions>;
  controllers?: Type[];
}

/** An application over Redis, whose server tells the time. */
export async function startOverRedis(
  platform: PlatformName,
  { client, prefix, options, controllers = [] }: RedisSetup,
): Promise<RedisApp> {
  const store = new RedisStore({ client, ...(prefix !== undefined && { prefix }) });
  const { app, url } = await start(platform, {
    realClock: true,
    options: { store, ...options },
    controllers: [AppController, ...controllers],
  });
  const service = app.get<SessionService<object>>(SessionService);
  const events: SessionEvent[] = [];
  service.events.subscribe((event) => events.push(event));
  return { url, events, service, browser: () => new Browser(url) };
}
