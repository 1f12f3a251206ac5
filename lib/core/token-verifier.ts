import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { decodeValue } from './cookie.js';
import { DIGEST_LENGTH, hashSecret, ID_LENGTH, TOKEN_LENGTH } from './ids.js';
import type { Signer } from './signer.js';

/** A token that one of our keys signed. Whether it opens anything is for the record to say. */
export interface Verified {
  id: string;
  secret: string;
  /** Of the secret, as the record keeps it. */
  hash: string;
}

/** A longer value is not percent-encoded by anybody who means well. */
const LONGEST = 3 * (TOKEN_LENGTH + DIGEST_LENGTH);

/** Sessions whose last genuine token is recognised without its signature being computed again: some 4 MB. */
const REMEMBERED = 10_000;

/**
 * Recognises genuine tokens, at the price of one SHA-256 for the token that a session came with before, and of
 * one HMAC more for any other. What it remembers of a token is the hash of its secret and the signature, of
 * which nobody can make the token.
 */
export class TokenVerifier {
  readonly #signer: Signer;
  readonly #known = new LRUCache<string, Buffer>({ max: REMEMBERED });
  readonly #presented = Buffer.alloc(2 * DIGEST_LENGTH);

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** `undefined` for what nobody here issued. */
  verify(value: string): Verified | undefined {
    const signed = value.length > LONGEST ? undefined : decodeValue(value);
    const parts = signed === undefined ? undefined : this.#signer.split(signed);
    if (!parts || parts.token[ID_LENGTH] !== '.') return undefined;
    const id = parts.token.slice(0, ID_LENGTH);
    const secret = parts.token.slice(ID_LENGTH + 1);
    const hash = hashSecret(secret);
    if (!this.#isKnown(id, hash, parts.signature)) {
      if (!this.#signer.verifies(parts)) return undefined;
      this.#remember(id, hash, parts.signature);
    }
    return { id, secret, hash };
  }

  #isKnown(id: string, hash: string, signature: string): boolean {
    const known = this.#known.get(id);
    return known !== undefined && this.#fill(hash, signature) && timingSafeEqual(known, this.#presented);
  }

  #remember(id: string, hash: string, signature: string): void {
    this.#fill(hash, signature);
    // Copies, since a part of a text holds on to the whole of it: here to the cookie.
    this.#known.set(Buffer.from(id).toString(), Buffer.from(this.#presented));
  }

  #fill(hash: string, signature: string): boolean {
    this.#presented.write(hash);
    return this.#presented.write(signature, DIGEST_LENGTH) === DIGEST_LENGTH;
  }
}
