import { hash as digestOf } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { decodeValue } from './cookie.js';
import { DIGEST_LENGTH, hashSecret, ID_LENGTH, TOKEN_LENGTH } from './ids.js';
import type { SignatureForm, Signed, Signer } from './signer.js';
import { atMost } from '../util/lru.js';

/** A token that one of our keys signed. Whether it opens a session depends on the record. */
export interface Verified {
  id: string;
  secret: string;
  /** Hash of the secret, as in the record. */
  hash: string;
  /** The signature of a legacy token may cover anything that the application signed with the same secret. */
  form: SignatureForm;
}

/** What is cached of a genuine token. The token cannot be derived from it. */
type Known = Omit<Verified, 'secret'>;

/** The longest value that is decoded: `s:token.signature` with every character percent-encoded. */
const LONGEST = 3 * (TOKEN_LENGTH + DIGEST_LENGTH + 's:.'.length);

/** An id and a secret in base64url, and a digest in base64. */
const TOKEN = /^[\w-]+\.[\w-]+$/;
const SIGNATURE = /^[\w+/]+$/;

/** Genuine tokens that are recognised without computing their signature again: about 4 MB. */
const CACHED = 10_000;

/**
 * One of so many tokens gets into a full cache. Where more sessions are active than it holds, each request would otherwise
 * replace an entry that lived long enough to be costly garbage: with 1,000,000 sessions drawn uniformly a request takes 4 to
 * 15 % less (Node 24). A session that is used often gets in all the same.
 */
const ADMITTED = 8;

/**
 * Verifies tokens. A cached token costs one SHA-256; any other one costs a second one and the HMAC. The key of the cache
 * is the hash of the whole value, so how long a lookup takes tells nothing of a genuine token.
 */
export class TokenVerifier {
  readonly #signer: Signer;
  readonly #known = new LRUCache<string, Known>(atMost(CACHED));
  /** Genuine tokens that were not in the full cache. */
  #missed = 0;

  constructor(signer: Signer) {
    this.#signer = signer;
  }

  /** `undefined` if none of our keys signed the value. */
  verify(value: string): Verified | undefined {
    const signed = value.length > LONGEST ? undefined : decodeValue(value);
    if (signed === undefined) return undefined;
    const key = digestOf('sha256', signed, 'base64url');
    // Not `get`, which orders the entries by use: verifying a token again now and then costs less.
    const known = this.#known.peek(key);
    if (known)
      return { id: known.id, secret: this.#signer.secretOf(signed), hash: known.hash, form: known.form };
    return this.#verifyAnew(signed, key);
  }

  /** Whether the value has the form of a token, whoever signed it. */
  hasForm(value: string): boolean {
    const signed = value.length > LONGEST ? undefined : decodeValue(value);
    const parts = signed === undefined ? undefined : this.#parts(signed);
    return parts !== undefined && TOKEN.test(parts.token) && SIGNATURE.test(parts.signature);
  }

  #verifyAnew(signed: string, key: string): Verified | undefined {
    const parts = this.#parts(signed);
    const form = parts && this.#signer.verifies(parts);
    if (!form) return undefined;
    const secret = parts.token.slice(ID_LENGTH + 1);
    const hash = hashSecret(secret);
    // A copy, because a part of a string keeps the whole of it: here the cookie.
    const id = Buffer.from(parts.token.slice(0, ID_LENGTH)).toString();
    if (this.#known.size < CACHED || ++this.#missed % ADMITTED === 0)
      this.#known.set(key, { id, hash, form });
    return { id, secret, hash, form };
  }

  #parts(signed: string): Signed | undefined {
    const parts = this.#signer.split(signed);
    return parts?.token[ID_LENGTH] === '.' ? parts : undefined;
  }
}
