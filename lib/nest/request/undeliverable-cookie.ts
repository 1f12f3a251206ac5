import { Logger } from '@nestjs/common';
import type { FrameworkRequest } from '../../http/request-facts.js';

const logger = new Logger('nest-sessions');
const warnedAt = new WeakMap<object, number>();

/** Logs at most once a minute per application, because every response with a cookie is affected. */
export function warnOfUndeliverable(application: object, request: FrameworkRequest): void {
  const now = performance.now();
  if (now - (warnedAt.get(application) ?? -Infinity) < 60_000) return;
  warnedAt.set(application, now);
  logger.error(
    `The session cookie was not sent: it is Secure, and the request for ${request.headers.host ?? 'this host'} came over plain HTTP. ` +
      'Behind a proxy that terminates TLS, set `trust proxy` (Express: app.set("trust proxy", 1); Fastify: new FastifyAdapter({ trustProxy: true })) and configure the proxy to send X-Forwarded-Proto. ' +
      'For an intranet without TLS, set cookie: { secure: false }.',
  );
}
