import {
  applyDelta,
  keyConflicts,
  mayCommit,
  type RecordDelta,
  type SessionRecord,
} from '../../core/model/record.js';
import type { ConnectStoreLike } from '../../core/storage/connect-calls.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  StoreProblem,
  Tombstone,
} from '../../core/storage/store.js';
import { systemClock, type Clock } from '../../core/util/clock.js';
import { isSessionError, SessionError } from '../../core/util/errors.js';
import { checkOptions, hasMethods, must, type OptionChecks } from '../../core/util/options.js';
import { ConnectEntries } from './entries.js';
import { KeyedQueue } from './keyed-queue.js';

export type { ConnectCookie, ConnectSession, ConnectStoreLike } from '../../core/storage/connect-calls.js';

/** What `new ConnectStore()` takes. */
export interface ConnectStoreOptions {
  /** A store for express-session: connect-redis, connect-pg-simple, connect-mongo, memorystore or any other. */
  store: ConnectStoreLike;
}

const CHECKS: OptionChecks<ConnectStoreOptions> = {
  store: must(
    (value) => hasMethods(value, 'get', 'set', 'destroy'),
    'give a store for express-session, with get(), set() and destroy().',
  ),
};

/**
 * Sessions in a store for express-session. Such a store reads and writes whole sessions and nothing under a condition, so
 * this one promises less than the others: within a process nothing is lost, but of two nodes that change one session at
 * the same time the later write wins. A session that ended stays ended, which costs a second read per request. Lists of
 * sessions, and with them `revokeAll()` and `maxSessions`, read all sessions of the store, and need its `all()`.
 */
