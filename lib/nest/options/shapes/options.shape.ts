import {
  checkOptions,
  hasMethods,
  isBoolean,
  isDelay,
  isDuration,
  isLongDuration,
  isNested,
  isOneOf,
  must,
  optional,
  optionalOrNull,
  type OptionCheck,
  type OptionChecks,
} from '../../../core/util/options.js';
import { FOREIGN_COOKIE_OPTIONS } from '../../../core/util/foreign-options.js';
import { deviceBoundComplaint } from '../../device/device.shape.js';
import { COOKIE } from './cookie.shape.js';
import { crossOriginComplaint } from './cross-origin.shape.js';
import { encodedHint, isVisible } from './header-text.js';
import { secretComplaint } from './secret.shape.js';
import type { SessionModuleExtras, SessionModuleOptions } from '../session.options.js';

const REMEMBER: OptionChecks<NonNullable<SessionModuleOptions['remember']>> = {
  lifetime: optionalOrNull(isLongDuration),
  idle: optionalOrNull(isLongDuration),
};

const LOGIN: OptionChecks<NonNullable<SessionModuleOptions['login']>> = { url: optionalOrNull(urlComplaint) };

const RELOGIN: OptionChecks<NonNullable<SessionModuleOptions['relogin']>> = {
  within: optionalOrNull(isLongDuration),
  url: optionalOrNull(urlComplaint),
};

function urlComplaint(value: unknown, name: string): string | undefined {
  if (typeof value !== 'string' || !/^\/(?![/\\])[^\s]*$/.test(value))
    return `${name}: a path of this application, such as '/login'.`;
  return isVisible(value) ? undefined : `${name}: ${encodedHint(value)}`;
}

const meantByLogin = (value: unknown): string =>
  `{ url: ${typeof value === 'string' && value.startsWith('/') ? JSON.stringify(value) : "'/login'"} }`;

/** A number or a text in place of the options that it is one of. */
const meantByRelogin = (value: unknown): string =>
  typeof value === 'string' && value.startsWith('/')
    ? `{ url: ${JSON.stringify(value)} }`
    : `{ within: ${durationOr("'5m'", value)} }`;

const meantByRemember = (value: unknown): string =>
  typeof value === 'boolean'
    ? "{ lifetime: '31d', idle: '31d' }, or leave it out: who is to be remembered says login(subject, { remember: true })"
    : `{ lifetime: ${durationOr("'31d'", value)} }`;

const meantByCookie = (value: unknown): string =>
  `{ name: ${typeof value === 'string' ? JSON.stringify(value) : "'__Host-session'"} }`;

const durationOr = (example: string, value: unknown): string =>
  isLongDuration(value, '') !== undefined
    ? example
    : typeof value === 'string'
      ? `'${value}'`
      : String(value);

const isClearable = isOneOf('cache', 'cookies', 'storage', 'executionContexts', '*');

const clearSiteDataComplaint: OptionCheck = (value, name) =>
  Array.isArray(value)
    ? value.map((type) => isClearable(type, name)).find((complaint) => complaint !== undefined)
    : `${name}: a list such as ['cookies', 'storage'].`;

const isStore = (value: unknown): boolean =>
  hasMethods(value, 'load', 'create', 'commit', 'destroy', 'list', 'markRevoked') ||
  hasMethods(value, 'createBackend');

/** What the stores of this library are made of. */
const MADE_OF: Readonly<Record<string, string>> = {
  MemoryStore: '',
  RedisStore: '{ client }',
  PostgresStore: '{ pool }',
  SealedCookie: '{ revocations }',
};

/** What a value is that is nearly a store. */
function mistakenStore(value: unknown): string | undefined {
  if (typeof value === 'function')
    return isStore(value.prototype)
      ? `this is the class ${value.name}: give a store that it makes, new ${value.name}(${MADE_OF[value.name] ?? '…'}).`
      : undefined;
  if (hasMethods(value, 'then')) return 'this is a Promise: await it, and give what it resolves to.';
  if (hasMethods(value, 'sendCommand')) return 'this is a Redis client: give new RedisStore({ client }).';
  if (hasMethods(value, 'query', 'connect'))
    return 'this is a pool or a client of PostgreSQL: give new PostgresStore({ pool }), with a Pool of pg.';
  return undefined;
}

