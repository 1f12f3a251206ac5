import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { decodeStrictly, derive, type KeyRing, type SealedCodec } from './format.js';

const VERSION = 'v1';
const SALT = 16;
const TAG = 16;
const KEY = 32;
const NONCE = 12;

/** Bytes of a key id, 8 characters in base64url: it identifies a key of the ring and reveals nothing about it. */
const KID = 6;

/** version "." kid "." base64url of salt and tag at least */
const FORM = /^v1\.[\w-]{8}\.[\w-]{43,}$/;

interface RingKey {
  kid: string;
  secret: KeyObject;
}

/**
 * The library's own format:
 *
 *     v1.<kid>.<base64url(salt16 ‖ ciphertext ‖ tag16)>
 *
 * AES-256-GCM; key and nonce by HKDF-SHA256 from the secret, the salt and the name of the cookie. Each cookie has a key
 * of its own, because one GCM key allows 2³² random nonces at most (NIST SP 800-38D §8.3). Version, key id and name are
 * authenticated as well, so a value is valid only under the name that it was sealed for.
 */
export class SealedFormat implements SealedCodec {
  readonly cacheable = true;
  readonly #ring: ReadonlyMap<string, RingKey>;
  readonly #current: RingKey;
  readonly #name: string;

  constructor(secrets: KeyRing, cookieName: string) {
    const keys = secrets.map((secret) => ({
      kid: derive(secret, `nest-sessions/${VERSION}/kid`, KID).toString('base64url'),
      secret,
    }));
    this.#ring = new Map(keys.map((key) => [key.kid, key]));
    this.#current = keys[0]!;
    this.#name = cookieName;
  }

  seal(content: string): string {
    const { kid } = this.#current;
    const salt = randomBytes(SALT);
    const material = this.#material(this.#current, salt);
    const cipher = createCipheriv('aes-256-gcm', keyOf(material), nonceOf(material));
    cipher.setAAD(this.#bound(kid, salt));
    const sealed = [salt, cipher.update(content, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return `${VERSION}.${kid}.${Buffer.concat(sealed).toString('base64url')}`;
  }

  hasForm(value: string): boolean {
    return FORM.test(value);
  }

  open(value: string): string | undefined {
    const parts = value.split('.', 4);
    if (parts.length !== 3 || parts[0] !== VERSION) return undefined;
    const key = this.#ring.get(parts[1]!);
    const sealed = key && decodeStrictly(parts[2]!);
    if (!sealed || sealed.length < SALT + TAG) return undefined;
    return this.#decrypt(key, sealed);
  }

  #decrypt(key: RingKey, sealed: Buffer): string | undefined {
    const salt = sealed.subarray(0, SALT);
    const material = this.#material(key, salt);
    const end = sealed.length - TAG;
    const decipher = createDecipheriv('aes-256-gcm', keyOf(material), nonceOf(material), {
      authTagLength: TAG,
    });
    decipher.setAAD(this.#bound(key.kid, salt));
    decipher.setAuthTag(sealed.subarray(end));
    const content = decipher.update(sealed.subarray(SALT, end), undefined, 'utf8');
    try {
      // Compares the tag in constant time. The content is not used before.
      return content + decipher.final('utf8');
    } catch {
      return undefined;
    }
  }

  #material({ secret }: RingKey, salt: Buffer): Buffer {
    return derive(secret, `nest-sessions/${VERSION}/${this.#name}`, KEY + NONCE, salt);
  }

  #bound(kid: string, salt: Buffer): Buffer {
    return Buffer.from(`${VERSION}.${kid}|${this.#name}|${salt.toString('base64url')}`);
  }
}

/** A key object, because Node 24 throws and catches two errors internally when it is given bytes. */
const keyOf = (material: Buffer): KeyObject => createSecretKey(material.subarray(0, KEY));
const nonceOf = (material: Buffer): Buffer => material.subarray(KEY);