export class ConnectStore implements SessionStore {
  readonly #store: ConnectStoreLike;
  readonly #entries: ConnectEntries;
  readonly #queue = new KeyedQueue();
  #clock: Clock = systemClock;
  /** The longest time to live so far: what a slow writer of another node brings back lives no longer. */
  #longest = 0;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: ConnectStoreOptions) {
    checkOptions('ConnectStore', options, CHECKS);
    this.#store = options.store;
    this.#entries = new ConnectEntries(options.store, () => this.#clock.now());
  }

  bind({ clock, timeout, warn }: StoreContext): void {
    this.#clock = clock;
    if (timeout !== undefined) this.#entries.timeout = this.#queue.timeout = timeout;
    warn(
      `ConnectStore: ${nameOf(this.#store)} writes whole sessions, so of two nodes that change one session at the same time the later write wins, and a limit of sessions may be exceeded. ${
        this.#store.all
          ? 'Lists of sessions read all sessions of the store.'
          : 'It has no all(), so list(), revokeAll(), logout({ everywhere: true }) and maxSessions fail: docs/stores.md, "A store for express-session", shows how to add it.'
      } A RedisStore or PostgresStore has none of these limits.`,
    );
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    const [record, end] = await Promise.all([this.#entries.record(id), this.#entries.end(id)]);
    if (end) return end.reason && { ended: end.reason };
    return record && { record: record.record };
  }

  create(record: SessionRecord, ttl: number, limit?: SessionLimit, provedAt?: number): Promise<CreateResult> {
    const { id, subject } = record;
    const create = (): Promise<CreateResult> =>
      this.#queue.run(id, () => this.#create(record, ttl, limit, provedAt));
    return subject === undefined ? create() : this.#queue.run(`subject ${subject}`, create);
  }

  async #create(
    record: SessionRecord,
    ttl: number,
    limit: SessionLimit | undefined,
    provedAt: number | undefined,
  ): Promise<CreateResult> {
    const { id, subject } = record;
    const end = await this.#entries.end(id);
    if (!end && (await this.#entries.record(id))) throw new Error('A session with this id exists.');
    if (await this.#isRevoked(subject, provedAt)) return { outcome: 'revoked' };
    const surplus = limit && subject !== undefined ? await this.#surplus(subject, limit) : [];
    if (!surplus) return { outcome: 'rejected' };
    if (end) await this.#entries.forgetEnd(id);
    if (ttl > 0) await this.#write(record, ttl);
    // A revocation sets its mark before it lists: one of the two sees the other.
    if (await this.#isRevoked(subject, provedAt)) {
      await this.#end(id);
      return { outcome: 'revoked' };
    }
    const evicted: SessionRecord[] = [];
    for (const { id: old } of surplus) {
      const ended = await this.destroy(old, { reason: 'evicted', ttl: limit!.tombstoneTtl });
      if (ended) evicted.push(ended);
    }
    return { outcome: 'created', evicted };
  }

  async #isRevoked(subject: string | undefined, provedAt: number | undefined): Promise<boolean> {
    if (subject === undefined || provedAt === undefined) return false;
    const mark = await this.#entries.mark(subject);
    return mark !== undefined && provedAt <= mark.at;
  }

  /** The sessions above the limit, the oldest first; `undefined` if the new session is rejected instead. */
  async #surplus(subject: string, limit: SessionLimit): Promise<SessionRecord[] | undefined> {
    const others = (await this.list(subject))
      .filter(({ id }) => id !== limit.replaces)
      .sort((a, b) => a.startedAt - b.startedAt);
    const surplus = others.length + 1 - limit.max;
    if (surplus <= 0) return [];
    return limit.onExceeded === 'reject' ? undefined : others.slice(0, surplus);
  }

  commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    return this.#queue.run(id, () => this.#commit(id, delta));
  }

  async #commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    const [entry, end] = await Promise.all([this.#entries.record(id), this.#entries.end(id)]);
    if (!entry || end || !mayCommit(entry.record, delta.epoch)) return { outcome: 'gone' };
    const { record } = entry;
    if (delta.revision !== undefined && delta.revision !== record.revision) return { outcome: 'conflict' };
    if (delta.rotate && delta.rotate.from !== record.secretHash) return { outcome: 'conflict' };
    if (delta.key && keyConflicts(record, delta.key)) return { outcome: 'conflict' };
    const next = applyDelta(record, delta);
    const ttl = delta.ttl ?? entry.until - this.#clock.now();
    if (ttl > 0) await this.#write(next, ttl);
    else await this.#entries.remove(id);
    // Another node may have ended the session meanwhile: this write must not bring it back.
    if (!(await this.#entries.end(id))) return { outcome: 'saved', revision: next.revision };
    await this.#entries.remove(id);
    return { outcome: 'gone' };
  }

  destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.#queue.run(id, () => this.#end(id, tombstone));
  }

  async #end(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    try {
      const [entry, end] = await Promise.all([this.#entries.record(id), this.#entries.end(id)]);
      if (!entry || end) return undefined;
      const ttl = Math.max(this.#longest, entry.until - this.#clock.now(), tombstone?.ttl ?? 0);
      await this.#entries.writeEnd(id, ttl, tombstone);
      await this.#entries.remove(id);
      return entry.record;
    } catch (error) {
      if (isSessionError(error) && error.code === 'ERR_RECORD_CORRUPT') await this.#entries.remove(id);
      throw error;
    }
  }

  /** @throws SessionError `ERR_LIST_UNAVAILABLE` if the store has no `all()` */
  async list(subject: string, limit?: number): Promise<SessionRecord[]> {
    const all = await this.#entries.all();
    if (!all) {
      throw new SessionError(
        'ERR_LIST_UNAVAILABLE',
        `${nameOf(this.#store)} has no all(), so the sessions of a user cannot be found. Add it as docs/stores.md shows ("A store for express-session"), or use a RedisStore or PostgresStore.`,
      );
    }
    return all
      .filter((record) => record.subject === subject)
      .sort((a, b) => a.createdAt - b.createdAt)
      .slice(0, limit);
  }

  markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    return this.#queue.run(`mark ${subject}`, async () => {
      const mark = await this.#entries.mark(subject);
      const remaining = mark ? mark.until - this.#clock.now() : 0;
      await this.#entries.writeMark(subject, Math.max(at, mark?.at ?? at), Math.max(ttl, remaining));
    });
  }

  /** Whether the store responds at all. */
  async diagnose(): Promise<readonly StoreProblem[]> {
    await this.#entries.end('diagnosis');
    return [];
  }

  async #write(record: SessionRecord, ttl: number): Promise<void> {
    this.#longest = Math.max(this.#longest, ttl);
    await this.#entries.write(record, ttl);
  }
}

const nameOf = (store: ConnectStoreLike): string =>
  (store as object).constructor?.name || 'The store of express-session';
