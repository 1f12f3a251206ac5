import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/**
 * A raw request, with what Express (on the request itself) and Fastify's middleware engine add to it. They
 * look at `X-Forwarded-*` only where the application trusts its proxy.
 */
export type FrameworkRequest = IncomingMessage & {
  originalUrl?: string;
  protocol?: string;
  hostname?: string;
  ip?: string;
};

/** Whether the request came over TLS, here or at a proxy that the application trusts. */
export function isSecure(request: FrameworkRequest): boolean {
  return request.protocol === 'https' || (request.socket as TLSSocket).encrypted === true;
}

/** The address of the client, as the framework sees it. */
export function clientAddress(request: FrameworkRequest): string | undefined {
  return request.ip ?? request.socket.remoteAddress;
}

/** Whether the client prefers a page: it names HTML, and not just anything. */
export function wantsHtml(request: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}
