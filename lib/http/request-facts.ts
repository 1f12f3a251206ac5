import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/**
 * The properties that Express (on the raw request), Fastify (on its wrapper) and Fastify's middleware engine (on the
 * raw request) add to a request. They use `X-Forwarded-*` only if the application trusts its proxy.
 */
export type FrameworkRequest = IncomingMessage & {
  originalUrl?: string;
  protocol?: string;
  hostname?: string;
  host?: string;
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

/**
 * The host that the client asked for, with its port: as the framework sees it, which behind a trusted proxy knows
 * `X-Forwarded-Host`. HTTP/2 has `:authority` in place of `Host` (RFC 9113 §8.3.1).
 */
export function hostOf(request: FrameworkRequest): string | undefined {
  const { host, [':authority']: authority } = request.headers;
  const asked = request.host || host || authority;
  return typeof asked === 'string' ? asked.toLowerCase() : undefined;
}

/**
 * The scheme that the client used. The framework knows it behind a trusted proxy. `:scheme` of HTTP/2 is not consulted,
 * because any client may write into it what it likes.
 */
export function schemeOf(request: FrameworkRequest): 'https' | 'http' {
  const socket = request.socket as TLSSocket | undefined;
  return request.protocol === 'https' || socket?.encrypted === true ? 'https' : 'http';
}

/** Whether an address of the web is on the host that was asked for, with its port or without the default one. */
export function isOnHost(url: URL, request: FrameworkRequest): boolean {
  const host = hostOf(request);
  const own = `${url.protocol}//${host}`;
  return host !== undefined && URL.canParse(own) && new URL(own).host === url.host;
}

/** Whether the client accepts HTML explicitly, not only by a wildcard. */
export function wantsHtml(request: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}