export function storeComplaint(value: unknown, name: string): string | undefined {
  if (isStore(value)) return undefined;
  const mistaken = mistakenStore(value);
  if (mistaken !== undefined) return `${name}: ${mistaken}`;
  const ttl =
    typeof value === 'object' && value !== null && 'ttl' in value
      ? ' There is no ttl either: idle and lifetime of SessionModule say when a session ends.'
      : '';
  return `${name}: give a MemoryStore, RedisStore, PostgresStore, SealedCookie or an object that implements SessionStore. A store of express-session does not fit.${ttl}`;
}

const isDataShape = (value: unknown): boolean =>
  typeof value === 'function' || (typeof value === 'object' && value !== null && '~standard' in value);

/** They belong to the call: forRootAsync() has to know them before its factory runs. */
const beside = optional((_, name) => `${name}: give it to forRootAsync() itself, beside useFactory.`);

const MODULE: OptionChecks<SessionModuleOptions & SessionModuleExtras> = {
  secret: secretComplaint,
  store: optionalOrNull(storeComplaint),
  lifetime: optionalOrNull(isLongDuration),
  idle: optionalOrNull(isLongDuration),
  rollEvery: optionalOrNull(isDuration),
  rotateEvery: optional((value, name) => (value === false ? undefined : isLongDuration(value, name))),
  rotateGrace: optionalOrNull(isDuration),
  reloadEvery: optionalOrNull(isDelay),
  storeTimeout: optionalOrNull(isDelay),
  remember: optionalOrNull(isNested(REMEMBER, { meant: meantByRemember })),
  login: optionalOrNull(isNested(LOGIN, { meant: meantByLogin })),
  relogin: optionalOrNull(isNested(RELOGIN, { meant: meantByRelogin })),
  cookie: optionalOrNull(isNested(COOKIE, { meant: meantByCookie, foreign: FOREIGN_COOKIE_OPTIONS })),
  data: optionalOrNull(
    must(isDataShape, 'give a class with class-validator decorators, or a Standard Schema.'),
  ),
  maxSessions: optionalOrNull(
    must(
      (value) => typeof value === 'function' || (Number.isSafeInteger(value) && (value as number) > 0),
      'a positive whole number, or a function of the subject that returns one.',
    ),
  ),
  onExceeded: optionalOrNull(
    must((value) => value === 'evict-oldest' || value === 'reject', "'evict-oldest' or 'reject'."),
  ),
  discloseEviction: optionalOrNull(isBoolean),
  protection: optionalOrNull(
    must(
      (value) => typeof value === 'function' || ['off', 'basic', 'strong'].includes(value as string),
      "'off', 'basic', 'strong' or a function of the two devices.",
    ),
  ),
  crossOrigin: optionalOrNull(crossOriginComplaint),
  clearSiteData: optionalOrNull(clearSiteDataComplaint),
  exclude: optionalOrNull(
    must((value) => Array.isArray(value), "a list of paths such as ['/health', '/assets/*path']."),
  ),
  context: optionalOrNull(isBoolean),
  strict: optionalOrNull(isBoolean),
  renderFailure: optionalOrNull(
    must(
      (value) => typeof value === 'function',
      'a function of the failure that returns { contentType, body }.',
    ),
  ),
  user: optionalOrNull(
    must(
      (value) => typeof value === 'function',
      'a function of the subject, such as (subject) => users.findById(subject).',
    ),
  ),
  migrate: optionalOrNull(
    must(
      (value) => Array.isArray(value) && value.every((one) => hasMethods(one, 'find')),
      'a list such as [fromExpressSession({ secret, store, map })], of nest-sessions/migrate.',
    ),
  ),
  deviceBound: optionalOrNull(deviceBoundComplaint),
  clock: optionalOrNull(
    must((value) => hasMethods(value, 'now'), 'an object with now(), in milliseconds since the epoch.'),
  ),
  isGlobal: beside,
  guard: beside,
};

/** @throws SessionError `ERR_OPTIONS` that names everything that is wrong, each with its remedy */
export const checkModuleOptions = (options: unknown): void => checkOptions('SessionModule', options, MODULE);

const EXTRAS: OptionChecks<SessionModuleExtras> = {
  isGlobal: optional(isBoolean),
  guard: optional(must((value) => value === 'login', "'login', or leave it out.")),
};

/** @throws SessionError `ERR_OPTIONS` */
export function checkModuleExtras({ isGlobal, guard }: SessionModuleExtras): void {
  checkOptions('SessionModule', { isGlobal, guard }, EXTRAS);
}
