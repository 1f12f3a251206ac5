import { LRUCache } from 'lru-cache';
import { systemClock, type Clock } from '../../core/util/clock.js';
import { checkOptions, isPositiveInteger, optional, type OptionChecks } from '../../core/util/options.js';
import { applyDelta, mayCommit, type RecordDelta, type SessionRecord } from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  Tombstone,
  TombstoneReason,
} from '../../core/storage/store.js';
import { layoutName, newLayout, PackedRecord, type Layout } from './packed-record.js';

export interface MemoryStoreOptions {
  /** The most sessions it holds; beyond, the ones unused for longest are evicted. @default 100_000 */
  maxCount?: number;
  /** The most bytes of data it holds, roughly: two a character. @default no limit */
  maxBytes?: number;
}

const CHECKS: OptionChecks<MemoryStoreOptions> = {
  maxCount: optional(isPositiveInteger),
  maxBytes: optional(isPositiveInteger),
};

type Entry = PackedRecord | EndedRecord;
type Entries = LRUCache<string, Entry>;

const ENDED: Record<TombstoneReason, EndedRecord> = {
  replaced: Object.freeze({ ended: 'replaced' }),
  evicted: Object.freeze({ ended: 'evicted' }),
};

/** What a record weighs beside its data, roughly, in bytes. */
const OVERHEAD = 1_000;

/** How often expired sessions are swept out, in milliseconds. */
const SWEEP_EVERY = 60_000;

/** Combinations of keys that sessions share, the latest ones. */
const LAYOUTS = 1_000;

/** Marks of revocations that are kept, the latest ones. */
const MARKS = 100_000;

/**
 * Sessions in the memory of this process: for development, tests and a single node. They end with the
 * process, and no other node sees them.
 *
 * Bounded: the least recently used sessions make room, those of anonymous visitors first, with a warning the first
 * time that somebody who is logged in has to go.
 */
export class MemoryStore implements SessionStore {
  readonly #loggedIn: Entries;
  /** And what is left of sessions that ended. These make room first: anybody can make as many as they like. */
  readonly #anonymous: Entries;
  readonly #maxCount: number;
  readonly #maxBytes: number;
  /** Most subjects have one session, which takes no set. */
  readonly #bySubject = new Map<string, string | Set<string>>();
  readonly #layouts = new LRUCache<string, Layout>({ max: LAYOUTS });
  readonly #revokedAt: LRUCache<string, number>;
  #clock: Clock = systemClock;
  #warn: (message: string) => void = () => undefined;
  #evictionTold = false;
  #sweeper: NodeJS.Timeout | undefined;
  #sweptAt = -Infinity;

  /** @throws SessionError `ERR_OPTIONS` for a limit that is no positive integer */
  constructor(options: MemoryStoreOptions = {}) {
    checkOptions('MemoryStore', options, CHECKS);
    const { maxCount = 100_000, maxBytes } = options;
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes ?? Infinity;
    this.#loggedIn = this.#cache(maxBytes !== undefined);
    this.#anonymous = this.#cache(maxBytes !== undefined);
    this.#revokedAt = new LRUCache({ max: MARKS, ttl: 1, ttlResolution: 0, perf: this.#perf() });
  }

  bind({ clock, warn }: StoreContext): void {
    this.#clock = clock;
    this.#warn = warn;
    if (process.env['NODE_ENV'] === 'production') {
      warn(
        'Sessions are kept in the memory of this process: they end with it, and other nodes do not see them. Set the option "store" to a RedisStore, a PostgresStore or a SealedCookie.',
      );
    }
    this.#sweeper ??= setInterval(() => this.sweep(), SWEEP_EVERY).unref();
  }

  /** How many sessions it holds, expired ones that were not swept yet included. */
  get size(): number {
    return this.#loggedIn.size + this.#anonymous.size;
  }

  load(id: string): LoadedRecord | EndedRecord | undefined {
    const entry = this.#entry(id);
    return entry instanceof PackedRecord ? { record: entry.unpack() } : entry;
  }

