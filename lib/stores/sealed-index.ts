import { listUnavailable, sessionLimitReached } from '../core/errors.js';
import type { KeeperContext } from '../core/keeper.js';
import type { RecordDelta, SessionRecord } from '../core/record.js';
import { inTime } from '../core/store-keeper.js';
import type { Awaitable, SessionLimit, SessionStore } from '../core/store.js';

/**
 * Who is logged in where, for `list()` and `maxSessions` over sealed cookies: a store that is written at the
 * turns of a session's life and never asked to open one. Without a store it knows nothing and does nothing.
 */
export class SealedIndex {
  readonly #store: SessionStore | undefined;
  readonly #context: KeeperContext;

  constructor(store: SessionStore | undefined, context: KeeperContext) {
    this.#store = store;
    this.#context = context;
    store?.bind?.(context);
  }

  get known(): boolean {
    return this.#store !== undefined;
  }

  /** Puts a login in, and returns who had to go for it. @throws SessionError `ERR_SESSION_LIMIT` */
  async enlist(draft: SessionRecord, ttl: number, limit?: SessionLimit): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store || draft.subject === undefined) return [];
    const record = { ...draft, secretHash: this.#context.signer.indexMarks(draft.id)[0]!, data: {} };
    const created = await this.#ask(() => store.create(record, ttl, limit));
    if (created.outcome === 'rejected') throw sessionLimitReached();
    return created.evicted;
  }

  async note(id: string, head: RecordDelta['head'], ttl: number | undefined): Promise<void> {
    const store = this.#store;
    if (!store || !head) return;
    // An entry that an older secret or version made has another mark.
    for (const secret of this.#context.signer.indexMarks(id)) {
      const delta = { secret, head, ...(ttl !== undefined && { ttl }) };
      const { outcome } = await this.#ask(() => store.commit(id, delta));
      if (outcome !== 'gone') return;
    }
  }

  async delist(id: string): Promise<void> {
    const store = this.#store;
    if (store) await this.#ask(() => store.destroy(id));
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

  #ask<T>(question: () => Awaitable<T>): Promise<T> {
    return inTime(Promise.resolve().then(question), this.#context.timeout);
  }
}
