import { distance } from 'fastest-levenshtein';
import type { ExcludeProbe } from './exclude-probe.js';
import type { ExcludedRoute } from '../options/session.options.js';
import { RoutePattern } from './route-pattern.js';
import type { Route } from './route-table.js';

/**
 * What to warn of an entry of `exclude` that matches none of the routes, although one looks as if it were meant. Without
 * such a route it may name static files, or middleware, which have no routes.
 */
export function excludeWarning({ entry, matches }: Probe, routes: readonly Route[]): string | undefined {
  const path = typeof entry === 'string' ? entry : entry.path;
  const pattern = new RoutePattern(path);
  if (!pattern.head.some(({ kind }) => kind === 'text')) return undefined;
  let nearest: Route | undefined;
  for (const route of routes) {
    for (const { path: request, literal } of new RoutePattern(route.path).occurrencesOf(pattern)) {
      if (matches(route.method, request)) return undefined;
      if (literal) nearest ??= route;
    }
  }
  nearest ??= routes.find(
    (route) => lacksVersion(path, route.path) || looksLike(pattern, new RoutePattern(route.path)),
  );
  if (!nearest) return undefined;
  const version = typeof entry === 'string' ? undefined : entry.version;
  const [name, form] =
    version === undefined
      ? [`'${path}'`, "but with the version, as in 'v1/health'"]
      : [
          `'${path}' of version ${versionText(version)}`,
          'and with the version in its path or in "version", not in both',
        ];
  return `exclude: ${name} matches no route, so requests for the nearest one, ${nearest.method} ${nearest.path}, have a session. An entry of exclude is written without the global prefix, ${form}.`;
}

/** `neutral` for `VERSION_NEUTRAL`, which is a symbol. */
const versionText = (version: NonNullable<Exclude<ExcludedRoute, string>['version']>): string =>
  [version]
    .flat()
    .map((one) => (typeof one === 'symbol' ? 'neutral' : one))
    .join(' or ');

/** The probe of one entry. */
type Probe = Pick<ExcludeProbe, 'entry'> & { matches: (method: string, path: string) => boolean };

/**
 * Whether an entry is written with the prefix of a route and without the version between them: 'api/health', where the
 * route is '/api/v1/health'.
 */
function lacksVersion(entry: string, route: string): boolean {
  const pieces = route.split('/').filter((piece) => piece !== '');
  const at = pieces.findIndex((piece, i) => i > 0 && /^\w*\d[\w.-]*$/.test(piece));
  if (at === -1) return false;
  const [prefix, written] = [pieces.slice(0, at), entry.split('/').filter((piece) => piece !== '')];
  if (prefix.some((piece, i) => piece.toLowerCase() !== written[i]?.toLowerCase())) return false;
  const rest = new RoutePattern(written.slice(at).join('/'));
  if (rest.segments.length === 0) return false;
  return new RoutePattern(pieces.slice(at + 1).join('/')).occurrencesOf(rest).some(({ literal }) => literal);
}

/** Whether they differ by a slip of the pen. */
function looksLike(entry: RoutePattern, route: RoutePattern): boolean {
  if (entry.isOpen || entry.segments.some(({ kind }) => kind !== 'text')) return false;
  const count = entry.segments.length;
  const text = entry.tail(count);
  return text.length >= 5 && distance(text, route.tail(count)) <= 2;
}
