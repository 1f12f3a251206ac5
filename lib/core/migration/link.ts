import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import type { OldLink } from '../storage/backend.js';

const ALGORITHM = 'aes-256-gcm';

/** Octets of a nonce and of a tag (NIST SP 800-38D §8.2, §5.2.1.2). */
const NONCE = 12;
const TAG = 16;

/** Encrypted, because the key of an old session is what its library keeps secret. */
export function sealLink({ source, key }: OldLink, by: KeyObject): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv(ALGORITHM, by, nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify([source, key])), cipher.final()]);
  return Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url');
}

/**
 * `undefined` for what none of the keys sealed.
 *
 * @param json the sealed text, as JSON
 */
export function openLink(json: string, keys: readonly KeyObject[]): OldLink | undefined {
  for (const key of keys) {
    try {
      const [source, old] = JSON.parse(unsealed(JSON.parse(json) as string, key)) as [string, string];
      return { source, key: old };
    } catch {
      // Sealed by another key, or not by us.
    }
  }
  return undefined;
}

function unsealed(sealed: string, key: KeyObject): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAuthTag(bytes.subarray(-TAG));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString();
}
