import type { IncomingMessage } from 'node:http';

/**
 * What Express (on the raw request itself), Fastify (on its wrapper) and Fastify's middleware engine (on the raw
 * request) tell of a request. They look at `X-Forwarded-*` only where the application trusts its proxy.
 */
export type FrameworkRequest = IncomingMessage & {
  originalUrl?: string;
  protocol?: string;
  hostname?: string;
  ip?: string;
};

/** Who sent a request. Looked up when it is asked for: behind a proxy the address takes a walk along X-Forwarded-For. */
export class RequestClient {
  /** The raw request. */
  readonly request: IncomingMessage;
  /** The request as the framework sees it. */
  readonly seen: FrameworkRequest;

  constructor(request: IncomingMessage, seen: FrameworkRequest) {
    this.request = request;
    this.seen = seen;
  }

  /** The address of the client, as the framework sees it. */
  get ip(): string | undefined {
    return this.seen.ip ?? this.request.socket.remoteAddress;
  }

  get userAgent(): string | undefined {
    return this.request.headers['user-agent'];
  }
}

/** Whether the client prefers a page: it names HTML, and not just anything. */
export function wantsHtml(request: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}
