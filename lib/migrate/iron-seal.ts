import { createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto';
import { sameText } from './signed-value.js';

/** What a seal holds. */
export interface Unsealed {
  value: unknown;
  /** Milliseconds since the epoch; absent if it never expires. */
  expiresAt: number | undefined;
}

const PREFIX = 'Fe26.2';

/** Octets of both keys. */
const KEY = 32;

/**
 * Opens a seal of the format `Fe26.2`, with the settings that iron-session leaves at their defaults:
 * `Fe26.2*passwordId*salt*iv*ciphertext*expiration*hmacSalt*hmac`. PBKDF2 with one round of SHA-1 derives the keys,
 * AES-256-CBC encrypts, and HMAC-SHA256 signs all parts before its salt. Binary parts are base64url.
 *
 * @param passwords by their ids
 * @returns `undefined` for what none of the passwords sealed. Whether it has expired is for the caller to decide.
 */
export function unseal(seal: string, passwords: Readonly<Record<string, string>>): Unsealed | undefined {
  const parts = seal.split('*');
  if (parts.length !== 8 || parts[0] !== PREFIX) return undefined;
  const [, id, salt, iv, encrypted, expiration, hmacSalt, hmac] = parts as Eight;
  if (!Object.hasOwn(passwords, id) || !/^\d*$/.test(expiration)) return undefined;
  const password = passwords[id]!;
  const signed = parts.slice(0, 6).join('*');
  const mac = createHmac('sha256', derive(password, hmacSalt)).update(signed).digest('base64url');
  if (!sameText(mac, hmac)) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-cbc', derive(password, salt), Buffer.from(iv, 'base64url'));
    const text = decipher.update(encrypted, 'base64url', 'utf8') + decipher.final('utf8');
    const value: unknown = JSON.parse(text);
    return { value, expiresAt: expiration === '' ? undefined : Number(expiration) };
  } catch {
    return undefined;
  }
}

type Eight = [string, string, string, string, string, string, string, string];

const derive = (password: string, salt: string): Buffer => pbkdf2Sync(password, salt, 1, KEY, 'sha1');
