import { createHmac, hash, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Random 128 bit: a public handle. 22 characters of base64url. */
export const newId = (): string => randomBytes(16).toString('base64url');

/** Random 256 bit: only ever in the cookie. 43 characters of base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export const newNonce = (): string => randomBytes(16).toString('base64url');

/** A secret has 256 bits of entropy, so one SHA-256 is enough: there is nothing to stretch. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'base64url');

/**
 * The secret that follows `secret` at a rotation. Derived, so that every request that comes late with
 * the old one is given the same successor; the nonce keeps it from who knows only the old one and the key.
 */
export const successorOf = (key: KeyObject, id: string, secret: string, nonce: string): string =>
  createHmac('sha256', key).update(`nest-sessions/rotate|${id}|${secret}|${nonce}`).digest('base64url');

/** Compares without telling by its time where two texts differ. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
