import { hostOf, schemeOf, type FrameworkRequest } from './request-facts.js';

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The headers in which a browser states which site initiated a request. */
export interface OriginHeaders {
  origin?: string | undefined;
  'sec-fetch-site'?: string | string[] | undefined;
}

/** Where a request was sent, as far as it is known. */
export interface Destination {
  /** With its port, unless that is the default; of a trusted proxy the one that the browser has asked. */
  host: string | undefined;
  /** Whether it came by TLS, to this server or to a trusted proxy. Where it did not, a proxy that is not trusted may have ended TLS. */
  tls: boolean;
}

/** Where a request was sent, by the framework if it has seen the request, and otherwise by the request itself. */
export const destinationOf = (request: FrameworkRequest, host = request.host): Destination => ({
  host: host ?? hostOf(request),
  tls: schemeOf(request) === 'https',
});

/**
 * Whether another site made a browser send this request (CSRF). Every browser since 2023 sends
 * `Sec-Fetch-Site`, but only over HTTPS and to this machine; otherwise `Origin` is compared with the destination. A
 * request with neither header does not come from a browser, so no other site can use its cookies.
 *
 * @param host as in {@link Destination}
 * @param allowed origins that are treated as the application's own
 * @param tls as in {@link Destination}
 */
export function isCrossOrigin(
  { origin, 'sec-fetch-site': site }: OriginHeaders,
  host: string | undefined,
  allowed: readonly string[],
  tls = false,
): boolean {
  if (origin !== undefined && allowed.includes(origin)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return origin !== undefined && !isOriginOf(origin, { host, tls });
}

/** An origin of the web: scheme "://" host [ ":" port ] (RFC 6454 §6.1). `null` and applications' schemes are none. */
const ORIGIN = /^(https?):\/\/([^/?#@\\\s]+)$/i;

/** Whether an origin is that of the destination. Without a host it is not: then nothing is known that it could equal. */
function isOriginOf(origin: string, { host, tls }: Destination): boolean {
  const [, scheme, from] = ORIGIN.exec(origin) ?? [];
  if (scheme === undefined || from === undefined || !host) return false;
  if (tls && scheme.toLowerCase() !== 'https') return false;
  const own = hostIn(scheme, from);
  return own !== undefined && own === hostIn(scheme, host);
}

/** A host in the one form in which it can be compared: small letters, without the default port of the scheme. */
function hostIn(scheme: string, host: string): string | undefined {
  const url = `${scheme}://${host}`;
  return ORIGIN.test(url) && URL.canParse(url) ? new URL(url).host : undefined;
}

/** The option `crossOrigin`, as applied to the requests of browsers. */
export class CsrfCheck {
  readonly #allowed: readonly string[] | undefined;

  constructor({ crossOrigin, allowedOrigins }: CsrfOptions) {
    this.#allowed = crossOrigin === 'block' ? allowedOrigins : undefined;
  }

  /** Whether a request is cross-site and not allowed to be. */
  rejects(headers: OriginHeaders, to: Destination): boolean {
    return this.#allowed !== undefined && isCrossOrigin(headers, to.host, this.#allowed, to.tls);
  }
}

export interface CsrfOptions {
  crossOrigin: 'block' | 'allow';
  allowedOrigins: readonly string[];
}

/** Whether requests with this method may change state. */
export const isUnsafe = (method: string | undefined): boolean => !SAFE.has(method ?? 'GET');

/**
 * Returns a path on the same origin, safe to redirect to: it begins with exactly one slash, and no browser
 * parses a host from the rest. Returns `fallback` for anything else.
 */
export function safeNext(next: unknown, fallback = '/'): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return fallback;
  // The WHATWG URL parser drops tabs and newlines and reads "\" as "/", so the check uses its result, not the text.
  const base = 'http://same.invalid';
  if (!URL.canParse(next, base)) return fallback;
  const { origin, pathname, search, hash } = new URL(next, base);
  if (origin !== base || pathname.startsWith('//')) return fallback;
  return `${pathname}${search}${hash}`;
}
