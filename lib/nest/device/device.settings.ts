import { DevicePolicy } from '../../core/device/device-policy.js';
import { DeviceTokens } from '../../core/device/device-tokens.js';
import type { ResolvedCookie } from '../../core/token/cookie.js';
import type { Secret } from '../../core/token/secret.js';
import { TOKEN_LENGTH } from '../../core/token/ids.js';
import { Signer } from '../../core/token/signer.js';
import { milliseconds } from '../../core/util/durations.js';
import { wrongOption } from '../../core/util/options.js';
import { pathMatches } from '../routes/cookie-path.js';
import type { DeviceBoundOptions, DeviceScope } from './device.options.js';

/** What a device asks for, by the path of its request. */
export type DeviceCall = 'registration' | 'refresh';

/** The option `deviceBound` with every default filled in. */
export interface DeviceSettings {
  path: string;
  refreshPath: string;
  /** By path: the present ones and the former ones. */
  calls: ReadonlyMap<string, DeviceCall>;
  scope: Required<DeviceScope>;
  policy: DevicePolicy;
}

interface Surroundings {
  secrets: readonly Secret[];
  cookie: ResolvedCookie;
  /** Milliseconds. */
  grace: number;
}

/**
 * @returns `undefined` where the option is off
 * @throws SessionError `ERR_OPTIONS` for what contradicts the session cookie
 */
export function deviceSettings(
  given: boolean | DeviceBoundOptions | null | undefined,
  { secrets, cookie, grace }: Surroundings,
): DeviceSettings | undefined {
  if (!given) return undefined;
  const options = given === true ? {} : given;
  const path = options.path ?? '/session/device';
  const scope = {
    includeSite: options.scope?.includeSite ?? false,
    exclude: options.scope?.exclude ?? [],
    initiators: options.scope?.initiators ?? [],
  };
  const served = [path, ...(options.formerPaths ?? [])];
  assertFits(served, scope, cookie);
  const policy = new DevicePolicy({
    tokens: new DeviceTokens(new Signer(secrets, cookie.name, TOKEN_LENGTH).derived('device')),
    cookie: { ...cookie, name: `${cookie.name}-bound` },
    lifetime: milliseconds(options.cookieLifetime ?? '10m', 'deviceBound.cookieLifetime'),
    grace,
    required: options.require === 'always',
    algorithms: options.algorithms ?? ['ES256'],
  });
  return { path, refreshPath: refreshPathOf(path), calls: callsAt(served.toReversed()), scope, policy };
}

const refreshPathOf = (path: string): string => `${path}/refresh`;

/** The present paths come last, so that they count. */
const callsAt = (paths: readonly string[]): Map<string, DeviceCall> =>
  new Map(
    paths.flatMap((path): [string, DeviceCall][] => [
      [path, 'registration'],
      [refreshPathOf(path), 'refresh'],
    ]),
  );

function assertFits(
  served: readonly string[],
  { includeSite }: Required<DeviceScope>,
  cookie: ResolvedCookie,
): void {
  if (!cookie.secure)
    throw wrong('deviceBound: browsers bind sessions over HTTPS alone. Leave cookie.secure true.');
  if (cookie.partitioned)
    throw wrong(
      'deviceBound: browsers refuse a bound cookie that is partitioned, and its users would be logged out after cookieLifetime. Leave out cookie.partitioned, or deviceBound.',
    );
  const missed = served.find((path) => !pathMatches(path, cookie.path));
  if (missed !== undefined)
    throw wrong(
      `deviceBound.${missed === served[0] ? 'path' : 'formerPaths'}: browsers do not send the session cookie to '${missed}', since cookie.path is '${cookie.path}'. Give a path within it.`,
    );
  if (includeSite && cookie.domain === undefined)
    throw wrong(
      'deviceBound.scope.includeSite: the session cookie goes to one host alone. Set cookie.domain, or drop includeSite.',
    );
}

const wrong = (message: string): Error => wrongOption('SessionModule', message);