  create(record: SessionRecord, ttl: number, limit?: SessionLimit, provedAt?: number): CreateResult {
    if (this.#loggedIn.has(record.id) || this.#anonymous.has(record.id))
      throw new Error('a session of this id exists');
    const packed = this.#pack(record);
    if (this.#isRevoked(record, provedAt)) return { outcome: 'revoked' };
    const evicted = limit ? this.#surplus(record, limit) : [];
    if (!evicted) return { outcome: 'rejected' };
    // One that has expired may still be there, under another subject.
    for (const entries of [this.#loggedIn, this.#anonymous]) entries.delete(record.id);
    this.#put(packed, ttl);
    if (record.subject !== undefined && ttl > 0) this.#index(record.subject, record.id);
    return { outcome: 'created', evicted };
  }

  commit(id: string, delta: RecordDelta): CommitResult {
    const record = this.#live(id)?.unpack();
    if (!record || !mayCommit(record, delta.epoch)) return { outcome: 'gone' };
    if (delta.revision !== undefined && delta.revision !== record.revision) return { outcome: 'conflict' };
    if (delta.rotate && delta.rotate.from !== record.secretHash) return { outcome: 'conflict' };
    const next = applyDelta(record, delta);
    this.#put(this.#pack(next), delta.ttl ?? this.#entriesOf(record).getRemainingTTL(id));
    return { outcome: 'saved', revision: next.revision };
  }

  destroy(id: string, tombstone?: Tombstone): SessionRecord | undefined {
    return this.#remove(id, tombstone)?.unpack();
  }

  list(subject: string, limit?: number): SessionRecord[] {
    return this.#of(subject)
      .slice(0, limit)
      .map((record) => record.unpack());
  }

  markRevoked(subject: string, at: number, ttl: number): void {
    const marked = this.#revokedAt.get(subject) ?? -Infinity;
    const kept = Math.max(this.#revokedAt.getRemainingTTL(subject), Math.ceil(ttl), 1);
    this.#revokedAt.set(subject, Math.max(at, marked), { ttl: kept });
  }

  /** Removes what has expired. Runs by itself once a minute. */
  sweep(): void {
    this.#loggedIn.purgeStale();
    this.#anonymous.purgeStale();
    this.#revokedAt.purgeStale();
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #cache(weighs: boolean): Entries {
    return new LRUCache<string, Entry>({
      max: this.#maxCount,
      ...(weighs && { maxSize: this.#maxBytes, sizeCalculation: sizeOf }),
      // One number an entry and no timer; what has expired goes when it is met, or at the sweep.
      ttl: 1,
      ttlResolution: 0,
      perf: this.#perf(),
      dispose: (entry, id, reason) => this.#disposed(entry, id, reason),
    });
  }

  #perf(): { now(): number } {
    return { now: () => this.#clock.now() };
  }

  #entriesOf({ subject }: { readonly subject?: string | undefined }): Entries {
    return subject === undefined ? this.#anonymous : this.#loggedIn;
  }

  #isRevoked({ subject }: SessionRecord, provedAt: number | undefined): boolean {
    const revokedAt = subject === undefined ? undefined : this.#revokedAt.get(subject);
    return revokedAt !== undefined && provedAt !== undefined && provedAt <= revokedAt;
  }

  /**
   * Both kinds together stay within the limits, and `record` is in none of the rooms that are made: one that is being
   * replaced was used last.
   *
   * @throws Error where an anonymous session grows into the room of those who are logged in: it could log out all
   */
  #preallocate(record: PackedRecord, replaces: boolean, bytes: number): void {
    const count = replaces ? 0 : 1;
    if (this.#fits(count, bytes)) return;
    this.#sweepBeforeEviction();
    const own = replaces && record.subject === undefined ? 1 : 0;
    if (own && this.#loggedIn.calculatedSize + sizeOf(record, record.id) > this.#maxBytes)
      throw new Error('the store is full of sessions of users who are logged in: raise "maxBytes"');
    while (!this.#fits(count, bytes)) {
      const victims = this.#anonymous.size > own ? this.#anonymous : this.#loggedIn;
      victims.pop();
    }
  }

  #fits(count: number, bytes: number): boolean {
    const handle = this.#loggedIn.calculatedSize + this.#anonymous.calculatedSize;
    return this.size + count <= this.#maxCount && handle + bytes <= this.#maxBytes;
  }

  /** So that what has expired makes room first. It looks at every entry, so not more than once a second. */
  #sweepBeforeEviction(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < 1_000) return;
    this.#sweptAt = now;
    this.sweep();
  }

  #remove(id: string, tombstone?: Tombstone): PackedRecord | undefined {
    const record = this.#live(id);
    if (!record) return undefined;
    this.#entriesOf(record).delete(id);
    // 0 would mean "for ever" to the cache.
    if (tombstone && tombstone.ttl > 0)
      this.#anonymous.set(id, ENDED[tombstone.reason], { ttl: Math.max(1, Math.ceil(tombstone.ttl)) });
    return record;
  }

  #of(subject: string): PackedRecord[] {
    const ids = this.#bySubject.get(subject) ?? [];
    return (typeof ids === 'string' ? [ids] : [...ids])
      .map((id) => this.#live(id))
      .filter((record) => record !== undefined);
  }

  #entry(id: string): Entry | undefined {
    return this.#loggedIn.get(id) ?? this.#anonymous.get(id);
  }

  #live(id: string): PackedRecord | undefined {
    const entry = this.#entry(id);
    return entry instanceof PackedRecord ? entry : undefined;
  }

  #pack(record: SessionRecord): PackedRecord {
    const packed = new PackedRecord(record, this.#layoutOf);
    this.#assertFits(packed);
    return packed;
  }

  readonly #layoutOf = (keys: string[]): Layout => {
    const name = layoutName(keys);
    let layout = this.#layouts.get(name);
    if (!layout) this.#layouts.set(name, (layout = newLayout(keys)));
    return layout;
  };

