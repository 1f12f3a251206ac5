import { Logger } from '@nestjs/common';
import { shown } from '../../core/util/texts.js';
import { hostOf, type FrameworkRequest } from '../../http/request-facts.js';

const logger = new Logger('nest-sessions');
const warnedAt = new WeakMap<object, number>();

/** Logs at most once a minute per application, because every response with a cookie is affected. */
export function warnOfUndeliverable(application: object, request: FrameworkRequest): void {
  const now = performance.now();
  if (now - (warnedAt.get(application) ?? -Infinity) < 60_000) return;
  warnedAt.set(application, now);
  const host = hostOf(request);
  logger.error(
    `The session cookie was not sent: it is Secure, and the request for ${host === undefined ? 'this host' : shown(host)} came over plain HTTP. ` +
      'Behind a proxy that terminates TLS, set `trust proxy` (Express: app.set("trust proxy", 1); Fastify: new FastifyAdapter({ trustProxy: \'10.0.0.0/8\' }), the address of the proxy) and configure the proxy to send X-Forwarded-Proto. ' +
      'In a container, or on another machine during development, publish its port and open the application as http://localhost: a browser keeps a Secure cookie over plain HTTP under that name only, and not under an address of the network or the name of a container. ' +
      'For an intranet without TLS, set cookie: { secure: false }.',
  );
}
