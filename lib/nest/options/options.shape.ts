import type { CookieOptions } from '../../core/token/cookie.js';
import {
  checkOptions,
  hasMethods,
  isBoolean,
  isDuration,
  isNested,
  isOneOf,
  must,
  optional,
  optionalOrNull,
  type OptionCheck,
  type OptionChecks,
} from '../../core/util/options.js';
import type { SessionModuleExtras, SessionModuleOptions } from './session.options.js';

const HOW_TO_MAKE_ONE = `Make one with: node -e "console.log(require('crypto').randomBytes(32).toString('base64url'))", and give it through the environment.`;

/** What is found in tutorials and left there. */
const DEFAULTS =
  /change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|keyboard[-_ ]?cat|your[-_ ]?(?:secret|key|session)|placeholder|(?:super|my|top)[-_ ]?secret[-_ ]?(?:key)?$/i;

function secretComplaint(value: unknown): string | undefined {
  const secrets: unknown[] = Array.isArray(value) ? value : [value];
  if (secrets.length === 0 || secrets.some((secret) => typeof secret !== 'string' || secret === '')) {
    return `secret: it is missing. ${HOW_TO_MAKE_ONE}`;
  }
  for (const secret of secrets as string[]) {
    if (DEFAULTS.test(secret) || /^(.)\1*$/s.test(secret))
      return `secret: it looks like a default that anybody can guess. ${HOW_TO_MAKE_ONE}`;
    if (Buffer.byteLength(secret) < 32)
      return `secret: it has ${Buffer.byteLength(secret)} bytes, and less than 32 can be guessed. ${HOW_TO_MAKE_ONE}`;
  }
  return undefined;
}

/** What stands in a header is ASCII (RFC 9110 §5.5); Node throws at other letters when it is too late to answer. */
const VISIBLE = /^[\x21-\x7e]*$/;

/** path-value (RFC 6265 §4.1.1), but for '<', which the package `cookie` refuses. */
function pathComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/[^;\s]*$/.test(value))
    return "cookie.path: it begins with '/', and has neither ';' nor blanks.";
  if (VISIBLE.test(value) && !value.includes('<')) return undefined;
  return `cookie.path: ${encodedHint(value)}`;
}

function urlComplaint(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^\/(?![/\\])[^\s]*$/.test(value))
    return "relogin.url: a path of this application, such as '/login/again'.";
  if (VISIBLE.test(value)) return undefined;
  return `relogin.url: ${encodedHint(value)}`;
}

function encodedHint(value: string): string {
  const encoded = encodeURI(Buffer.from(value).toString()).replaceAll('%25', '%');
  return `it has characters that cannot stand in a header. Write them percent-encoded: '${encoded}'.`;
}

const matching = (pattern: RegExp, remedy: string): OptionCheck =>
  must((value) => typeof value === 'string' && pattern.test(value), remedy);

const COOKIE: OptionChecks<CookieOptions> = {
  name: optionalOrNull(
    matching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'use letters, digits and -_.~ (RFC 6265 §4.1.1).'),
  ),
  path: optionalOrNull(pathComplaint),
  // RFC 1034 §3.5: labels of letters, digits and hyphens, at most 63 each.
  domain: optionalOrNull(
    matching(
      /^\.?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i,
      "give a host name such as 'example.com', without scheme or port; one in other letters as 'xn--…'.",
    ),
  ),
  sameSite: optionalOrNull(isOneOf('strict', 'lax', 'none')),
  secure: optionalOrNull(
    must(
      (value) => typeof value === 'boolean',
      'true or false. Behind a proxy that ends TLS leave it true and set `trust proxy`.',
    ),
  ),
  partitioned: optionalOrNull(isBoolean),
  priority: optionalOrNull(isOneOf('low', 'medium', 'high')),
};

const REMEMBER: OptionChecks<NonNullable<SessionModuleOptions['remember']>> = {
  lifetime: optionalOrNull(isDuration),
  idle: optionalOrNull(isDuration),
};

const RELOGIN: OptionChecks<NonNullable<SessionModuleOptions['relogin']>> = {
  within: optionalOrNull(isDuration),
  url: optionalOrNull(urlComplaint),
};

const CROSS_ORIGIN: OptionChecks<
  Extract<NonNullable<SessionModuleOptions['crossOrigin']>, { allow: readonly string[] }>
> = { allow: originsComplaint };

function originsComplaint(value: unknown, name: string): string | undefined {
  if (!Array.isArray(value)) return `${name}: a list of origins such as 'https://app.example.com'.`;
  if (value.length === 0) return `${name}: name at least one origin, or set crossOrigin: 'block'.`;
  return value.every(isOrigin)
    ? undefined
    : `${name}: write each origin as a browser sends it: scheme, host and port, without a slash at the end ('https://app.example.com').`;
}

const isOrigin = (value: unknown): boolean =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value;

function crossOriginComplaint(value: unknown, name: string): string | undefined {
  if (value === 'block' || value === 'allow') return undefined;
  if (typeof value !== 'object')
    return `${name}: 'block', 'allow' or { allow: ['https://app.example.com'] }.`;
  return isNested(CROSS_ORIGIN)(value, name);
}

const isStore = (value: unknown): boolean =>
  hasMethods(value, 'load', 'create', 'commit', 'destroy', 'list', 'markRevoked') ||
  hasMethods(value, 'createBackend');

const isDataShape = (value: unknown): boolean =>
  typeof value === 'function' || (typeof value === 'object' && value !== null && '~standard' in value);

/** They belong to the call: forRootAsync() has to know them before its factory runs. */
const beside = optional((_, name) => `${name}: give it to forRootAsync() itself, beside useFactory.`);

const MODULE: OptionChecks<SessionModuleOptions & SessionModuleExtras> = {
  secret: secretComplaint,
  store: optionalOrNull(
    must(
      isStore,
      'give a MemoryStore, RedisStore, PostgresStore, SealedCookie or an object that implements SessionStore. A store of express-session does not fit.',
    ),
  ),
  lifetime: optionalOrNull(isDuration),
  idle: optionalOrNull(isDuration),
  rollEvery: optionalOrNull(isDuration),
  rotateEvery: optional((value, name) => (value === false ? undefined : isDuration(value, name))),
  rotateGrace: optionalOrNull(isDuration),
  storeTimeout: optionalOrNull(isDuration),
  remember: optionalOrNull(isNested(REMEMBER)),
  relogin: optionalOrNull(isNested(RELOGIN)),
  cookie: optionalOrNull(isNested(COOKIE)),
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
  exclude: optionalOrNull(
    must((value) => Array.isArray(value), "a list of paths such as ['/health', '/assets/*path']."),
  ),
  context: optionalOrNull(isBoolean),
  renderFailure: optionalOrNull(
    must(
      (value) => typeof value === 'function',
      'a function of the failure that returns { contentType, body }.',
    ),
  ),
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
