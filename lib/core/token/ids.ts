import { createHmac, hash, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Random 128 bit: a public handle. 22 characters of base64url. */
export const newId = (): string => randomBytes(16).toString('base64url');

/** Whether a text has the form of an id. Any other text needs no query of the store. */
export const isId = (text: unknown): text is string => typeof text === 'string' && /^[\w-]{22}$/.test(text);

/** `id.secret`. */
export const ID_LENGTH = 22;
export const SECRET_LENGTH = 43;
export const TOKEN_LENGTH = ID_LENGTH + 1 + SECRET_LENGTH;

/** SHA-256 in base64 or base64url, without padding. */
export const DIGEST_LENGTH = 43;

/** Random 256 bit: only ever in the cookie. 43 characters of base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export const newNonce = (): string => randomBytes(16).toString('base64url');

/** A secret has 256 bits of entropy, so one SHA-256 is enough: there is nothing to stretch. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'base64url');

/**
 * The secret that follows `secret` at a rotation. Derived, so that every late request with the old secret gets the same
 * successor; the nonce keeps it from anyone who knows only the old secret and the key.
 */
export const successorOf = (key: KeyObject, id: string, secret: string, nonce: string): string =>
  createHmac('sha256', key).update(`nest-sessions/rotate|${id}|${secret}|${nonce}`).digest('base64url');

const left = Buffer.alloc(DIGEST_LENGTH);
const right = Buffer.alloc(DIGEST_LENGTH);

/** Compares two digests, in base64 or base64url, without telling by its time where they differ. */
export function sameDigest(a: string, b: string): boolean {
  if (a.length !== DIGEST_LENGTH || b.length !== DIGEST_LENGTH) return false;
  // A character of several octets does not fit at the end, and differs from a digest anywhere else.
  return left.write(a) === DIGEST_LENGTH && right.write(b) === DIGEST_LENGTH && timingSafeEqual(left, right);
}
