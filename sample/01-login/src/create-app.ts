import { fileURLToPath } from 'node:url';
import { ValidationPipe, type NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { securityHeaders } from './http/security-headers.js';
import type { Settings } from './settings.js';

const PUBLIC = fileURLToPath(new URL('../public', import.meta.url));

/** The application, ready to listen. A test gives its own clock here; nothing that comes over HTTP can. */
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
  // Before the session: a style sheet is the same for everybody, and may be kept by the browser.
  app.useStaticAssets(PUBLIC, { prefix: '/assets/', maxAge: '10m' });
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
  return app;
}