  /** The cache would drop it, and what was there before, without a word. */
  #assertFits(record: PackedRecord): void {
    if (this.#maxBytes < Infinity && sizeOf(record, record.id) > this.#maxBytes)
      throw new Error(`the session alone is larger than "maxBytes", ${this.#maxBytes}`);
  }

  #put(record: PackedRecord, ttl: number): void {
    const entries = this.#entriesOf(record);
    if (ttl <= 0) {
      entries.delete(record.id);
      return;
    }
    const before = entries.peek(record.id);
    if (this.#maxBytes < Infinity) {
      const grows = sizeOf(record, record.id) - (before ? sizeOf(before, record.id) : 0);
      this.#preallocate(record, before !== undefined, Math.max(0, grows));
    } else if (!before) this.#preallocate(record, false, 0);
    // 0 would mean "for ever" to the cache.
    entries.set(record.id, record, { ttl: Math.max(1, Math.ceil(ttl)) });
  }

  /** The sessions that had to go, or `undefined` where the newcomer may not come in. */
  #surplus(record: SessionRecord, limit: SessionLimit): SessionRecord[] | undefined {
    const others = this.#of(record.subject!)
      .filter(({ id }) => id !== limit.replaces)
      .sort((a, b) => a.startedAt - b.startedAt);
    const surplus = others.length + 1 - limit.max;
    if (surplus <= 0) return [];
    if (limit.onExceeded === 'reject') return undefined;
    const evicted = others.slice(0, surplus);
    for (const { id } of evicted) this.#remove(id, { reason: 'evicted', ttl: limit.tombstoneTtl });
    return evicted.map((one) => one.unpack());
  }

  #index(subject: string, id: string): void {
    const ids = this.#bySubject.get(subject);
    if (ids === undefined) this.#bySubject.set(subject, id);
    else if (typeof ids === 'string') this.#bySubject.set(subject, new Set([ids, id]));
    else ids.add(id);
  }

  #disposed(entry: Entry, id: string, reason: LRUCache.DisposeReason): void {
    if (!(entry instanceof PackedRecord) || reason === 'set') return;
    this.#unlist(id, entry.subject);
    if (reason !== 'evict' || entry.subject === undefined || this.#evictionTold) return;
    this.#evictionTold = true;
    this.#warn(
      'The memory store is full and ends sessions of users who are logged in, the least recently used first. Raise "maxCount" or "maxBytes", or use a store outside of the process. Told once.',
    );
  }

  #unlist(id: string, subject: string | undefined): void {
    if (subject === undefined) return;
    const ids = this.#bySubject.get(subject);
    if (typeof ids === 'object') ids.delete(id);
    if (ids === id || (typeof ids === 'object' && ids.size === 0)) this.#bySubject.delete(subject);
  }
}

const sizeOf = (entry: Entry, id: string): number =>
  entry instanceof PackedRecord ? OVERHEAD + entry.characters * 2 : id.length * 2 + 100;
