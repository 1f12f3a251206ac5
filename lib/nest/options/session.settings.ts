import { Logger } from '@nestjs/common';
import { checkedFunction } from './shapes/option-functions.js';
import { systemClock } from '../../core/util/clock.js';
import { Concealed } from '../../core/util/concealed.js';
import { MAX_COOKIE_AGE } from '../../core/token/cookie.js';
import { milliseconds, unitsNote, type Duration } from '../../core/util/durations.js';
import { secretsOf, type Secret } from '../../core/token/secret.js';
import type { EngineConfig, ProtectionVerdict } from '../../core/request/engine-context.js';
import { wrongOption } from '../../core/util/options.js';
import type { Limits } from '../../core/model/policy.js';
import type { Device } from '../../core/model/record.js';
import type { DeviceProofs } from '../device/device-proof.js';
import { deviceSettings, type DeviceSettings } from '../device/device.settings.js';
import { loadProofs } from '../device/load-proofs.js';
import type { RenderFailure } from '../request/failure-content.js';
import { asHttp } from '../request/session.exceptions.js';
import type { LoadUser } from '../request/user-loader.js';
import { resolveCookie } from './cookie.settings.js';
import { dataReader } from './data-validator.js';
import { checkModuleOptions } from './shapes/options.shape.js';
import { revealSecret, type ConcealedOptions } from './module-definition.js';
import type { ExcludedRoute, SessionModuleOptions } from './session.options.js';
import { MapFailures } from './map-failures.js';
import { UnawaitedCalls } from './unawaited-calls.js';

const logger = new Logger('nest-sessions');

/** The options with every default filled in; spans of time are milliseconds. */
export interface SessionSettings {
  secrets: Concealed<readonly Secret[]>;
  engine: EngineConfig;
  clockInjected: boolean;
  /** All keys that the data can have, where the option `data` names them. */
  dataKeys: readonly string[] | undefined;
  login: { url: string | undefined };
  relogin: { within: number; url: string | undefined };
  crossOrigin: 'block' | 'allow';
  allowedOrigins: readonly string[];
  discloseEviction: boolean;
  clearSiteData: readonly string[];
  context: boolean;
  /** Whether a problem of the store fails the start. */
  strict: boolean;
  exclude: ExcludedRoute[];
  renderFailure: RenderFailure | undefined;
  user: LoadUser | undefined;
  /** The option `deviceBound`, with what verifies the proofs of devices. */
  device: (DeviceSettings & { proofs?: DeviceProofs }) | undefined;
  /** Whether the option says `false`, and is not only left out. */
  deviceOff: boolean;
}

/**
 * The one place where options become settings.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export async function resolveSettings(given: ConcealedOptions): Promise<SessionSettings> {
  const settings = await withProofs(resolveOwnSettings(given));
  for (const source of settings.engine.migrate ?? []) await source.ready?.((message) => logger.warn(message));
  if (!given.data) return settings;
  const { parse, keys } = await dataReader(given.data);
  return { ...settings, engine: { ...settings.engine, parse }, dataKeys: keys };
}

async function withProofs(settings: SessionSettings): Promise<SessionSettings> {
  const { device } = settings;
  if (!device) return settings;
  return { ...settings, device: { ...device, proofs: await loadProofs(device.policy.algorithms) } };
}

/** All of them but for `data` and `deviceBound`, for which something may have to be loaded. @throws SessionError `ERR_OPTIONS` */
export function resolveOwnSettings(given: ConcealedOptions): SessionSettings {
  const options = revealSecret(given);
  checkModuleOptions(options);
  const all = withDefaults(options);
  const device = deviceSettings(options.deviceBound, {
    secrets: all.secret,
    cookie: all.cookie,
    grace: all.rotateGrace,
  });
  assertRolls(all, options);
  assertGrace(all, options);
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
      storeTimeout: all.storeTimeout,
      clock: all.clock,
      asThrown: asHttp,
      onUnhandledCall: new UnawaitedCalls().note,
      reloginWithin: all.relogin.within,
      reloadEvery: all.reloadEvery,
      migrate: all.migrate,
      onMapFailed: new MapFailures().note,
      device: device?.policy,
    },
    clockInjected: options.clock != null,
    dataKeys: undefined,
    login: all.login,
    relogin: all.relogin,
    ...all.crossOrigin,
    discloseEviction: all.discloseEviction,
    clearSiteData: all.clearSiteData,
    context: all.context,
    strict: all.strict,
    exclude: all.exclude,
    renderFailure: all.renderFailure,
    user: all.user,
    device,
    deviceOff: options.deviceBound === false,
  };
}

