import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const PUBLIC = { type: 'spki', format: 'der' } as const;
const PRIVATE = { type: 'pkcs8', format: 'der' } as const;

/**
 * A new pair of keys, read from their encoding. Node 20 hangs now and then where the key itself is exported: it holds the lock of
 * the key while it makes the texts, and if that needs a garbage collection, the job that generated the key waits for the same lock.
 */
export const ecKeyPair = (namedCurve = 'P-256'): KeyPair =>
  read(generateKeyPairSync('ec', { namedCurve, publicKeyEncoding: PUBLIC, privateKeyEncoding: PRIVATE }));

/** As {@link ecKeyPair}. @param modulusLength in bits */
export const rsaKeyPair = (modulusLength = 2048): KeyPair =>
  read(generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding: PUBLIC, privateKeyEncoding: PRIVATE }));

function read({ publicKey, privateKey }: { publicKey: Buffer; privateKey: Buffer }): KeyPair {
  return {
    publicKey: createPublicKey({ key: publicKey, ...PUBLIC }),
    privateKey: createPrivateKey({ key: privateKey, ...PRIVATE }),
  };
}
