import type { IncomingMessage } from 'node:http';

/**
 * The properties that Express (on the raw request), Fastify (on its wrapper) and Fastify's middleware engine (on the
 * raw request) add to a request. They use `X-Forwarded-*` only if the application trusts its proxy.
 */
export type FrameworkRequest = IncomingMessage & {
  originalUrl?: string;
  protocol?: string;
  hostname?: string;
  ip?: string;
};

/** The client of a request. Computed on access, since behind a proxy the address requires parsing X-Forwarded-For. */
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

/** Whether the client accepts HTML explicitly, not only by a wildcard. */
export function wantsHtml(request: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}
