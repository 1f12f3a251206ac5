import { observedStore, type StoreOperations } from '../../core/diagnostics/observed.js';
import { listUnavailable, loginRevoked, sessionLimitReached, unavailable } from '../../core/util/errors.js';
import { hashSecret, newSecret } from '../../core/token/ids.js';
import type { CreateTerms, BackendContext } from '../../core/storage/backend.js';
import type { KeyChange, RecordDelta, SessionRecord } from '../../core/model/record.js';
import { inTime, pingStore } from '../../core/storage/store-calls.js';
import { StoreHealth } from '../../core/storage/health/store-health.js';
import { examineStore } from '../../core/storage/health/store-examination.js';
import { problemsOf } from '../../core/storage/health/store-problems.js';
import { useStore, type StoreUse } from '../../core/storage/store-use.js';
import type {
  Awaitable,
  CallReport,
  SessionLimit,
  SessionStore,
  StoreFinding,
  StoreProblem,
} from '../../core/storage/store.js';

/** How long the mark of a revocation is kept, in milliseconds: much longer than a store call may take. */
const MARK_TTL = 24 * 60 * 60 * 1000;

/**
 * The sessions of each subject, for `list()` and `maxSessions` over sealed cookies: a store that is written at login,
 * roll and end, and not queried to open a session. Without a store it is disabled: reads find nothing, and writes do
 * nothing.
 */
export class SessionIndex {
  readonly #store: StoreOperations | undefined;
  readonly #diagnosed: SessionStore | undefined;
  readonly #context: BackendContext;
  readonly #health: StoreHealth;
  readonly #use: StoreUse | undefined;

  constructor(store: SessionStore | undefined, context: BackendContext) {
    this.#store = store && observedStore('index', store);
    this.#diagnosed = store;
    this.#context = context;
    this.#health = new StoreHealth('index', context);
    this.#use = store && useStore(store, context, this.#health);
  }

  get enabled(): boolean {
    return this.#store !== undefined;
  }

  /** The sessions that a login has to evict, the oldest first, by the present content of the index. */
  async surplus(draft: SessionRecord, limit: SessionLimit | undefined): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store || draft.subject === undefined || limit?.onExceeded !== 'evict-oldest') return [];
    const others = (await this.#read(() => store.list(draft.subject!)))
      .filter(({ id }) => id !== limit.replaces)
      .sort((a, b) => a.startedAt - b.startedAt);
    return others.slice(0, Math.max(0, others.length + 1 - limit.max));
  }

  /**
   * Adds a login and returns the sessions that were removed for it.
   *
   * @param ttl milliseconds until the entry expires
   * @throws SessionError `ERR_SESSION_LIMIT`, `ERR_LOGIN_REVOKED`
   */
  async add(draft: SessionRecord, ttl: number, { limit, provedAt }: CreateTerms): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store || draft.subject === undefined) return [];
    // The list holds the reason of an eviction, so the index needs no tombstones.
    const withoutTombstones = limit && { ...limit, tombstoneTtl: 0 };
    const created = await this.#write(() =>
      store.create(this.#entryOf(draft), ttl, withoutTombstones, provedAt),
    );
    if (created.outcome === 'created') return created.evicted;
    if (created.outcome === 'rejected') throw sessionLimitReached();
    // They were removed for a login that fails now, and are still live.
    for (const record of created.evicted ?? [])
      await this.restore(record, this.#context.limitsOf(record).idle).catch(() => undefined);
    if (created.outcome === 'revoked') throw loginRevoked();
    this.#health.write.failed(created.cause);
    throw unavailable(created.cause);
  }

  /** Adds a session again that was removed but is still live. @param ttl milliseconds until it expires unless rolled */
  async restore(record: SessionRecord, ttl: number): Promise<void> {
    const store = this.#store;
    if (store) await this.#write(() => store.create(this.#entryOf(record), ttl));
  }

  /**
   * Lists a session that is live although its entry has expired.
   *
   * @param ttl milliseconds until the new entry expires unless rolled
   */
  async relist(record: SessionRecord, ttl: number): Promise<void> {
    // A store may hold an expired entry, whose id it does not insert again, until it is loaded.
    if (await this.find(record.id)) return;
    try {
      await this.restore(record, ttl);
    } catch (error) {
      // A concurrent request of the session may have listed it.
      if (!(await this.find(record.id))) throw error;
    }
  }

  /** False if the session is not listed: it ended, or its entry expired. */
  async update(
    { id, subject }: SessionRecord,
    head: RecordDelta['head'],
    ttl: number | undefined,
  ): Promise<boolean> {
    const store = this.#store;
    if (!store || !head || subject === undefined) return true;
    // Entries are never rotated, so each has the first epoch.
    const delta = { epoch: 0, head, ...(ttl !== undefined && { ttl }) };
    const { outcome } = await this.#write(() => store.commit(id, delta));
    return outcome !== 'gone';
  }

  /** Lists since when a session is bound to a device. Does nothing for one that is not listed. */
  async bind({ id, subject }: SessionRecord, key: KeyChange): Promise<void> {
    const store = this.#store;
    if (store && subject !== undefined) await this.#write(() => store.commit(id, { epoch: 0, key }));
  }

  /** False if it was not listed. */
  async remove(id: string): Promise<boolean> {
    const store = this.#store;
    return store !== undefined && (await this.#write(() => store.destroy(id))) !== undefined;
  }

  /**
   * From now on a login that began before is either refused, or part of every list that is queried later.
   *
   * @param at milliseconds since the epoch
   */
  async markRevoked(subject: string, at: number): Promise<void> {
    const store = this.#store;
    if (store) await this.#write(() => store.markRevoked(subject, at, MARK_TTL));
  }

  async find(id: string): Promise<SessionRecord | undefined> {
    const store = this.#store;
    const found = store && (await this.#read(() => store.load(id)));
    return found && 'record' in found ? found.record : undefined;
  }

  /** @throws SessionError `ERR_LIST_UNAVAILABLE` without a store */
  async list(subject: string): Promise<SessionRecord[]> {
    const store = this.#store;
    if (!store) throw listUnavailable();
    return this.#read(() => store.list(subject));
  }

  async ping(): Promise<void> {
    const store = this.#store;
    if (store) await this.#read(() => pingStore(store));
  }

  diagnose(): Promise<StoreProblem[]> {
    return problemsOf('index', this.#diagnosed, this.#context.timeout);
  }

  examine(): Promise<StoreFinding[]> {
    return this.#diagnosed ? examineStore('index', this.#diagnosed, this.#context) : Promise.resolve([]);
  }

  async close(): Promise<void> {
    await this.#use?.end();
  }

  /** With the hash of a random secret that is discarded, so that no token opens a record of the index. */
  #entryOf(record: SessionRecord): SessionRecord {
    return { ...record, secretHash: hashSecret(newSecret()), data: {} };
  }

  #read<T>(operation: () => Awaitable<T>): Promise<T> {
    return this.#call(operation, this.#health.read);
  }

  #write<T>(operation: () => Awaitable<T>): Promise<T> {
    return this.#call(operation, this.#health.write);
  }

  #call<T>(operation: () => Awaitable<T>, report: CallReport): Promise<T> {
    return inTime(Promise.resolve().then(operation), this.#context.timeout, report);
  }
}
