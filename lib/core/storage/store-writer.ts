import { afterConfirmation, afterRotation } from '../model/predecessors.js';
import { applyDelta, type RecordDelta, type SessionRecord } from '../model/record.js';
import { hashSecret, newNonce, newSecret } from '../token/ids.js';
import type { Signer } from '../token/signer.js';
import { loginRevoked, sessionLimitReached, unavailable } from '../util/errors.js';
import type { BackendWrite, CreateTerms, IssueResult, Rotation, SaveResult } from './backend.js';
import { isSettled, isTimeout, type StoreCalls } from './store-calls.js';
import { StoreHandle } from './store-handle.js';
import type { Awaitable, SessionLimit } from './store.js';
import type { StoreOperations } from '../diagnostics/observed.js';

/** Calls in a row that may evict nothing although the store has more to evict: other nodes may be faster for a while. */
const MOST_IN_VAIN = 100;

/** Creates and changes sessions in a store. */
export class StoreWriter {
  readonly #calls: StoreCalls;
  readonly #signer: Signer;

  constructor(calls: StoreCalls, signer: Signer) {
    this.#calls = calls;
    this.#signer = signer;
  }

  async create(draft: SessionRecord, ttl: number, terms: CreateTerms): Promise<IssueResult<StoreHandle>> {
    const secret = newSecret();
    const record = { ...draft, secretHash: hashSecret(secret) };
    try {
      await this.#insert(record, ttl, terms);
      return { handle: new StoreHandle(this.#signer, record, secret) };
    } catch (error) {
      // The record may be stored although the call failed. No client gets its token, so it must not stay in lists.
      if (isTimeout(error)) void this.#discard(record.id);
      else if (!isSettled(error)) await this.#discard(record.id);
      throw error;
    }
  }

  /** @throws SessionError `ERR_SESSION_LIMIT`, `ERR_LOGIN_REVOKED` */
  async #insert(record: SessionRecord, ttl: number, terms: CreateTerms): Promise<void> {
    const { id, subject } = record;
    const { limit, provedAt } = terms;
    const created = await this.#write(
      (store) => store.create(record, ttl, limit, provedAt),
      (late) => {
        if (late) emitEvicted(late, terms, id);
        // The first discard may have come before the insert.
        void this.#discard(id);
      },
    );
    emitEvicted(created, terms);
    switch (created.outcome) {
      case 'rejected':
        throw sessionLimitReached();
      case 'revoked':
        throw loginRevoked();
      case 'failed':
        this.#calls.health.write.failed(created.cause);
        throw unavailable(created.cause);
      case 'created':
        if (created.more && subject !== undefined && limit) await this.#evictMore(subject, limit, terms);
    }
  }

  /** Evicts the sessions that a create has left above the limit, each call with its own timeout. */
  async #evictMore(subject: string, limit: SessionLimit, terms: CreateTerms): Promise<void> {
    let inVain = 0;
    while (inVain < MOST_IN_VAIN) {
      const done = await this.#write(
        (store) => {
          if (!store.evict) throw new TypeError('The store returned "more", but has no method "evict".');
          return store.evict(subject, limit);
        },
        (late) => late && emitEvicted(late, terms),
      );
      emitEvicted(done, terms);
      if (!done.more) return;
      inVain = done.evicted.length > 0 ? 0 : inVain + 1;
    }
    const error = new Error(`The store returned "more" ${MOST_IN_VAIN} times and evicted nothing.`);
    this.#calls.health.write.failed(error);
    throw unavailable(error);
  }

  /**
   * Calls the store.
   *
   * @param onLate called when the store responds after the timeout, with `undefined` for an error
   */
  async #write<T>(
    operation: (store: StoreOperations) => Awaitable<T>,
    onLate: (result: T | undefined) => void,
  ): Promise<T> {
    let response: Awaitable<T> | undefined;
    try {
      return await this.#calls.write((store) => (response = operation(store)));
    } catch (error) {
      if (isTimeout(error)) Promise.resolve(response).then(onLate, () => onLate(undefined));
      throw error;
    }
  }

  /** Best effort: an error of the store is ignored. */
  async #discard(id: string): Promise<void> {
    try {
      await this.#calls.write((store) => store.destroy(id));
    } catch {
      // The caller throws the first error.
    }
  }

  async save(
    handle: StoreHandle,
    change: BackendWrite,
    now: number,
    ttl: number | undefined,
  ): Promise<SaveResult<StoreHandle>> {
    const { record } = handle;
    const next = change.rotate && this.#successor(handle, change.rotate, now);
    const delta: RecordDelta = {
      epoch: handle.epoch,
      ...(ttl !== undefined && { ttl }),
      ...change.data,
      ...(change.head && { head: change.head }),
      ...(change.exclusive && { revision: record.revision }),
      ...(next && { rotate: next.rotate }),
      ...(change.key && { key: change.key }),
      ...(change.confirm && confirmation(record, now, change.confirm.grace)),
    };
    const done = await this.#calls.write((store) => store.commit(record.id, delta));
    if (done.outcome !== 'saved') return done;
    const written = recordAfter(record, delta, done.revision);
    return {
      outcome: 'saved',
      handle: next ? new StoreHandle(this.#signer, written, next.secret) : handle.withRecord(written),
    };
  }

  #successor(
    { record, secret }: StoreHandle,
    { honoured, ...terms }: Rotation,
    now: number,
  ): { secret: string; rotate: NonNullable<RecordDelta['rotate']> } {
    const nonce = newNonce();
    // If the old secret is not honoured, the new one must not be derivable from it.
    const next = honoured && secret ? this.#signer.successor(record.id, secret, nonce) : newSecret();
    const from = record.secretHash;
    const previous = afterRotation(record, { from, nonce, honoured, now, ...terms });
    return { secret: next, rotate: { from, to: hashSecret(next), previous } };
  }
}

/** @param except the id of a session that no client got, which is not emitted */
function emitEvicted(
  result: { evicted?: SessionRecord[] } | { outcome: 'rejected' },
  { onEvicted }: CreateTerms,
  except?: string,
): void {
  if (!('evicted' in result)) return;
  for (const session of result.evicted ?? []) if (session.id !== except) onEvicted?.(session);
}

function confirmation(record: SessionRecord, now: number, grace: number): Pick<RecordDelta, 'confirm'> {
  const previous = afterConfirmation(record, now, grace);
  return previous ? { confirm: { secretHash: record.secretHash, previous } } : {};
}

/**
 * The record after a commit, as far as this node knows it. If other requests wrote data since it was read, the old
 * revision is kept: an exclusive commit then conflicts and reloads the data first.
 */
function recordAfter(record: SessionRecord, delta: RecordDelta, revision: number): SessionRecord {
  const next = applyDelta(record, delta);
  return next.revision === revision ? next : { ...next, revision: record.revision };
}
