import { fileURLToPath } from 'node:url';
import { ValidationPipe, type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { securityHeaders } from './http/security-headers.js';
import type { Settings } from './settings.js';

const PUBLIC = fileURLToPath(new URL('../public', import.meta.url));

/** The application, ready to listen. */
export async function createApp(
  settings: Settings,
  options: NestApplicationOptions = {},
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), {
    logger: ['warn', 'error'],
    ...options,
  });
  app.disable('x-powered-by');
  app.use(securityHeaders);
  app.useStaticAssets(PUBLIC);
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  return app;
}
