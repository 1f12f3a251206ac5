import { listUnavailable, loginRevoked, sessionLimitReached } from '../../core/util/errors.js';
import { hashSecret, newSecret } from '../../core/token/ids.js';
import type { CreateTerms, BackendContext } from '../../core/storage/backend.js';
import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import { inTime } from '../../core/storage/store-backend.js';
import type { Awaitable, SessionLimit, SessionStore } from '../../core/storage/store.js';

/** How long the mark of a revocation is kept, in milliseconds: far longer than a store call may take. */
const MARK_TTL = 24 * 60 * 60 * 1000;

/**
 * Who is logged in where, for `list()` and `maxSessions` over sealed cookies: a store that is written at the
 * turns of a session's life and never asked to open one. Without a store it knows nothing and does nothing.
 */
export class SessionIndex {
  readonly #store: SessionStore | undefined;
  readonly #context: BackendContext;

  constructor(store: SessionStore | undefined, context: BackendContext) {
    this.#store = store;
    this.#context = context;
    store?.bind?.(context);
  }

  get known(): boolean {
    return this.#store !== undefined;
  }

  /** Who has to go for a login, the oldest first, as the index is now. */
  async surplus(draft: SessionRecord, limit: SessionLimit | undefined): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store || draft.subject === undefined || limit?.onExceeded !== 'evict-oldest') return [];
    const others = (await this.#ask(() => store.list(draft.subject!)))
      .filter(({ id }) => id !== limit.replaces)
      .sort((a, b) => a.startedAt - b.startedAt);
    return others.slice(0, Math.max(0, others.length + 1 - limit.max));
  }

  /**
   * Puts a login in, and returns who had to go for it. @throws SessionError `ERR_SESSION_LIMIT`, `ERR_LOGIN_REVOKED`
   */
  async add(draft: SessionRecord, ttl: number, { limit, provedAt }: CreateTerms): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store || draft.subject === undefined) return [];
    // Nobody opens a session by the index, so it need not keep a word of those that had to go.
    const wordless = limit && { ...limit, tombstoneTtl: 0 };
    const created = await this.#ask(() => store.create(this.#entryOf(draft), ttl, wordless, provedAt));
    if (created.outcome === 'rejected') throw sessionLimitReached();
    if (created.outcome === 'revoked') throw loginRevoked();
    return created.evicted;
  }

  /** Puts back one that went, and lives on. @param ttl milliseconds, for as long as it may live without a roll */
  async relist(record: SessionRecord, ttl: number): Promise<void> {
    const store = this.#store;
    if (store) await this.#ask(() => store.create(this.#entryOf(record), ttl));
  }

  async note(id: string, head: RecordDelta['head'], ttl: number | undefined): Promise<void> {
    const store = this.#store;
    if (!store || !head) return;
    // Entries are never rotated, so each is of the first epoch.
    await this.#ask(() => store.commit(id, { epoch: 0, head, ...(ttl !== undefined && { ttl }) }));
  }

  /** False if it was not there. */
  async remove(id: string): Promise<boolean> {
    const store = this.#store;
    return store !== undefined && (await this.#ask(() => store.destroy(id))) !== undefined;
  }

  /** From now on a login is either refused, or in each list that is asked for. @param at milliseconds since the epoch */
  async markRevoked(subject: string, at: number): Promise<void> {
    const store = this.#store;
    if (store) await this.#ask(() => store.markRevoked(subject, at, MARK_TTL));
  }

  async lookUp(id: string): Promise<SessionRecord | undefined> {
    const store = this.#store;
    const found = store && (await this.#ask(() => store.load(id)));
    return found && 'record' in found ? found.record : undefined;
  }

  /** @throws SessionError `ERR_LIST_UNAVAILABLE` without a store */
  async list(subject: string): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store) throw listUnavailable();
    return this.#ask(() => store.list(subject));
  }

  async close(): Promise<void> {
    await this.#store?.close?.();
  }

  /** Under a hash of no secret that anybody has: nothing opens a record of the index. */
  #entryOf(record: SessionRecord): SessionRecord {
    return { ...record, secretHash: hashSecret(newSecret()), data: {} };
  }

  #ask<T>(question: () => Awaitable<T>): Promise<T> {
    return inTime(Promise.resolve().then(question), this.#context.timeout);
  }
}
