import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Content } from './payload.js';

/** Maximum size of the cached contents, roughly, in bytes: some thousands of sessions. */
const MAX_SIZE = 16 * 1024 * 1024;

/** Size of a content without its texts, roughly, in bytes. */
const OVERHEAD = 1_500;

/**
 * The contents of genuine cookies. A request with a cached cookie costs one hash in place of key derivation, decryption
 * and parsing. The key is the SHA-256 of the whole value, so that a value with any difference is opened anew, and no
 * cookie can be built from the cache. A cached content says nothing about whether the session is live.
 */
export class SealedCache {
  readonly #contents = new LRUCache<string, Content>({ maxSize: MAX_SIZE, sizeCalculation: sizeOf });

  get(value: string): Content | undefined {
    return this.#contents.get(keyOf(value));
  }

  set(value: string, content: Content): void {
    this.#contents.set(keyOf(value), content);
  }
}

const keyOf = (value: string): string => hash('sha256', value, 'base64url');

function sizeOf({ record }: Content): number {
  let characters = 0;
  for (const [key, text] of Object.entries(record.data)) characters += key.length + text.length;
  return OVERHEAD + 2 * characters;
}
