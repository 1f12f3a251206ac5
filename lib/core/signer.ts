import { createSecretKey, type KeyObject } from 'node:crypto';
import { FixedHmac } from './hmac.js';
import { DIGEST_LENGTH, sameDigest } from './ids.js';

const PREFIX = 's:';

/** The two parts of a signed value. */
export interface Signed {
  token: string;
  signature: string;
}

/**
 * Signs tokens in the format of cookie-parser, `s:token.signature`, so that an application's own
 * `cookieParser(secret)` reads them. The first key signs, all of them verify.
 */
export class Signer {
  readonly #tokenLength: number;
  readonly #keys: readonly KeyObject[];
  readonly #hmacs: readonly FixedHmac[];

  /** @param tokenLength of every token, in characters of ASCII */
  constructor(secrets: readonly string[], tokenLength: number) {
    this.#tokenLength = tokenLength;
    this.#keys = secrets.map((secret) => createSecretKey(Buffer.from(secret)));
    this.#hmacs = secrets.map((secret) => new FixedHmac(Buffer.from(secret), tokenLength));
  }

  /** The key that signs. */
  get key(): KeyObject {
    return this.#keys[0]!;
  }

  get keys(): readonly KeyObject[] {
    return this.#keys;
  }

  sign(token: string): string {
    return `${PREFIX}${token}.${signatureOf(this.#hmacs[0]!, token)}`;
  }

  /** The parts of what is of our form, whoever signed it. */
  split(value: string): Signed | undefined {
    const end = PREFIX.length + this.#tokenLength;
    if (value.length !== end + 1 + DIGEST_LENGTH || !value.startsWith(PREFIX) || value[end] !== '.')
      return undefined;
    return { token: value.slice(PREFIX.length, end), signature: value.slice(end + 1) };
  }

  /** Whether one of the keys made this signature. */
  verifies({ token, signature }: Signed): boolean {
    return this.#hmacs.some((hmac) => {
      const expected = signatureOf(hmac, token);
      return expected !== undefined && sameDigest(expected, signature);
    });
  }
}

const signatureOf = (hmac: FixedHmac, token: string): string | undefined =>
  hmac.digest(token)?.slice(0, DIGEST_LENGTH);
