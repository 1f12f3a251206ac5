import { systemClock } from '../../core/util/clock.js';
import { Concealed } from '../../core/util/concealed.js';
import { MAX_COOKIE_AGE, type CookieOptions, type ResolvedCookie } from '../../core/token/cookie.js';
import { milliseconds } from '../../core/util/durations.js';
import type { EngineConfig, ProtectionVerdict } from '../../core/request/engine-context.js';
import { wrongOption } from '../../core/util/options.js';
import type { Limits } from '../../core/model/policy.js';
import type { Device } from '../../core/model/record.js';
import type { RenderFailure } from '../request/failure-response.js';
import { asHttp } from '../request/session.exceptions.js';
import { dataValidator } from './data-validator.js';
import { checkModuleOptions } from './options.shape.js';
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
  checkModuleOptions(options);
  const all = withDefaults(options);
  assertRolls(all);
  return {
    secrets: new Concealed(all.secret),
    engine: {
      cookie: all.cookie,
      limits: { lifetime: all.lifetime, idle: all.idle },
      rememberLimits: all.remember,
      rollEvery: all.rollEvery,
      rotateEvery: all.rotateEvery,
      grace: all.rotateGrace,
      maxSessions: all.maxSessions,
      onExceeded: all.onExceeded,
      protect: all.protection,
      validate: all.data,
      storeTimeout: all.storeTimeout,
      clock: all.clock,
      asThrown: asHttp,
    },
    clockInjected: options.clock != null,
    relogin: all.relogin,
    ...all.crossOrigin,
    discloseEviction: all.discloseEviction,
    context: all.context,
    exclude: all.exclude,
    renderFailure: all.renderFailure,
  };
}

/** Every option with its default and in the form that it has from then on; `store` is for the module to make. */
function withDefaults(options: SessionModuleOptions) {
  const { secret, maxSessions, rotateEvery } = options;
  return {
    secret: typeof secret === 'string' ? [secret] : [...secret],
    ...limitsOf('', options.lifetime ?? '31d', options.idle ?? '30m'),
    remember: limitsOf('remember.', options.remember?.lifetime ?? '31d', options.remember?.idle ?? '31d'),
    rollEvery: milliseconds(options.rollEvery ?? '1m', 'rollEvery'),
    rotateEvery: rotateEvery === false ? (false as const) : milliseconds(rotateEvery ?? '15m', 'rotateEvery'),
    rotateGrace: milliseconds(options.rotateGrace ?? '10s', 'rotateGrace'),
    storeTimeout: milliseconds(options.storeTimeout ?? '2s', 'storeTimeout'),
    relogin: {
      within: milliseconds(options.relogin?.within ?? '5m', 'relogin.within'),
      url: options.relogin?.url ?? undefined,
    },
    cookie: resolveCookie(options.cookie ?? {}),
    data: options.data ? dataValidator(options.data) : undefined,
    maxSessions: typeof maxSessions === 'number' ? () => maxSessions : (maxSessions ?? undefined),
    onExceeded: options.onExceeded ?? 'evict-oldest',
    discloseEviction: options.discloseEviction ?? true,
    protection: protectionOf(options.protection ?? 'off'),
    crossOrigin: crossOriginOf(options.crossOrigin ?? 'block'),
    exclude: options.exclude ?? [],
    context: options.context ?? true,
    renderFailure: options.renderFailure ?? undefined,
    clock: options.clock ?? systemClock,
  } satisfies Record<Exclude<keyof SessionModuleOptions, 'store'>, unknown>;
}

function assertRolls({
  rollEvery,
  idle,
  remember,
}: {
  rollEvery: number;
  idle: number;
  remember: Limits;
}): void {
  if (rollEvery < idle && rollEvery < remember.idle) return;
  throw wrong(
    'rollEvery: it is not shorter than idle, so an active session would end. Make rollEvery shorter, or idle longer.',
  );
}

function crossOriginOf(
  option: NonNullable<SessionModuleOptions['crossOrigin']>,
): Pick<SessionSettings, 'crossOrigin' | 'allowedOrigins'> {
  if (typeof option === 'object') return { crossOrigin: 'block', allowedOrigins: option.allow };
  return { crossOrigin: option, allowedOrigins: [] };
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

const wrong = (message: string): Error => wrongOption('SessionModule', message);
