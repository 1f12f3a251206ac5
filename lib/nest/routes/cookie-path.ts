import { Inject, Injectable } from '@nestjs/common';
import type { FrameworkRequest } from '../../http/request-facts.js';
import type { SessionSettings } from '../options/session.settings.js';
import { SESSION_SETTINGS } from '../options/tokens.js';
import { RoutePattern } from './route-pattern.js';
import type { Route } from './route-table.js';

/** Requests that were refused a session here, with the path of the cookie. */
const outside = new WeakMap<object, string>();

/** The path of the session cookie if a request is outside of it and therefore has no session. */
export const pathMissedBy = (request: object): string | undefined => outside.get(request);

/**
 * Whether browsers send the session cookie with a request, by its path (RFC 6265 §5.1.4). A request outside of it has no
 * session: every one would get another, whose cookie never comes back.
 *
 * A proxy may take the path away before requests come here. So the path counts only if a route is within it.
 */
@Injectable()
export class CookiePath {
  readonly path: string;
  #counts = false;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.path = settings.engine.cookie.path;
  }

  /**
   * Decides whether the path counts, when the routes are known.
   *
   * @returns what to warn of
   */
  observe(routes: readonly Route[]): string | undefined {
    if (this.path === '/') return undefined;
    const reaches = routes.map((route) => ({ route, reach: reachOf(route.path, this.path) }));
    const beyond = reaches.filter(({ reach }) => reach === 'outside').map(({ route }) => route);
    this.#counts = reaches.some(({ reach }) => reach === 'inside');
    if (beyond.length === 0) return undefined;
    if (this.#counts) {
      return `cookie.path: browsers do not send the session cookie to routes outside of '${this.path}', so these have no session: ${listed(beyond)}. Widen cookie.path, or name those that need no session in "exclude".`;
    }
    if (beyond.length < routes.length) return undefined;
    return `cookie.path: no route is within '${this.path}', so the session cookie comes back only if a proxy takes '${this.path}' off the paths of requests. Without such a proxy every request gets another session: set cookie.path to a path of these routes: ${listed(beyond)}.`;
  }

  /** @param request the raw one, which is marked if the answer is false */
  covers(request: FrameworkRequest, seen: FrameworkRequest): boolean {
    if (!this.#counts || pathMatches(pathOf(seen.originalUrl ?? request.url ?? ''), this.path)) return true;
    outside.set(request, this.path);
    return false;
  }
}

/** Without query. A request target may be a whole URL (RFC 9112 §3.2.2). */
function pathOf(target: string): string {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target).pathname;
  const end = target.search(/[?#]/);
  return end === -1 ? target : target.slice(0, end);
}

/** path-match of RFC 6265 §5.1.4. */
export function pathMatches(path: string, cookiePath: string): boolean {
  if (!path.startsWith(cookiePath)) return false;
  return path.length === cookiePath.length || cookiePath.endsWith('/') || path[cookiePath.length] === '/';
}

/** `open` if parameters or a wildcard decide. */
type Reach = 'inside' | 'open' | 'outside';

/** Whether the requests of a route are within the path of a cookie. Routers may disregard case, so this does. */
function reachOf(route: string, cookiePath: string): Reach {
  const { segments } = new RoutePattern(route);
  const texts = cookiePath.toLowerCase().split('/').slice(1);
  // '/app/' is not the path of a request for '/app'.
  const wanted = texts.at(-1) === '' ? texts.slice(0, -1) : texts;
  const least = texts.length === wanted.length ? wanted.length : wanted.length + 1;
  let reach: Reach = 'inside';
  for (const [i, text] of wanted.entries()) {
    const segment = segments[i];
    if (segment?.kind === 'rest') return 'open';
    if (segment === undefined || (segment.kind === 'text' && segment.text.toLowerCase() !== text))
      return 'outside';
    if (segment.kind === 'parameter') reach = 'open';
  }
  return segments.length < least ? 'outside' : reach;
}

/** How many routes a warning names. */
const MOST = 10;

function listed(routes: readonly Route[]): string {
  const names = routes.slice(0, MOST).map(({ method, path }) => `${method} ${path}`);
  const more = routes.length - names.length;
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
