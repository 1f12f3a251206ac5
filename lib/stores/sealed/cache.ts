import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Content } from './payload.js';

/** Bytes of contents that are kept, roughly: what some thousands of sessions hold. */
const ROOM = 16 * 1024 * 1024;

/** What a content weighs beside its texts, roughly, in bytes. */
const OVERHEAD = 1_500;

/**
 * What genuine cookies were opened to, so that the next request with the same one costs a hash in place of key
 * derivation, decryption and parsing. Under the SHA-256 of the whole value: any other value is opened anew, and
 * no cookie can be made of what is kept. Says nothing of whether the session is alive.
 */
export class SealedCache {
  readonly #contents = new LRUCache<string, Content>({ maxSize: ROOM, sizeCalculation: sizeOf });

  get(value: string): Content | undefined {
    return this.#contents.get(nameOf(value));
  }

  keep(value: string, content: Content): void {
    this.#contents.set(nameOf(value), content);
  }
}

const nameOf = (value: string): string => hash('sha256', value, 'base64url');

function sizeOf({ record }: Content): number {
  let characters = 0;
  for (const [key, text] of Object.entries(record.data)) characters += key.length + text.length;
  return OVERHEAD + 2 * characters;
}
