import type { NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { servePage } from './http/serve-page.js';
import { usePassport } from './http/use-passport.js';
import type { Settings } from './settings.js';

/** The application as it is: `src/before/create-app.ts` without express-session. */
export async function createApp(
  settings: Settings,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), {
    logger: ['warn', 'error'],
    ...options,
  });
  servePage(app);
  usePassport(app);
  return app;
}
