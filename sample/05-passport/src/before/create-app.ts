import type { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import session from 'express-session';
import { servePage } from '../http/serve-page.js';
import { usePassport } from '../http/use-passport.js';
import { AppModule } from './app.module.js';
import type { OldSessions } from './old-sessions.js';

/** The application as it was: with express-session. */
export async function createApp(
  { secret, store }: OldSessions,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: ['warn', 'error'],
    ...options,
  });
  servePage(app);
  app.use(session({ secret, store, resave: false, saveUninitialized: false }));
  usePassport(app);
  return app;
}
