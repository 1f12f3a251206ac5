import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { decodeValue } from './cookie.js';
import { DIGEST_LENGTH, hashSecret, ID_LENGTH, TOKEN_LENGTH } from './ids.js';
import type { SignatureForm, Signed, Signer } from './signer.js';

/** A token that one of our keys signed. Whether it opens anything is for the record to say. */
export interface Verified {
  id: string;
  secret: string;
  /** Of the secret, as the record keeps it. */
  hash: string;
  /** A legacy signature may be of anything that the application signed with the same secret. */
  form: SignatureForm;
}

/** The hash of a secret and the signature beside each other, and how the signature was made. */
interface Known {
  digests: Buffer;
  form: SignatureForm;
}

/** The longest value that is decoded: a token with every character percent-encoded. */
const LONGEST = 3 * (TOKEN_LENGTH + DIGEST_LENGTH);

/** An id and a secret in base64url, and a digest in base64. */
const TOKEN = /^[\w-]+\.[\w-]+$/;
const SIGNATURE = /^[\w+/]+$/;

/** Sessions whose last genuine token is recognised without its signature being computed again: some 4 MB. */
const REMEMBERED = 10_000;

/**
 * Verifies tokens. The token that a session presented last costs one SHA-256, any other one HMAC more. The cache holds
 * the hash of the secret and the signature, from which the token cannot be derived.
 */
export class TokenVerifier {
  readonly #signer: Signer;
  readonly #known = new LRUCache<string, Known>({ max: REMEMBERED });
  readonly #presented = Buffer.alloc(2 * DIGEST_LENGTH);

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** `undefined` if none of our keys signed the value. */
  verify(value: string): Verified | undefined {
    const parts = this.#parts(value);
    if (!parts) return undefined;
    const id = parts.token.slice(0, ID_LENGTH);
    const secret = parts.token.slice(ID_LENGTH + 1);
    const hash = hashSecret(secret);
    const form = this.#knownForm(id, hash, parts.signature) ?? this.#check(id, hash, parts);
    return form && { id, secret, hash, form };
  }

  /** Whether the value looks like a token, whoever signed it. */
  hasForm(value: string): boolean {
    const parts = this.#parts(value);
    return parts !== undefined && TOKEN.test(parts.token) && SIGNATURE.test(parts.signature);
  }

  #parts(value: string): Signed | undefined {
    const signed = value.length > LONGEST ? undefined : decodeValue(value);
    const parts = signed === undefined ? undefined : this.#signer.split(signed);
    return parts?.token[ID_LENGTH] === '.' ? parts : undefined;
  }

  #knownForm(id: string, hash: string, signature: string): SignatureForm | undefined {
    const known = this.#known.get(id);
    const same = known && this.#fill(hash, signature) && timingSafeEqual(known.digests, this.#presented);
    return same ? known.form : undefined;
  }

  #check(id: string, hash: string, parts: Signed): SignatureForm | undefined {
    const form = this.#signer.verifies(parts);
    if (form === undefined) return undefined;
    this.#fill(hash, parts.signature);
    // Copies, since a part of a text holds on to the whole of it: here to the cookie.
    this.#known.set(Buffer.from(id).toString(), { digests: Buffer.from(this.#presented), form });
    return form;
  }

  #fill(hash: string, signature: string): boolean {
    this.#presented.write(hash);
    return this.#presented.write(signature, DIGEST_LENGTH) === DIGEST_LENGTH;
  }
}
