import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseCookie } from 'cookie';
import type { MigratedLogin, MigrationSource, OldSession } from '../core/migration/source.js';
import type { Awaitable } from '../core/storage/store.js';
import { isBoolean, isText, optional } from '../core/util/options.js';
import { checked, COMMON, isFunction, type MigrationOptions } from './options.js';
import { sourceOf } from './source.js';

/** The claims of RFC 7519 §4.1 and of OpenID Connect that are used. Times are in seconds. */
export interface JwtClaims {
  /** Whose token it is. */
  sub?: string;
  /** When the token expires. */
  exp?: number;
  /** Identifies the token. */
  jti?: string;
  /** When the user logged in. */
  auth_time?: number;
}

/** What `fromJwt()` takes. */
export interface JwtOptions<Claims extends JwtClaims> extends MigrationOptions {
  /** The claims of a token whose signature, issuer, audience and expiry are right. Otherwise throws, or returns nothing. */
  verify: (token: string) => Awaitable<Claims | null | undefined>;
  /** The user's id, as `login()` takes it. Nothing: the token does not come over. @default the claim `sub` */
  subject?: (claims: Claims) => string | null | undefined;
  /** What becomes the data of the session. @default none */
  data?: (claims: Claims) => Record<string, unknown>;
  /**
   * When the user logged in. Not `iat`: an access token is issued anew every few minutes, without a login.
   * @default the claim `auth_time`; without one unknown, so that no window of `@Relogin()` accepts the login
   */
  loggedInAt?: (claims: Claims) => Date | number | undefined;
  /** As of `login({ remember: true })`. @default false */
  remember?: boolean;
  /** The cookie with the token, such as a refresh token. @default none: the header `Authorization: Bearer` */
  cookieName?: string;
  /** Ends the token where it is kept: a table of refresh tokens, say. @default nothing: it is remembered until it expires */
  revoke?: (claims: Claims, token: string) => Awaitable<unknown>;
}

/** The longest token that is looked at, in characters: as much as a cookie holds. */
const LONGEST = 8_192;

/**
 * A valid token is traded for a session, once. One without `exp` is traded only where `until` is given.
 *
 * @throws SessionError `ERR_OPTIONS`
 * @example fromJwt({ verify: (token) => jwt.verifyAsync(token) })
 */
export function fromJwt<Claims extends JwtClaims = JwtClaims>(options: JwtOptions<Claims>): MigrationSource {
  checked<JwtOptions<Claims>>('fromJwt()', options, {
    ...COMMON,
    verify: isFunction,
    subject: optional(isFunction),
    data: optional(isFunction),
    loggedInAt: optional(isFunction),
    remember: optional(isBoolean),
    cookieName: optional(isText),
    revoke: optional(isFunction),
  });
  const { verify, cookieName, revoke, until } = options;
  return sourceOf(
    {
      name: 'jwt',
      cookies: cookieName === undefined ? [] : [cookieName],
      async find(request) {
        const token = tokenOf(request, cookieName);
        const claims = token === undefined ? undefined : await verified(verify, token);
        if (!claims) return undefined;
        const { exp, jti } = claims;
        return {
          key: typeof jti === 'string' && jti !== '' ? `jti:${jti}` : hashOf(token!),
          load: (now): OldSession | undefined => {
            const expiresAt = typeof exp === 'number' ? exp * 1000 : undefined;
            const live = expiresAt === undefined ? until !== undefined : now < expiresAt;
            return live ? { login: () => loginOf(claims, options), expiresAt } : undefined;
          },
          ...(revoke && { end: async () => void (await revoke(claims, token!)) }),
        };
      },
    },
    options,
  );
}

/** credentials = "Bearer" 1*SP b64token (RFC 6750 §2.1) */
function tokenOf({ headers }: IncomingMessage, cookieName: string | undefined): string | undefined {
  const token =
    cookieName === undefined
      ? /^Bearer +([\w.~+/=-]+) *$/i.exec(headers.authorization ?? '')?.[1]
      : parseCookie(headers.cookie ?? '')[cookieName];
  return token && token.length <= LONGEST ? token : undefined;
}

/**
 * The same for each text of a token: base64 has several for some octets, and a signature of ECDSA another value that is as
 * good. What is signed has only one (RFC 7515 §5.2), and so has the header of a token that is encrypted (RFC 7516 §5.2). Of a
 * token in another form, such as PASETO, all of it.
 */
function hashOf(token: string): string {
  const hash = createHash('sha256');
  const [header = '', ...rest] = token.split('.');
  if (rest.length === 2 && isJoseHeader(header))
    return hash.update(`${header}.${rest[0]}`).digest('base64url');
  if (rest.length !== 4) return hash.update(token).digest('base64url');
  return hash
    .update([header, ...rest.map((part) => Buffer.from(part, 'base64url').toString('hex'))].join('.'))
    .digest('base64url');
}

function isJoseHeader(text: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof header === 'object' && header !== null && 'alg' in header;
  } catch {
    return false;
  }
}

/** Libraries throw for a token that is not valid. */
async function verified<Claims extends JwtClaims>(
  verify: JwtOptions<Claims>['verify'],
  token: string,
): Promise<Claims | undefined> {
  try {
    return (await verify(token)) ?? undefined;
  } catch {
    return undefined;
  }
}

function loginOf<Claims extends JwtClaims>(
  claims: Claims,
  { subject, data, loggedInAt, remember }: JwtOptions<Claims>,
): MigratedLogin | undefined {
  const named = subject ? subject(claims) : claims.sub;
  if (named === undefined || named === null) return undefined;
  const at = loggedInAt ? loggedInAt(claims) : authTimeOf(claims);
  return {
    subject: named,
    loggedInAt: at,
    ...(data && { data: data(claims) }),
    ...(remember && { remember }),
  };
}

const authTimeOf = ({ auth_time: seconds }: JwtClaims): number | undefined =>
  typeof seconds === 'number' ? seconds * 1000 : undefined;
