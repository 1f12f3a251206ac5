import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { SessionError } from '../util/errors.js';
import { FixedHmac } from './hmac.js';
import { DIGEST_LENGTH, ID_LENGTH, sameDigest, successorOf } from './ids.js';
import { bytesOf, secretsOf, type Secret } from './secret.js';

const PREFIX = 's:';

/** Octets of a derived key. */
const KEY = 32;

/** What a derived key is for. None serves two purposes, nor two names of a cookie. */
export type KeyPurpose = 'sign' | 'successor' | 'notice' | 'migrate' | 'device';

/**
 * How a signature was made: with the key that is derived for the cookie's name, or with the secret itself, as versions
 * before 0.2 did. Whatever else the application signs with that secret is of the legacy form, too.
 */
export type SignatureForm = 'current' | 'legacy';

/** The two parts of a signed value. */
export interface Signed {
  token: string;
  signature: string;
}

/**
 * Signs tokens in the format of cookie-parser, `s:token.signature`, so that an application's own cookie-parser reads
 * them with {@link cookieKeys}. The first secret signs, all of them verify.
 */
export class Signer {
  readonly #secrets: readonly KeyObject[];
  readonly #cookieName: string;
  readonly #tokenLength: number;
  readonly #current: readonly FixedHmac[];
  readonly #legacy: readonly FixedHmac[];
  readonly #successors: readonly KeyObject[];
  readonly #derived = new Map<KeyPurpose, readonly KeyObject[]>();

  /** @param tokenLength of every token, in characters of ASCII */
  constructor(secrets: readonly Secret[], cookieName: string, tokenLength: number) {
    const hmac = (key: Secret): FixedHmac => new FixedHmac(bytesOf(key), tokenLength);
    this.#secrets = secrets.map((secret) => createSecretKey(bytesOf(secret)));
    this.#cookieName = cookieName;
    this.#tokenLength = tokenLength;
    this.#current = signingKeys(this.#secrets, cookieName).map(hmac);
    this.#legacy = secrets.map(hmac);
    this.#successors = [...this.derived('successor'), ...this.#secrets];
  }

  sign(token: string): string {
    return `${PREFIX}${token}.${signatureOf(this.#current[0]!, token)}`;
  }

  /** The parts of a value in our form; does not verify the signature. */
  split(value: string): Signed | undefined {
    const end = PREFIX.length + this.#tokenLength;
    if (value.length !== end + 1 + DIGEST_LENGTH || !value.startsWith(PREFIX) || value[end] !== '.')
      return undefined;
    return { token: value.slice(PREFIX.length, end), signature: value.slice(end + 1) };
  }

  /** The secret in a value that {@link split} accepts and whose token is `id.secret`. */
  secretOf(value: string): string {
    return value.slice(PREFIX.length + ID_LENGTH + 1, PREFIX.length + this.#tokenLength);
  }

  /** The form of a signature that one of the keys made, and `undefined` for any other. */
  verifies(signed: Signed): SignatureForm | undefined {
    if (madeBy(this.#current, signed)) return 'current';
    return madeBy(this.#legacy, signed) ? 'legacy' : undefined;
  }

  /** The secret that follows `secret` at a rotation: derived with the newest key. */
  successor(id: string, secret: string, nonce: string): string {
    return successorOf(this.#successors[0]!, id, secret, nonce);
  }

  /** All that may have followed `secret`, by each key: the newest first, and those of versions before 0.2 last. */
  successors(id: string, secret: string, nonce: string): string[] {
    return this.#successors.map((key) => successorOf(key, id, secret, nonce));
  }

  /** The keys for one purpose, one a secret: that of the newest first. */
  derived(purpose: KeyPurpose): readonly KeyObject[] {
    let keys = this.#derived.get(purpose);
    if (!keys) {
      keys = this.#secrets.map((secret) => createSecretKey(derive(secret, purpose, this.#cookieName)));
      this.#derived.set(purpose, keys);
    }
    return keys;
  }
}

/**
 * The texts with which cookie-parser and cookie-signature verify the session cookie, one a secret: that of the newest
 * first.
 *
 * cookie-parser verifies with all of its secrets and *signs* with the first one. Put your own secret first: otherwise
 * your application's cookies are signed with a session key, and a user who chooses their content could end other users'
 * sessions by their public ids. Requests through a cookie-parser that has a session key first are rejected.
 *
 * @param secret as in the options of the module
 * @param name of the session cookie
 * @throws SessionError `ERR_OPTIONS` if a secret is missing; of several it names the index
 * @example app.use(cookieParser([process.env.COOKIE_SECRET, ...cookieKeys(process.env.SESSION_SECRET)]))
 */
export function cookieKeys(
  secret: string | Uint8Array | readonly (string | Uint8Array)[],
  name = '__Host-session',
): string[] {
  const { secrets, missing } = secretsOf(secret);
  if (missing !== undefined) {
    throw new SessionError(
      'ERR_OPTIONS',
      `cookieKeys(): a secret is missing${missing}. Give the same as the option "secret" of SessionModule.`,
    );
  }
  return signingKeys(
    secrets.map((one) => createSecretKey(bytesOf(one))),
    name,
  );
}

/** As texts, since cookie-signature 1.0 takes nothing else. */
const signingKeys = (secrets: readonly KeyObject[], cookieName: string): string[] =>
  secrets.map((secret) => derive(secret, 'sign', cookieName).toString('base64url'));

/** HKDF-SHA256 (RFC 5869). No salt: the secret is random, and the purpose keeps the keys apart (§3.1, §3.2). */
const derive = (secret: KeyObject, purpose: KeyPurpose, cookieName: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, NO_SALT, `nest-sessions/${purpose}/${cookieName}`, KEY));

const NO_SALT = new Uint8Array(0);

const madeBy = (hmacs: readonly FixedHmac[], { token, signature }: Signed): boolean =>
  hmacs.some((hmac) => {
    const expected = signatureOf(hmac, token);
    return expected !== undefined && sameDigest(expected, signature);
  });

const signatureOf = (hmac: FixedHmac, token: string): string | undefined =>
  hmac.digest(token)?.slice(0, DIGEST_LENGTH);
