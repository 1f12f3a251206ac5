import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Octets of a digest of SHA-256. */
const OCTETS = 32;

/** HMAC-SHA256 of the exact text, in base64url. */
export const signNotice = (text: string, key: KeyObject): string => mac(text, key).toString('base64url');

/** Whether one of the keys made this MAC of the text. */
export function verifyNotice(text: string, signature: string, keys: readonly KeyObject[]): boolean {
  const given = Buffer.from(signature, 'base64url');
  return given.length === OCTETS && keys.some((key) => timingSafeEqual(mac(text, key), given));
}

const mac = (text: string, key: KeyObject): Buffer => createHmac('sha256', key).update(text).digest();
