import { systemClock } from '../../core/util/clock.js';
import { Concealed } from '../../core/util/concealed.js';
import { MAX_COOKIE_AGE, type CookieOptions, type ResolvedCookie } from '../../core/token/cookie.js';
import { milliseconds } from '../../core/util/durations.js';
import type { EngineConfig, ProtectionVerdict } from '../../core/request/engine-context.js';
import { SessionError } from '../../core/util/errors.js';
import type { Limits } from '../../core/model/policy.js';
import type { Device } from '../../core/model/record.js';
import type { RenderFailure } from '../request/failure-response.js';
import { asHttp } from '../request/session.exceptions.js';
import { dataValidator } from './data-validator.js';
import { checkOptions } from './options.shape.js';
import { revealSecret, type ConcealedOptions } from './module-definition.js';
import type { ExcludedRoute, SessionModuleOptions } from './session.options.js';

/** The options with every default filled in; spans of time are milliseconds. */
export interface SessionSettings {
  secrets: Concealed<readonly string[]>;
  engine: EngineConfig;
  clockInjected: boolean;
  relogin: { within: number; url: string | undefined };
  crossOrigin: 'block' | 'allow';
  allowedOrigins: readonly string[];
  discloseEviction: boolean;
  context: boolean;
  exclude: ExcludedRoute[];
  renderFailure: RenderFailure | undefined;
}

/**
 * The one place where options become settings.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function resolveSettings(given: ConcealedOptions): SessionSettings {
  const options = revealSecret(given);
  checkOptions(options);
  const limits = limitsOf('', options.lifetime ?? '31d', options.idle ?? '30m');
  const rememberLimits = limitsOf(
    'remember.',
    options.remember?.lifetime ?? '31d',
    options.remember?.idle ?? '31d',
  );
  const rollEvery = milliseconds(options.rollEvery ?? '1m', 'rollEvery');
  if (rollEvery >= limits.idle || rollEvery >= rememberLimits.idle) {
    throw wrong(
      'rollEvery: it is not shorter than idle, so an active session would end. Make rollEvery shorter, or idle longer.',
    );
  }
  const { rotateEvery = '15m', protection = 'off', maxSessions, crossOrigin = 'block', data } = options;
  return {
    secrets: new Concealed(typeof options.secret === 'string' ? [options.secret] : [...options.secret]),
    engine: {
      cookie: resolveCookie(options.cookie ?? {}),
      limits,
      rememberLimits,
      rollEvery,
      rotateEvery: rotateEvery === false ? false : milliseconds(rotateEvery, 'rotateEvery'),
      grace: milliseconds(options.rotateGrace ?? '10s', 'rotateGrace'),
      maxSessions: typeof maxSessions === 'number' ? () => maxSessions : maxSessions,
      onExceeded: options.onExceeded ?? 'evict-oldest',
      protect: protectionOf(protection),
      validate: data && dataValidator(data),
      storeTimeout: milliseconds(options.storeTimeout ?? '2s', 'storeTimeout'),
      clock: options.clock ?? systemClock,
      asThrown: asHttp,
    },
    clockInjected: options.clock !== undefined,
    relogin: {
      within: milliseconds(options.relogin?.within ?? '5m', 'relogin.within'),
      url: options.relogin?.url,
    },
    crossOrigin: crossOrigin === 'allow' ? 'allow' : 'block',
    allowedOrigins: typeof crossOrigin === 'object' ? crossOrigin.allow : [],
    discloseEviction: options.discloseEviction ?? true,
    context: options.context ?? true,
    exclude: options.exclude ?? [],
    renderFailure: options.renderFailure,
  };
}

function limitsOf(
  prefix: string,
  lifetime: NonNullable<SessionModuleOptions['lifetime']>,
  idle: typeof lifetime,
): Limits {
  const limits = {
    lifetime: milliseconds(lifetime, `${prefix}lifetime`),
    idle: milliseconds(idle, `${prefix}idle`),
  };
  if (limits.idle > limits.lifetime) {
    throw wrong(
      `${prefix}idle: it is longer than ${prefix}lifetime, which would end the session first. Make idle at most as long as lifetime.`,
    );
  }
  if (prefix !== '' && limits.lifetime > MAX_COOKIE_AGE) {
    throw wrong(
      `${prefix}lifetime: browsers keep no cookie for longer than 400 days (RFC 6265bis §5.5). Give at most '400d'.`,
    );
  }
  return limits;
}

function resolveCookie(options: CookieOptions): ResolvedCookie {
  const { path = '/', domain, sameSite = 'lax', secure = true, partitioned = false, priority } = options;
  const name = options.name ?? defaultName(secure, path, domain);
  // Browsers match the prefixes without regard to case (RFC 6265bis §5.7), and drop what contradicts them without a word.
  const prefix = name.toLowerCase();
  const hostOnly = prefix.startsWith('__host-');
  if (hostOnly && domain !== undefined) {
    throw wrong(
      `cookie.domain: a cookie named __Host- belongs to one host. Drop the domain, or name the cookie '__Secure-session'.`,
    );
  }
  if (hostOnly && path !== '/') {
    throw wrong(
      `cookie.path: a cookie named __Host- has the path '/'. Drop the path, or name the cookie '__Secure-session'.`,
    );
  }
  if (!secure && (hostOnly || prefix.startsWith('__secure-'))) {
    throw wrong(
      `cookie.secure: a cookie named __Host- or __Secure- is Secure. Leave secure true, or name the cookie 'session'.`,
    );
  }
  if (!secure && sameSite === 'none') {
    throw wrong(
      `cookie.sameSite: browsers drop SameSite=None without Secure. Leave secure true, or set sameSite to 'lax'.`,
    );
  }
  if (!secure && partitioned) {
    throw wrong('cookie.partitioned: browsers drop Partitioned without Secure. Leave secure true.');
  }
  return { name, path, domain, sameSite, secure, partitioned, priority };
}

function defaultName(secure: boolean, path: string, domain: string | undefined): string {
  if (!secure) return 'session';
  return path === '/' && domain === undefined ? '__Host-session' : '__Secure-session';
}

function protectionOf(protection: NonNullable<SessionModuleOptions['protection']>): EngineConfig['protect'] {
  if (typeof protection === 'function') return protection;
  if (protection === 'off') return undefined;
  const verdict: ProtectionVerdict = protection === 'basic' ? 'relogin' : 'end';
  return (now, then) => (sameClient(now, then) ? 'ok' : verdict);
}

/** What is not known of one of them is no difference: a handshake, say, tells no address of its own. */
function sameClient(now: Device, then: Device): boolean {
  const sameAddress = now.ip === undefined || then.ip === undefined || now.ip === then.ip;
  return sameAddress && (then.userAgent === undefined || now.userAgent === then.userAgent);
}

const wrong = (message: string): SessionError => new SessionError('ERR_OPTIONS', `SessionModule: ${message}`);
