import { createHash } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { MigrationSource, OldSession } from '../core/migration/source.js';
import { isPositiveInteger, isText, must, optional, wrongOption } from '../core/util/options.js';
import { checked, COMMON, isMap, type MapOld, type MigrationOptions } from './options.js';
import { KEY_BYTES, SALT_BYTES, SecretBox, type DerivedKey } from './secretbox.js';
import { listed, type Key } from './signed-value.js';
import { sourceOf } from './source.js';

/** What `fromSecureSession()` takes. */
export interface SecureSessionOptions<Old extends object> extends MigrationOptions {
  /** As @fastify/secure-session has it: 32 bytes, as text in base64; of several the first encrypts, all of them open. */
  key?: Key | readonly Key[];
  /** As @fastify/secure-session has it, in place of `key`: at least 32 bytes. Its key is derived at the start, which takes a second and 256 MB. */
  secret?: string;
  /** As @fastify/secure-session has it, beside `secret`: 16 bytes. @default its own */
  salt?: Key;
  /** The option `cookieName` of @fastify/secure-session, or its `sessionName` without one. @default 'session' */
  cookieName?: string;
  /** As @fastify/secure-session has it, in seconds: how long a cookie is valid since it was last written. @default 86_401 */
  expiry?: number;
  /** What comes over of what the cookie holds. */
  map: MapOld<Old>;
}

const OWNER = 'fromSecureSession()';

/** What @fastify/secure-session takes without a salt of the application's. */
const DEFAULT_SALT = Buffer.from('mq9hDxBVDbspDR6nLfFT1g==', 'base64');

/** Seconds. */
const DEFAULT_EXPIRY = 86_401;

/**
 * Sessions of @fastify/secure-session come over. They are in the cookie alone, so nothing can end them at the server; it is
 * remembered which cookie came over. Needs its package sodium-native, without which the start fails.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export function fromSecureSession<Old extends object = Record<string, unknown>>(
  options: SecureSessionOptions<Old>,
): MigrationSource {
  checked<SecureSessionOptions<Old>>(OWNER, options, {
    ...COMMON,
    key: optional(must(areKeys, `${KEY_BYTES} bytes, as text in base64, or a list of them.`)),
    secret: optional(must(isLong, `a text of at least ${KEY_BYTES} bytes.`)),
    salt: optional(
      must((value) => isKey(value) && bytesOf(value, 'ascii').length === SALT_BYTES, `${SALT_BYTES} bytes.`),
    ),
    cookieName: optional(isText),
    expiry: optional(isPositiveInteger),
    map: isMap,
  });
  const { cookieName = 'session', expiry = DEFAULT_EXPIRY, map } = options;
  const keys = keysOf(options);
  let loaded: Promise<SecretBox> | undefined;
  const box = (): Promise<SecretBox> => (loaded ??= SecretBox.load(OWNER, keys));
  return sourceOf(
    {
      name: '@fastify/secure-session',
      cookies: [cookieName],
      ready: async () => void (await box()),
      async find({ headers }) {
        const value = parseCookie(headers.cookie ?? '')[cookieName];
        if (!value) return undefined;
        const sealed = sealedOf(value);
        const opened = sealed && (await box()).open(sealed.cipher, sealed.nonce);
        if (!opened) return 'refused';
        const old = contentOf(opened);
        if (!old) return undefined;
        const { __ts: at, ...content } = old;
        const expiresAt = (Number(at) + expiry) * 1000;
        return {
          // Of the bytes: base64 has more than one text for them.
          key: createHash('sha256').update(sealed.nonce).update(sealed.cipher).digest('base64url'),
          load: (now): OldSession | undefined =>
            now < expiresAt ? { login: () => map(content as Old), expiresAt } : undefined,
        };
      },
    },
    options,
  );
}

/** Its form: `base64(cipher);base64(nonce)`, and with `signed` a dot and a signature, which proves no more than the cipher does. */
function sealedOf(value: string): { cipher: Buffer; nonce: Buffer } | undefined {
  const [cipher, nonce] = value.split(';');
  if (cipher === undefined || nonce === undefined) return undefined;
  return { cipher: Buffer.from(cipher, 'base64'), nonce: Buffer.from(nonce.split('.', 1)[0]!, 'base64') };
}

/** An object in JSON with the time at which it was written, in seconds since the epoch. */
function contentOf(message: Buffer): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(message.toString());
    const isObject = typeof content === 'object' && content !== null;
    return isObject && '__ts' in content && typeof content.__ts === 'number' ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}

function keysOf({
  key,
  secret,
  salt,
}: Pick<SecureSessionOptions<object>, 'key' | 'secret' | 'salt'>): readonly Buffer[] | DerivedKey {
  if (key !== undefined) return listed<Key>(key).map((one) => bytesOf(one, 'base64'));
  if (secret === undefined)
    throw wrongOption(OWNER, 'key: give what @fastify/secure-session has: its key, or its secret.');
  return { secret, salt: salt === undefined ? DEFAULT_SALT : bytesOf(salt, 'ascii') };
}

const isKey = (value: unknown): value is Key => typeof value === 'string' || value instanceof Uint8Array;

function areKeys(value: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every((one) => isKey(one) && bytesOf(one, 'base64').length === KEY_BYTES);
}

const isLong = (value: unknown): boolean =>
  typeof value === 'string' && Buffer.byteLength(value) >= KEY_BYTES;

const bytesOf = (key: Key, encoding: 'base64' | 'ascii'): Buffer =>
  typeof key === 'string' ? Buffer.from(key, encoding) : Buffer.from(key);
