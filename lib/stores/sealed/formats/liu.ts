import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { decodeStrictly, derive, type Envelope, type KeyRing, type SealedCodec } from './format.js';

const IV = 16;
const BLOCK = 16;

/** At least an IV and one block, and a MAC of 32 bytes. The user is empty in an anonymous session. */
const FORM = /^[\w-]*\|[1-9]\d{0,14}\|[\w-]{43,}\|[\w-]{43}$/;

/**
 * The Secure Cookie Protocol (A. X. Liu, J. M. Kovacs, C.-T. Huang, M. G. Gouda, 2005):
 *
 *     user|expiration|(data)k|HMAC(user|expiration|data|S, k)     k = HMAC(user|expiration, sk)
 *
 * with HMAC-SHA256 and AES-256-CBC, the IV before the ciphertext. Every field is base64url without padding, except the
 * expiration, which is decimal seconds. User, data and S are encoded inside the MACs as well, so that no boundary
 * between fields can be moved.
 *
 * The flaws of the protocol are kept for compatibility: the MAC covers the plaintext, so decryption comes first; one
 * key encrypts and authenticates, and is shared by all cookies of a user that expire in the same second; the user is
 * visible. There is no key id, so each key of the ring is tried.
 */
export class LiuFormat implements SealedCodec {
  readonly cacheable = false;
  readonly #keys: KeyRing | readonly Buffer[];

  /** @param keys server keys `sk`, 32 bytes; the first seals, all of them open */
  constructor(keys: KeyRing | readonly Buffer[]) {
    this.#keys = keys;
  }

  static keys(secrets: KeyRing, cookieName: string): Buffer[] {
    return secrets.map((secret) => derive(secret, `nest-sessions/liu/${cookieName}`, 32));
  }

  seal(content: string, { subject = '', expiresAt, binding = '' }: Envelope): string {
    // Rounded up: the content has the expiry in milliseconds, and the cookie must not expire before it.
    const known = `${encode(subject)}|${Math.ceil(expiresAt / 1000)}`;
    const key = hmac(this.#keys[0]!, known);
    const iv = randomBytes(IV);
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const sealed = Buffer.concat([iv, cipher.update(content, 'utf8'), cipher.final()]);
    const tag = hmac(key, `${known}|${encode(content)}|${encode(binding)}`);
    return `${known}|${sealed.toString('base64url')}|${tag.toString('base64url')}`;
  }

  hasForm(value: string): boolean {
    return FORM.test(value);
  }

  open(value: string, now: number, binding = ''): string | undefined {
    const fields = value.split('|', 5);
    if (fields.length !== 4) return undefined;
    const [user, expiration, eData, eTag] = fields as [string, string, string, string];
    const sealed = decodeStrictly(eData);
    const tag = decodeStrictly(eTag);
    if (!sealed || !tag || !/^[1-9]\d{0,14}$/.test(expiration) || !(Number(expiration) * 1000 > now))
      return undefined;
    if (sealed.length < IV + BLOCK || sealed.length % BLOCK !== 0) return undefined;
    for (const sk of this.#keys) {
      const content = openWith(sk, `${user}|${expiration}`, sealed, tag, binding);
      if (content !== undefined) return content;
    }
    return undefined;
  }
}

/**
 * With a wrong padding the MAC is still computed, and the result is the same as for a wrong MAC. A difference in result
 * or time would let an attacker decrypt byte by byte (Vaudenay 2002).
 */
function openWith(
  sk: KeyObject | Buffer,
  known: string,
  sealed: Buffer,
  tag: Buffer,
  binding: string,
): string | undefined {
  const key = hmac(sk, known);
  const decipher = createDecipheriv('aes-256-cbc', key, sealed.subarray(0, IV)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(sealed.subarray(IV)), decipher.final()]);
  const { data, wellPadded } = unpad(padded);
  const expected = hmac(key, `${known}|${data.toString('base64url')}|${encode(binding)}`);
  const equal = tag.length === expected.length && timingSafeEqual(tag, expected);
  return equal && wellPadded ? data.toString('utf8') : undefined;
}

/** PKCS#7 (RFC 5652 §6.3). Always reads every byte of the last block, so that the time does not depend on them. */
function unpad(padded: Buffer): { data: Buffer; wellPadded: boolean } {
  const length = padded[padded.length - 1]!;
  let wrong = length === 0 || length > BLOCK ? 1 : 0;
  for (let i = 1; i <= BLOCK; i++) {
    if (i <= length) wrong |= padded[padded.length - i]! ^ length;
  }
  return { data: wrong ? padded : padded.subarray(0, padded.length - length), wellPadded: !wrong };
}

const hmac = (key: KeyObject | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

const encode = (text: string): string => Buffer.from(text).toString('base64url');
