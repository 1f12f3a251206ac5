import { stringifySetCookie } from 'cookie';

/** How the session cookie is written. HttpOnly and an explicit SameSite are always there. */
export interface CookieOptions {
  /**
   * The name. One for each application of a host, since cookies do not distinguish ports.
   * @default '__Host-session'; '__Secure-session' with a `path` or `domain` of its own; 'session' where `secure` is false
   */
  name?: string;
  /** The path below which browsers send the cookie. It is no protection against scripts of the same origin. @default '/' */
  path?: string;
  /** The domain to whose hosts browsers send the cookie. @default none: the cookie goes to this host alone */
  domain?: string;
  /** Whether browsers send the cookie with requests that other sites initiate (RFC 6265bis §5.6.7). @default 'lax' */
  sameSite?: 'strict' | 'lax' | 'none';
  /** False only for an intranet without TLS. @default true */
  secure?: boolean;
  /** A jar per top-level site (CHIPS), for an application in a frame. @default false */
  partitioned?: boolean;
  /** Which cookies Chromium drops first when a site has too many. @default none */
  priority?: 'low' | 'medium' | 'high';
}

export interface ResolvedCookie {
  name: string;
  path: string;
  domain?: string;
  sameSite: 'strict' | 'lax' | 'none';
  secure: boolean;
  partitioned: boolean;
  priority?: 'low' | 'medium' | 'high';
}

/** Name and value together: what every browser is sure to keep (RFC 6265bis §5.6). */
export const MAX_COOKIE_OCTETS = 4096;

/** Browsers cut a longer life to this (RFC 6265bis §5.5), in milliseconds. */
export const MAX_COOKIE_AGE = 400 * 24 * 60 * 60 * 1000;

/**
 * All values of the cookie with exactly this name, in the order of the header. Cookie parsers keep one of several, which
 * depends on paths and age; the caller decides here, so it needs all of them.
 *
 * cookie-string = cookie-pair *( ";" SP cookie-pair ) (RFC 6265 §4.2.1). Around a pair only space and
 * tab are dropped: other white space is part of the name.
 */
export function cookieValues(header: string | undefined, name: string): string[] {
  const values: string[] = [];
  if (header === undefined || !header.includes(name)) return values;
  let start = 0;
  while (start < header.length) {
    let end = header.indexOf(';', start);
    if (end === -1) end = header.length;
    const from = skipBlanks(header, start, end);
    if (header.startsWith(name, from) && header.charCodeAt(from + name.length) === 0x3d) {
      values.push(trimEnd(header, from + name.length + 1, end));
    }
    start = end + 1;
  }
  return values;
}

function skipBlanks(text: string, from: number, end: number): number {
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  return from;
}

function trimEnd(text: string, from: number, end: number): string {
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(skipBlanks(text, from, end), end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** The value as it was before it was percent-encoded; `undefined` if it cannot have been. */
export function decodeValue(value: string): string | undefined {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}

/**
 * The Set-Cookie header for a token.
 *
 * @param maxAge milliseconds for a persistent cookie; without it the browser drops the cookie at its end
 */
export function setCookie(cookie: ResolvedCookie, token: string, maxAge?: number): string {
  return stringifySetCookie(
    {
      ...attributes(cookie),
      value: token,
      ...(maxAge === undefined ? {} : ageOf(Math.floor(Math.min(maxAge, MAX_COOKIE_AGE) / 1000))),
    },
    // A token has only cookie-octets (RFC 6265 §4.1.1): nothing to encode, and nothing to decode at each request.
    { encode: String },
  );
}

/** Takes the cookie away. The attributes are repeated: without the same ones it is another cookie (RFC 6265bis §5.7). */
export function expireCookie(cookie: ResolvedCookie): string {
  return stringifySetCookie({ ...attributes(cookie), value: '', ...ageOf(0) });
}

/**
 * Headers that set another HttpOnly cookie and take it away again, for a response that takes the session cookie away.
 *
 * Chromium keeps whole pages for the Back button although they are `no-store`, and drops them when an HttpOnly cookie
 * changes (`CacheControlNoStoreHTTPOnlyCookieModified`). It counts the changes since the page was requested, less one for
 * the cookies that the request itself brought. But a redirect begins the count anew: for the page to which a login
 * redirects, the cookie of the login is subtracted and was not counted, so that the next change goes unnoticed, which is
 * the end of the session. Any second change makes up for it.
 *
 * Its name is another one, because clients and proxies differ in which of two cookies of one name they keep
 * (RFC 6265bis §4.1.1). Where they keep the first, it expires after a second. `Clear-Site-Data: "cache"` does not drop
 * these pages.
 */
export function cookieChanges(cookie: ResolvedCookie): string[] {
  const other = { ...attributes(cookie), name: `${cookie.name}-ended` };
  return [
    stringifySetCookie({ ...other, value: '1', ...ageOf(1) }),
    stringifySetCookie({ ...other, value: '', ...ageOf(0) }),
  ];
}

/**
 * Servers write no `Max-Age=0` by their grammar (max-age-av, RFC 6265bis §4.1.1), and not every client reads one. So it
 * never stands without the `Expires` that says the same.
 */
const ageOf = (seconds: number): { maxAge: number; expires?: Date } =>
  seconds > 0 ? { maxAge: seconds } : { maxAge: 0, expires: new Date(0) };

function attributes(cookie: ResolvedCookie) {
  return {
    name: cookie.name,
    path: cookie.path,
    ...(cookie.domain === undefined ? {} : { domain: cookie.domain }),
    httpOnly: true,
    secure: cookie.secure,
    sameSite: cookie.sameSite,
    partitioned: cookie.partitioned,
    ...(cookie.priority === undefined ? {} : { priority: cookie.priority }),
  };
}