/** Every option with its default and in the form that it has from then on, but for what the module makes of `store` and `data`. */
function withDefaults(options: SessionModuleOptions) {
  const { secret, maxSessions, rotateEvery } = options;
  return {
    secret: secretsOf(secret).secrets,
    ...limitsOf('', options, { lifetime: '31d', idle: '30m' }),
    remember: limitsOf('remember.', options.remember ?? {}, { lifetime: '31d', idle: '31d' }),
    rollEvery: milliseconds(options.rollEvery ?? '1m', 'rollEvery'),
    rotateEvery: rotateEvery === false ? (false as const) : milliseconds(rotateEvery ?? '15m', 'rotateEvery'),
    rotateGrace: milliseconds(options.rotateGrace ?? '10s', 'rotateGrace'),
    reloadEvery: milliseconds(options.reloadEvery ?? '10s', 'reloadEvery'),
    storeTimeout: milliseconds(options.storeTimeout ?? '2s', 'storeTimeout'),
    login: { url: options.login?.url ?? undefined },
    relogin: {
      within: milliseconds(options.relogin?.within ?? '5m', 'relogin.within'),
      url: options.relogin?.url ?? undefined,
    },
    cookie: resolveCookie(options.cookie ?? {}),
    maxSessions: maxSessionsOf(maxSessions ?? undefined),
    onExceeded: options.onExceeded ?? 'evict-oldest',
    discloseEviction: options.discloseEviction ?? true,
    clearSiteData: options.clearSiteData ?? [],
    protection: protectionOf(options.protection ?? 'off'),
    crossOrigin: crossOriginOf(options.crossOrigin ?? 'block'),
    exclude: options.exclude ?? [],
    context: options.context ?? true,
    strict: options.strict ?? false,
    renderFailure: options.renderFailure ?? undefined,
    user: options.user ?? undefined,
    migrate: options.migrate ?? [],
    clock: options.clock ?? systemClock,
  } satisfies Record<Exclude<keyof SessionModuleOptions, 'store' | 'data' | 'deviceBound'>, unknown>;
}

function assertRolls(
  { rollEvery, idle, remember }: { rollEvery: number; idle: number; remember: Limits },
  given: SessionModuleOptions,
): void {
  if (rollEvery < idle && rollEvery < remember.idle) return;
  const ofRemember = rollEvery < idle;
  const name = ofRemember ? 'remember.idle' : 'idle';
  const units = unitsNote({
    rollEvery: given.rollEvery,
    [name]: ofRemember ? given.remember?.idle : given.idle,
  });
  const every = given.rollEvery == null ? ", '1m' by default," : '';
  throw wrong(
    `rollEvery: it${every} is not shorter than ${name}, so an active session would end. Make rollEvery shorter, or ${name} longer.${units}`,
  );
}

/** During the grace the former cookie opens the session as well. One as long as the interval would hardly ever be over. */
function assertGrace(
  { rotateEvery, rotateGrace }: { rotateEvery: number | false; rotateGrace: number },
  given: SessionModuleOptions,
): void {
  if (rotateEvery === false || rotateGrace < rotateEvery) return;
  const told = (value: Duration | undefined, byDefault: string): string =>
    value == null ? `'${byDefault}', the default` : JSON.stringify(value);
  const every = given.rotateEvery === false ? undefined : given.rotateEvery;
  throw wrong(
    `rotateGrace: it is not shorter than rotateEvery (${told(given.rotateGrace, '10s')}; rotateEvery: ${told(every, '15m')}), so former cookies would work nearly always, and no stolen one would be noticed. Make rotateGrace shorter, or rotateEvery longer.${unitsNote({ rotateGrace: given.rotateGrace, rotateEvery: every })}`,
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
  given: Pick<SessionModuleOptions, 'lifetime' | 'idle'>,
  defaults: { lifetime: Duration; idle: Duration },
): Limits {
  const limits = {
    lifetime: milliseconds(given.lifetime ?? defaults.lifetime, `${prefix}lifetime`),
    idle: milliseconds(given.idle ?? defaults.idle, `${prefix}idle`),
  };
  if (limits.idle > limits.lifetime) {
    const units = unitsNote({ [`${prefix}lifetime`]: given.lifetime, [`${prefix}idle`]: given.idle });
    const byDefault = given.idle == null ? `, '${defaults.idle}' by default,` : '';
    throw wrong(
      `${prefix}idle: it${byDefault} is longer than ${prefix}lifetime, which would end the session first. Make idle at most as long as lifetime.${units}`,
    );
  }
  if (prefix !== '' && limits.lifetime > MAX_COOKIE_AGE) {
    throw wrong(
      `${prefix}lifetime: browsers keep no cookie for longer than 400 days (RFC 6265bis §5.5). Give at most '400d'.`,
    );
  }
  return limits;
}

function protectionOf(protection: NonNullable<SessionModuleOptions['protection']>): EngineConfig['protect'] {
  if (typeof protection === 'function')
    return checkedFunction('protection', protection, isVerdict, "'ok', 'relogin' or 'end'");
  if (protection === 'off') return undefined;
  const verdict: ProtectionVerdict = protection === 'basic' ? 'relogin' : 'end';
  return (now, then) => (sameClient(now, then) ? 'ok' : verdict);
}

const isVerdict = (value: unknown): boolean => value === 'ok' || value === 'relogin' || value === 'end';

function maxSessionsOf(option: SessionModuleOptions['maxSessions']): EngineConfig['maxSessions'] {
  if (typeof option !== 'function') return option === undefined ? undefined : () => option;
  return checkedFunction(
    'maxSessions',
    option,
    isLimit,
    'a positive whole number, or undefined for no limit',
  );
}

const isLimit = (value: unknown): boolean =>
  value === undefined || value === Infinity || (Number.isSafeInteger(value) && (value as number) > 0);

/** What is not known of one of them is no difference: a handshake, say, tells no address of its own. */
function sameClient(now: Device, then: Device): boolean {
  const sameAddress = now.ip === undefined || then.ip === undefined || now.ip === then.ip;
  return sameAddress && (then.userAgent === undefined || now.userAgent === then.userAgent);
}

const wrong = (message: string): Error => wrongOption('SessionModule', message);
