import { fileURLToPath } from 'node:url';
import { ValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { securityHeaders } from './security-headers.js';

const PUBLIC = fileURLToPath(new URL('../../public', import.meta.url));

/** What has nothing to do with sessions. */
export function servePage(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.use(securityHeaders);
  app.useStaticAssets(PUBLIC);
  app.useGlobalPipes(new ValidationPipe({ transform: true, whitelist: true }));
}
