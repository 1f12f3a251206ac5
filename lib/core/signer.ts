import { createSecretKey, type KeyObject } from 'node:crypto';
import { sign, unsign } from 'cookie-signature';

/**
 * Signs cookie values in the format of cookie-parser, `s:value.signature`, so that an application's own
 * `cookieParser(secret)` reads them. The first key signs, all of them verify.
 */
export class Signer {
  readonly #keys: KeyObject[];

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => createSecretKey(Buffer.from(secret)));
  }

  /** The key that signs. */
  get key(): KeyObject {
    return this.#keys[0]!;
  }

  get keys(): readonly KeyObject[] {
    return this.#keys;
  }

  sign(value: string): string {
    return `s:${sign(value, this.key)}`;
  }

  /** The signed value, or `undefined` if no key made this signature. */
  unsign(signed: string): string | undefined {
    if (!signed.startsWith('s:')) return undefined;
    const input = signed.slice(2);
    for (const key of this.#keys) {
      const value = unsign(input, key);
      if (value !== false) return value;
    }
    return undefined;
  }
}
