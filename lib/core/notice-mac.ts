import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';

/** Octets of a derived key, and of a digest of SHA-256. */
const OCTETS = 32;

/** The key for what the nodes tell each other, derived (RFC 5869) so that it is good for nothing else. */
export const noticeKey = (secret: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'nest-sessions/notice', OCTETS)));

/** HMAC-SHA256 of the exact text, in base64url. */
export const signNotice = (text: string, key: KeyObject): string => mac(text, key).toString('base64url');

/** Whether one of the keys made this MAC of the text. */
export function verifyNotice(text: string, signature: string, keys: readonly KeyObject[]): boolean {
  const given = Buffer.from(signature, 'base64url');
  return given.length === OCTETS && keys.some((key) => timingSafeEqual(mac(text, key), given));
}

const mac = (text: string, key: KeyObject): Buffer => createHmac('sha256', key).update(text).digest();
