import { parseCookie } from 'cookie';
import type { MigrationSource } from '../core/migration/source.js';
import type { ConnectSession, ConnectStoreLike } from '../core/storage/connect-calls.js';
import { hasMethods, isText, optional } from '../core/util/options.js';
import { Lookups } from './complaints.js';
import { ConnectCredential, type ConnectLibrary } from './connect-credential.js';
import {
  checked,
  COMMON,
  isConnectStore,
  isKeys,
  isMap,
  type MapOld,
  type MigrationOptions,
} from './options.js';
import { listed, unsigned, type Key } from './signed-value.js';
import { sourceOf } from './source.js';

/** The part of a signer, as @fastify/cookie makes it, that is used. */
export interface FastifySigner {
  /** The value, and whether the signature is genuine. */
  unsign(signed: string): { valid: boolean; value: string | null };
}

/** What `fromFastifySession()` takes. */
export interface FastifySessionOptions<Old extends object> extends MigrationOptions {
  /** As @fastify/session has it: of several the first signs, all of them verify; or the signer. */
  secret: Key | readonly Key[] | FastifySigner;
  /** The store of @fastify/session. */
  store: ConnectStoreLike;
  /** What comes over of a session, which has `cookie` and what the application put into it. */
  map: MapOld<Old>;
  /** The name of the old cookie. @default 'sessionId' */
  cookieName?: string;
  /** As @fastify/session has it. @default '' */
  cookiePrefix?: string;
  /** As @fastify/session has it. @default 'sha256' */
  algorithm?: string;
}

const keys = isKeys(1);

/**
 * Sessions of @fastify/session come over.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function fromFastifySession<Old extends object = Record<string, unknown>>(
  options: FastifySessionOptions<Old>,
): MigrationSource {
  checked<FastifySessionOptions<Old>>('fromFastifySession()', options, {
    ...COMMON,
    secret: (value, name) => (hasMethods(value, 'unsign') ? undefined : keys(value, name)),
    store: isConnectStore,
    map: isMap,
    cookieName: optional(isText),
    cookiePrefix: optional(isText),
    algorithm: optional(isText),
  });
  const { store, map, keepOld = false, cookieName = 'sessionId', cookiePrefix = '' } = options;
  const unsign = unsignerOf(options);
  const library: ConnectLibrary<Old> = { store, map, keepOld, isLive };
  const lookups = new Lookups('@fastify/session');
  const reopen = (sid: string): ConnectCredential<Old> => new ConnectCredential(sid, library);
  return sourceOf(
    {
      name: '@fastify/session',
      cookies: [cookieName],
      lookups,
      reopen,
      find({ headers }) {
        const value = parseCookie(headers.cookie ?? '')[cookieName];
        const sid = value?.startsWith(cookiePrefix) ? unsign(value.slice(cookiePrefix.length)) : undefined;
        if (sid === undefined) return value ? 'refused' : undefined;
        return new ConnectCredential(sid, library, lookups);
      },
    },
    options,
  );
}

function unsignerOf<Old extends object>({
  secret,
  algorithm,
}: FastifySessionOptions<Old>): (signed: string) => string | undefined {
  if (!isSigner(secret)) return (signed) => unsigned(signed, listed(secret), algorithm);
  return (signed) => {
    const { valid, value } = secret.unsign(signed);
    return valid && value !== null ? value : undefined;
  };
}

const isSigner = (secret: unknown): secret is FastifySigner => hasMethods(secret, 'unsign');

/** Its own store does not drop what has expired; the library compares the time within the session. */
function isLive({ cookie }: ConnectSession, now: number): boolean {
  const expires = cookie?.expires;
  return expires == null || new Date(expires).getTime() > now;
}
