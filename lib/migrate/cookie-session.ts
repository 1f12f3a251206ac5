import { createHash, createHmac } from 'node:crypto';
import type { MigrationSource } from '../core/migration/source.js';
import { cookieValues } from '../core/token/cookie.js';
import { hasMethods, isText, optional } from '../core/util/options.js';
import { checked, COMMON, isKeys, isMap, type MapOld, type MigrationOptions } from './options.js';
import { listed, sameText, type Key } from './signed-value.js';
import { sourceOf } from './source.js';

/** The part of a Keygrip that is used. */
export interface CookieVerifier {
  /** Whether one of the keys made the digest. */
  verify(data: string, digest: string): boolean;
}

/** What `fromCookieSession()` takes. */
export interface CookieSessionOptions<Old extends object> extends MigrationOptions {
  /** As cookie-session has it: of several the first signs, all of them verify; or a Keygrip of yours. */
  keys: Key | readonly Key[] | CookieVerifier;
  /** What comes over of what the cookie holds. */
  map: MapOld<Old>;
  /** The option `name` of cookie-session. @default 'session' */
  cookieName?: string;
  /**
   * From when on no old cookie comes over any more: a date, or milliseconds since the epoch. Required, because the cookies
   * themselves never expire: until then it is remembered which ones came over.
   */
  until: Date | number;
}

const keysCheck = isKeys(1);

/**
 * Sessions of cookie-session come over. They are in the cookie alone, so nothing can end them at the server; it is
 * remembered which cookie came over. Cookies that are not signed are refused.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function fromCookieSession<Old extends object = Record<string, unknown>>(
  options: CookieSessionOptions<Old>,
): MigrationSource {
  checked<CookieSessionOptions<Old>>('fromCookieSession()', options, {
    ...COMMON,
    keys: (value, name) => (hasMethods(value, 'verify') ? undefined : keysCheck(value, name)),
    map: isMap,
    cookieName: optional(isText),
    until: (value, name) =>
      value === undefined
        ? `${name}: the date from when on no old cookie counts, since they do not expire by themselves.`
        : COMMON.until(value, name),
  });
  const { keys, map, cookieName = 'session' } = options;
  const verifier: CookieVerifier = isVerifier(keys) ? keys : new Sha1Verifier(listed(keys));
  return sourceOf(
    {
      name: 'cookie-session',
      cookies: [cookieName, `${cookieName}.sig`],
      find({ headers }) {
        const value = valueOf(headers.cookie, cookieName);
        const signature = valueOf(headers.cookie, `${cookieName}.sig`);
        if (!value) return undefined;
        if (!signature || !verifier.verify(`${cookieName}=${value}`, signature)) return 'refused';
        const old = decoded(value) as Old | undefined;
        return (
          old && {
            key: createHash('sha256').update(value).digest('base64url'),
            load: () => ({ login: () => map(old), values: { ...(old as Record<string, unknown>) } }),
          }
        );
      },
    },
    options,
  );
}

const isVerifier = (keys: unknown): keys is CookieVerifier => hasMethods(keys, 'verify');

/** The first value, without the quotes around it: it is not percent-encoded. */
function valueOf(header: string | undefined, name: string): string | undefined {
  const [value] = cookieValues(header, name);
  return value?.startsWith('"') ? value.slice(1, -1) : value;
}

/** An object in JSON and base64; `undefined` for anything else. */
function decoded(value: string): object | undefined {
  try {
    const old: unknown = JSON.parse(Buffer.from(value, 'base64').toString());
    return typeof old === 'object' && old !== null ? old : undefined;
  } catch {
    return undefined;
  }
}

/** The default of Keygrip: HMAC-SHA1 in base64url. */
class Sha1Verifier implements CookieVerifier {
  readonly #keys: readonly Key[];

  constructor(keys: readonly Key[]) {
    this.#keys = keys;
  }

  verify(data: string, digest: string): boolean {
    return this.#keys.some((key) =>
      sameText(createHmac('sha1', key).update(data).digest('base64url'), digest),
    );
  }
}
