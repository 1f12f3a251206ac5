import { createHash, hash } from 'node:crypto';

/** Octets of a block and of a digest of SHA-256. */
const BLOCK = 64;
const DIGEST = 32;

/** What UTF-8 takes for a UTF-16 code state, at most. */
const WIDEST = 3;

/**
 * HMAC-SHA256 (RFC 2104) of texts of one length, with preallocated buffers for the padded keys and the text. Node's
 * `createHmac` looks up its algorithm on each call, which costs more than both hashes.
 */
export class FixedHmac {
  readonly #length: number;
  /** The inner key, and room for a text that is no ASCII. */
  readonly #room: Buffer;
  /** The same octets as far as a text of ASCII goes. */
  readonly #inner: Buffer;
  readonly #outer = Buffer.alloc(BLOCK + DIGEST);

  /** @param length of the texts, which are ASCII */
  constructor(key: Buffer, length: number) {
    this.#length = length;
    this.#room = Buffer.alloc(BLOCK + WIDEST * length);
    this.#inner = this.#room.subarray(0, BLOCK + length);
    const padded = Buffer.alloc(BLOCK);
    (key.length > BLOCK ? createHash('sha256').update(key).digest() : key).copy(padded);
    for (let i = 0; i < BLOCK; i++) {
      this.#room[i] = padded[i]! ^ 0x36;
      this.#outer[i] = padded[i]! ^ 0x5c;
    }
  }

  /** In base64 with its padding; `undefined` for a text of another length, or one that is not all ASCII. */
  digest(text: string): string | undefined {
    if (text.length !== this.#length || this.#room.write(text, BLOCK) !== this.#length) return undefined;
    this.#outer.write(hash('sha256', this.#inner, 'binary'), BLOCK, 'latin1');
    return hash('sha256', this.#outer, 'base64');
  }
}
