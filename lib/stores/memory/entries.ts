import { LRUCache } from 'lru-cache';
import type { EndedRecord } from '../../core/storage/store.js';
import { PackedRecord } from './packed-record.js';
import { atMost } from '../../core/util/lru.js';

/** Why a session is no longer stored. */
export type Removal = 'ended' | 'expired' | 'evicted';

/** A session, or the tombstone of one. */
export type Entry = PackedRecord | EndedRecord;

export interface EntryLimits {
  maxCount: number;
  /** `Infinity` for no limit. */
  maxBytes: number;
}

/** The removals that the cache decides itself. */
const REMOVALS: Partial<Record<LRUCache.DisposeReason, Removal>> = { evict: 'evicted', expire: 'expired' };

/** What a record weighs beside its data, roughly, in bytes. */
const OVERHEAD = 1_000;

/** Minimum time between two sweeps that make room, in milliseconds: a sweep visits every entry. */
const SWEEP_PAUSE = 1_000;

/**
 * Sessions by id, within limits. Logged-in sessions are apart from anonymous ones and tombstones, which are evicted first,
 * because anyone can create any number of these.
 */
export class Entries {
  readonly #limits: EntryLimits;
  readonly #now: () => number;
  readonly #loggedIn: LRUCache<string, Entry>;
  readonly #anonymous: LRUCache<string, Entry>;
  #sweptAt = -Infinity;
  /** Why {@link LRUCache.delete} is called. */
  #deleting: Removal = 'ended';

  /** @param onRemoved called for each session that is no longer stored; `evicted` if it made room for another */
  constructor(
    limits: EntryLimits,
    now: () => number,
    onRemoved: (record: PackedRecord, why: Removal) => void,
  ) {
    this.#limits = limits;
    this.#now = now;
    const cache = (): LRUCache<string, Entry> =>
      new LRUCache<string, Entry>({
        ...(limits.maxBytes < Infinity
          ? { max: limits.maxCount, maxSize: limits.maxBytes, sizeCalculation: sizeOf }
          : atMost(limits.maxCount)),
        // One number per entry and no timer: an expired entry is removed when it is read, or by the sweep.
        ttl: 1,
        ttlResolution: 0,
        perf: { now },
        dispose: (entry, _id, reason) => {
          if (entry instanceof PackedRecord && reason !== 'set')
            onRemoved(entry, REMOVALS[reason] ?? this.#deleting);
        },
      });
    this.#loggedIn = cache();
    this.#anonymous = cache();
  }

  /** Expired entries that were not swept yet included. */
  get size(): number {
    return this.#loggedIn.size + this.#anonymous.size;
  }

  get(id: string): Entry | undefined {
    return this.#loggedIn.get(id) ?? this.#anonymous.get(id);
  }

  live(id: string): PackedRecord | undefined {
    const entry = this.get(id);
    return entry instanceof PackedRecord ? entry : undefined;
  }

  has(id: string): boolean {
    return this.#loggedIn.has(id) || this.#anonymous.has(id);
  }

  /** Milliseconds until a session expires. */
  remainingTtl(record: PackedRecord): number {
    return this.#cacheOf(record).getRemainingTTL(record.id);
  }

  /** @throws Error if there is no room for it */
  set(record: PackedRecord, ttl: number): void {
    const cache = this.#cacheOf(record);
    if (ttl <= 0) {
      this.#deleting = 'expired';
      cache.delete(record.id);
      this.#deleting = 'ended';
      return;
    }
    const before = cache.peek(record.id);
    if (this.#limits.maxBytes < Infinity) {
      const grows = sizeOf(record, record.id) - (before ? sizeOf(before, record.id) : 0);
      this.#makeRoom(record, before !== undefined, Math.max(0, grows));
    } else if (!before) this.#makeRoom(record, false, 0);
    cache.set(record.id, record, { ttl: wholeTtl(ttl) });
  }

  setTombstone(id: string, tombstone: EndedRecord, ttl: number): void {
    this.#anonymous.set(id, tombstone, { ttl: wholeTtl(ttl) });
  }

  delete(id: string): void {
    this.#loggedIn.delete(id);
    this.#anonymous.delete(id);
  }

  sweep(): void {
    this.#loggedIn.purgeStale();
    this.#anonymous.purgeStale();
  }

  /**
   * The cache would drop such an entry, and the one it replaces, silently.
   *
   * @throws Error if the record alone is larger than `maxBytes`
   */
  assertFits(record: PackedRecord): void {
    const { maxBytes } = this.#limits;
    if (maxBytes < Infinity && sizeOf(record, record.id) > maxBytes)
      throw new RangeError(`the session alone is larger than "maxBytes", ${maxBytes}`);
  }

  /**
   * Keeps both caches together within the limits. A record that is replaced was just used, so it is not evicted.
   *
   * @throws Error if an anonymous session would need the room of logged-in ones: it could log out all users
   */
  #makeRoom(record: PackedRecord, replaces: boolean, bytes: number): void {
    const count = replaces ? 0 : 1;
    if (this.#fits(count, bytes)) return;
    this.#sweepBeforeEviction();
    const own = replaces && record.subject === undefined ? 1 : 0;
    if (own && this.#loggedIn.calculatedSize + sizeOf(record, record.id) > this.#limits.maxBytes)
      throw new Error('the store is full of logged-in sessions: raise "maxBytes"');
    while (!this.#fits(count, bytes)) {
      const victims = this.#anonymous.size > own ? this.#anonymous : this.#loggedIn;
      victims.pop();
    }
  }

  #fits(count: number, bytes: number): boolean {
    const { maxCount, maxBytes } = this.#limits;
    const used = this.#loggedIn.calculatedSize + this.#anonymous.calculatedSize;
    return this.size + count <= maxCount && used + bytes <= maxBytes;
  }

  #sweepBeforeEviction(): void {
    const now = this.#now();
    if (now - this.#sweptAt < SWEEP_PAUSE) return;
    this.#sweptAt = now;
    this.sweep();
  }

  #cacheOf({ subject }: PackedRecord): LRUCache<string, Entry> {
    return subject === undefined ? this.#anonymous : this.#loggedIn;
  }
}

/** The cache takes 0 as "never expires". */
export const wholeTtl = (ttl: number): number => Math.max(1, Math.ceil(ttl));

const sizeOf = (entry: Entry, id: string): number =>
  entry instanceof PackedRecord ? OVERHEAD + entry.characters * 2 : id.length * 2 + 100;
