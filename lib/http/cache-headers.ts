import type { ServerResponse } from 'node:http';

/**
 * Keeps a response that depends on the session out of shared caches (RFC 9111 §3.5, §5.2.2.7): `private`
 * (`no-store` for a logged-in session, so that the Back button shows nothing after a logout) and
 * `Vary: Cookie`. A `Cache-Control` of the application is kept, except for directives that allow shared caching.
 */
export function keepPrivate(response: ServerResponse, loggedIn: boolean): void {
  addVary(response, 'Cookie');
  const given = response.getHeader('cache-control');
  if (given === undefined) {
    response.setHeader('Cache-Control', loggedIn ? 'private, no-store' : 'private');
    return;
  }
  const directives = splitList(String(given));
  if (directives.some((directive) => /^(?:private|no-store)$/i.test(directive))) return;
  const rest = directives.filter((directive) => !/^(?:public|s-maxage=.*)$/i.test(directive));
  response.setHeader('Cache-Control', ['private', ...rest].join(', '));
}

/** Adds field names, separated by commas, to `Vary`; skips those that it contains already. */
export function addVary(response: ServerResponse, names: string): void {
  const given = response.getHeader('vary');
  if (given === undefined) {
    response.setHeader('Vary', names);
    return;
  }
  const present = splitList(String(given));
  if (present.includes('*')) return;
  const known = new Set(present.map((name) => name.toLowerCase()));
  response.setHeader(
    'Vary',
    [...present, ...splitList(names).filter((name) => !known.has(name.toLowerCase()))].join(', '),
  );
}

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
