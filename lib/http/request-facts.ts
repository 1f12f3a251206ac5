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

/** Who sent a request. Looked up when it is asked for: behind a proxy the address takes a walk along X-Forwarded-For. */
export class RequestClient {
  readonly request: FrameworkRequest;

  constructor(request: FrameworkRequest) {
    this.request = request;
  }

  /** The address of the client, as the framework sees it. */
  get ip(): string | undefined {
    return this.request.ip ?? this.request.socket.remoteAddress;
  }

  get userAgent(): string | undefined {
    return this.request.headers['user-agent'];
  }
}

/** Whether the client prefers a page: it names HTML, and not just anything. */
export function wantsHtml(request: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}
