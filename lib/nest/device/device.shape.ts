import {
  isBoolean,
  isDuration,
  isNested,
  isOneOf,
  must,
  optionalOrNull,
  type OptionCheck,
  type OptionChecks,
} from '../../core/util/options.js';
import { milliseconds, type Duration } from '../../core/util/durations.js';
import type { DeviceBoundOptions, DeviceScope } from './device.options.js';

/**
 * Segments of pchar (RFC 3986 §3.3), none of them empty: no query or fragment, and nothing that a header within quotes would
 * have to escape. Of the encodings those of a slash and a backslash are left out, which proxies decode.
 */
const PATH = /^(?:\/(?:[\w.~!$&'()*+,;=:@-]|%(?!2f|5c)[\da-f]{2})+)+$/i;

/** Requests are compared with the path as it is written here, so it has to be what browsers make of it: they resolve `..`. */
const isAsSent = (value: unknown): boolean =>
  typeof value === 'string' && PATH.test(value) && new URL(value, 'https://localhost').pathname === value;

/** Nest's patterns mean nothing to a browser. */
const isPlain = (path: string): boolean => !/[*:]/.test(path);

/** Another site's page would make the browser ask without the session cookie, which ends the device session. */
const HOST = /^(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/;

const isPath: OptionCheck = must(
  isAsSent,
  "a path such as '/session/device', as browsers send it: without query, fragment, '.', '..', '//', backslash, encoded slash, or a slash at its end, and other than ASCII percent-encoded.",
);

const arePaths = (example: string): OptionCheck =>
  must(
    (value) => Array.isArray(value) && value.every(isAsSent),
    `a list of paths such as ${example}, as browsers send them, without wildcards.`,
  );

/** Browsers renew the cookie when less than two minutes remain, and sign six times in nine minutes at most. */
const SHORTEST = 5 * 60_000;
const LONGEST = 60 * 60_000;

const lifetimeComplaint: OptionCheck = (value, name) => {
  const complaint = isDuration(value, name);
  if (complaint !== undefined) return complaint;
  const lifetime = milliseconds(value as Duration, name);
  if (lifetime < SHORTEST)
    return `${name}: at least '5m': browsers renew the cookie two minutes before its end, and sign at most six times in nine minutes.`;
  return lifetime > LONGEST
    ? `${name}: at most '1h': a copy of all cookies is good for so long. '10m' is usual.`
    : undefined;
};

const SCOPE: OptionChecks<DeviceScope> = {
  includeSite: optionalOrNull(isBoolean),
  exclude: optionalOrNull(
    must(
      (value) => Array.isArray(value) && value.every((path) => isAsSent(path) && isPlain(path as string)),
      "a list of paths such as ['/assets'], as browsers send them, without wildcards: what is below them is meant, too.",
    ),
  ),
  initiators: optionalOrNull(
    must(
      (value) => Array.isArray(value) && value.every((host) => typeof host === 'string' && HOST.test(host)),
      "a list of hosts of the same site, such as ['app.example.com'], without scheme, port and wildcards.",
    ),
  ),
};

const ALGORITHMS = ['ES256', 'RS256'];

const DEVICE_BOUND: OptionChecks<DeviceBoundOptions> = {
  path: optionalOrNull(isPath),
  formerPaths: optionalOrNull(arePaths("['/former/device']")),
  cookieLifetime: optionalOrNull(lifetimeComplaint),
  scope: optionalOrNull(isNested(SCOPE, { meant: () => "{ exclude: ['/assets'] }" })),
  require: optionalOrNull(isOneOf('supported', 'always')),
  algorithms: optionalOrNull(
    must(
      (value) =>
        Array.isArray(value) && value.length > 0 && value.every((one) => ALGORITHMS.includes(one as string)),
      "a list of 'ES256' and 'RS256'.",
    ),
  ),
};

const meantByDeviceBound = (value: unknown): string | undefined =>
  typeof value === 'string'
    ? `{ ${value.startsWith('/') ? `path: ${JSON.stringify(value)}` : "require: 'always'"} }, or deviceBound: true`
    : undefined;

/** `true`, `false`, or an object. */
export const deviceBoundComplaint: OptionCheck = (value, name) =>
  typeof value === 'boolean' ? undefined : isNested(DEVICE_BOUND, { meant: meantByDeviceBound })(value, name);
