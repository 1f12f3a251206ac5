import type { HeadHeaders } from './shared-headers.js';
import { TARGETED_CACHE_HEADERS } from './targeted-cache-headers.js';

/**
 * Keeps a response that depends on the session out of shared caches (RFC 9111 §3.5, §5.2.2.7): `private`
 * (`no-store` for a logged-in session, so that no cache of the browser shows it after a logout) and
 * `Vary: Cookie`. A `Cache-Control` of the application is kept, except for directives that allow shared caching.
 * Targeted fields such as `CDN-Cache-Control`, which a CDN obeys instead (RFC 9213 §2.2), become `no-store`, and
 * `X-Accel-Expires`, which nginx obeys instead, 0.
 *
 * The pages that Chromium keeps for the Back button are no cache in the sense of HTTP: it drops those that are `no-store`
 * when a cookie changes (`cookieChanges` in core/token/cookie.ts).
 */
export function keepPrivate(head: HeadHeaders, loggedIn: boolean): void {
  addVary(head, 'Cookie');
  for (const [name, value] of TARGETED_CACHE_HEADERS)
    if (head.getHeader(name) !== undefined) head.setHeader(name, value);
  const given = head.getHeader('cache-control');
  if (given === undefined) {
    head.setHeader('Cache-Control', loggedIn ? 'private, no-store' : 'private');
    return;
  }
  const directives = splitList(String(given));
  if (directives.some((directive) => /^(?:private|no-store)$/i.test(directive))) return;
  const rest = directives.filter((directive) => !/^(?:public|s-maxage=.*)$/i.test(directive));
  head.setHeader('Cache-Control', ['private', ...rest].join(', '));
}

/** Adds field names, separated by commas, to `Vary`; skips those that it contains already. */
export function addVary(head: HeadHeaders, names: string): void {
  const given = head.getHeader('vary');
  if (given === undefined) {
    head.setHeader('Vary', names);
    return;
  }
  const present = splitList(String(given));
  if (present.includes('*')) return;
  const known = new Set(present.map((name) => name.toLowerCase()));
  head.setHeader(
    'Vary',
    [...present, ...splitList(names).filter((name) => !known.has(name.toLowerCase()))].join(', '),
  );
}

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
