import { epochOf, type SessionRecord } from '../model/record.js';
import { hashSecret } from '../token/ids.js';
import type { Signer } from '../token/signer.js';
import type { SessionHandle } from './backend.js';

/** A session in a store, as one request holds it. The secret is private and leaves only in the cookie. */
export class StoreHandle implements SessionHandle {
  readonly record: SessionRecord;
  /** Epoch of the record when the session was opened with a valid token. The handle may write while it is unchanged. */
  readonly epoch: number;
  readonly legacy: boolean;
  readonly #secret: string | undefined;
  readonly #signer: Signer;

  constructor(
    signer: Signer,
    record: SessionRecord,
    secret: string | undefined,
    epoch = epochOf(record),
    legacy = false,
  ) {
    this.record = record;
    this.epoch = epoch;
    this.legacy = legacy;
    this.#secret = secret;
    this.#signer = signer;
  }

  get token(): string | undefined {
    return this.#secret && this.#signer.sign(`${this.record.id}.${this.#secret}`);
  }

  /** The secret that the request presented, or the successor derived from it. */
  get secret(): string | undefined {
    return this.#secret;
  }

  withRecord(record: SessionRecord): StoreHandle {
    return new StoreHandle(this.#signer, record, this.#secret, this.epoch, this.legacy);
  }
}

/**
 * The present secret, given it or its honoured predecessor: a late request gets the same successor as the first one.
 * `undefined` for an older secret, or if the key that derived the successor was removed.
 */
export function presentSecretOf(signer: Signer, record: SessionRecord, secret: string): string | undefined {
  const hash = hashSecret(secret);
  if (hash === record.secretHash) return secret;
  const { previous } = record;
  if (!previous?.honoured || previous.hash !== hash) return undefined;
  return signer
    .successors(record.id, secret, previous.nonce)
    .find((successor) => hashSecret(successor) === record.secretHash);
}
