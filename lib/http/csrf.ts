/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The headers in which a browser states which site initiated a request. */
export interface OriginHeaders {
  origin?: string | undefined;
  'sec-fetch-site'?: string | string[] | undefined;
}

/**
 * Whether another site made a browser send this request (CSRF). Every browser since 2023 sends
 * `Sec-Fetch-Site`; for older ones, `Origin` is compared with the host. A request with neither header does
 * not come from a browser, so no other site can use its cookies.
 *
 * @param allowed origins that are treated as the application's own
 */
export function isCrossOrigin(
  { origin, 'sec-fetch-site': site }: OriginHeaders,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin !== undefined && allowed.includes(origin)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return origin !== undefined && hostOf(origin) !== host?.toLowerCase();
}

/** Whether requests with this method may change state. */
export const isUnsafe = (method: string | undefined): boolean => !SAFE.has(method ?? 'GET');

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

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
