/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The headers by which a browser tells for whom it sends a request. */
export interface OriginHeaders {
  origin?: string | undefined;
  'sec-fetch-site'?: string | string[] | undefined;
}

/**
 * Whether a browser sent this request on behalf of another site. `Sec-Fetch-Site` tells in every browser
 * since 2023; before, an `Origin` that is not the host's. With neither it is no browser, so there are no
 * cookies that somebody else could be using.
 *
 * @param allowed origins that count as the application's own
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

/** Whether requests of this method change things. */
export const isUnsafe = (method: string | undefined): boolean => !SAFE.has(method ?? 'GET');

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/**
 * A path of this very origin, for a redirect: begins with one slash, and no parser of a browser makes a
 * host out of what follows. Anything else becomes `fallback`.
 */
export function safeNext(next: unknown, fallback = '/'): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return fallback;
  // The WHATWG URL parser drops tab and newline and reads "\" as "/": let it, and see where it arrives.
  const base = 'http://same.invalid';
  if (!URL.canParse(next, base)) return fallback;
  const { origin, pathname, search, hash } = new URL(next, base);
  if (origin !== base || pathname.startsWith('//')) return fallback;
  return `${pathname}${search}${hash}`;
}
