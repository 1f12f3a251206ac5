import { wrongOption } from '../core/util/options.js';

/** The part of sodium-native that is used. */
interface Sodium {
  readonly crypto_secretbox_MACBYTES: number;
  readonly crypto_secretbox_NONCEBYTES: number;
  readonly crypto_pwhash_OPSLIMIT_MODERATE: number;
  readonly crypto_pwhash_MEMLIMIT_MODERATE: number;
  readonly crypto_pwhash_ALG_DEFAULT: number;
  crypto_secretbox_open_easy(message: Buffer, cipher: Buffer, nonce: Buffer, key: Buffer): boolean;
  crypto_pwhash(key: Buffer, secret: Buffer, salt: Buffer, ops: number, memory: number, alg: number): void;
}

/** Octets of a key of XSalsa20-Poly1305, and of the salt of Argon2id. */
export const KEY_BYTES = 32;
export const SALT_BYTES = 16;

/** A secret, whose key takes most of a second and 256 MB to derive. */
export interface DerivedKey {
  secret: string;
  salt: Buffer;
}

/** A name in a variable: neither a bundler nor the compiler looks for a package that most applications do not have. */
const PACKAGE = 'sodium-native';

/** Opens what `crypto_secretbox_easy` of libsodium has closed, by the application's own sodium-native. */
export class SecretBox {
  readonly #sodium: Sodium;
  readonly #keys: readonly Buffer[];

  private constructor(sodium: Sodium, keys: readonly Buffer[]) {
    this.#sodium = sodium;
    this.#keys = keys;
  }

  /** @throws SessionError `ERR_OPTIONS` without the package */
  static async load(owner: string, keys: readonly Buffer[] | DerivedKey): Promise<SecretBox> {
    const sodium = await load(owner);
    return new SecretBox(sodium, 'secret' in keys ? [derived(sodium, keys)] : keys);
  }

  /** `undefined` for what none of the keys closed. */
  open(cipher: Buffer, nonce: Buffer): Buffer | undefined {
    const sodium = this.#sodium;
    if (cipher.length < sodium.crypto_secretbox_MACBYTES) return undefined;
    if (nonce.length !== sodium.crypto_secretbox_NONCEBYTES) return undefined;
    const message = Buffer.alloc(cipher.length - sodium.crypto_secretbox_MACBYTES);
    const opens = this.#keys.some((key) => sodium.crypto_secretbox_open_easy(message, cipher, nonce, key));
    return opens ? message : undefined;
  }
}

async function load(owner: string): Promise<Sodium> {
  try {
    const { default: sodium } = (await import(PACKAGE)) as { default: Sodium };
    return sodium;
  } catch {
    throw wrongOption(
      owner,
      'its cookies are opened by the package sodium-native, which @fastify/secure-session uses and which was not found. Install it: npm install sodium-native.',
    );
  }
}

function derived(sodium: Sodium, { secret, salt }: DerivedKey): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  sodium.crypto_pwhash(
    key,
    Buffer.from(secret),
    salt,
    sodium.crypto_pwhash_OPSLIMIT_MODERATE,
    sodium.crypto_pwhash_MEMLIMIT_MODERATE,
    sodium.crypto_pwhash_ALG_DEFAULT,
  );
  return key;
}
