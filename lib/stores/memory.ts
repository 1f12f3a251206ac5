import { LRUCache } from 'lru-cache';
import { systemClock, type Clock } from '../core/clock.js';
import { SessionError } from '../core/errors.js';
import { applyDelta, mayCommit, type RecordDelta, type SessionRecord } from '../core/record.js';
import type {
  Committed,
  Created,
  Departed,
  Epitaph,
  Loaded,
  SessionLimit,
  SessionStore,
  StoreContext,
} from '../core/store.js';

export interface MemoryStoreOptions {
  /** The most sessions it holds; beyond, the ones unused for longest are evicted. @default 100_000 */
  maxCount?: number;
  /** The most bytes of data it holds, roughly: two a character. @default no limit */
  maxBytes?: number;
}

type Entry = Loaded | Departed;

/** What a record weighs beside its data, roughly, in bytes. */
const OVERHEAD = 1_000;

/** How often expired sessions are swept out, in milliseconds. */
const SWEEP_EVERY = 60_000;

/**
 * Sessions in the memory of this process: for development, tests and a single node. They end with the
 * process, and no other node sees them.
 *
 * Bounded: the least recently used sessions make room, with a warning the first time.
 */
export class MemoryStore implements SessionStore {
  readonly #entries: LRUCache<string, Entry>;
  readonly #bySubject = new Map<string, Set<string>>();
  #clock: Clock = systemClock;
  #warn: (message: string) => void = () => undefined;
  #evictionTold = false;
  #sweeper: NodeJS.Timeout | undefined;
  #sweptAt = -Infinity;

  /** @throws SessionError `ERR_OPTIONS` for a limit that is no positive integer */
  constructor({ maxCount = 100_000, maxBytes }: MemoryStoreOptions = {}) {
    for (const [name, value] of Object.entries({ maxCount, maxBytes })) {
      if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue;
      throw new SessionError(
        'ERR_OPTIONS',
        `MemoryStore: ${name} is a positive whole number, not ${String(value)}.`,
      );
    }
    this.#entries = new LRUCache<string, Entry>({
      max: maxCount,
      ...(maxBytes !== undefined && { maxSize: maxBytes, sizeCalculation: sizeOf }),
      // One number an entry and no timer; what has expired goes when it is met, or at the sweep.
      ttl: 1,
      ttlResolution: 0,
      perf: { now: () => this.#clock.now() },
      dispose: (entry, id, reason) => this.#disposed(entry, id, reason),
    });
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
    return this.#entries.size;
  }

  load(id: string): Loaded | Departed | undefined {
    return this.#entries.get(id);
  }

  create(record: SessionRecord, ttl: number, limit?: SessionLimit): Created {
    if (this.#entries.has(record.id)) throw new Error('a session of this id exists');
    this.#assertFits(record);
    if (this.#entries.size >= this.#entries.max) this.#sweepBeforeEviction();
    const evicted = limit ? this.#makeRoom(record, limit) : [];
    if (!evicted) return { outcome: 'rejected' };
    this.#put(record, ttl);
    if (record.subject !== undefined && ttl > 0) this.#index(record.subject).add(record.id);
    return { outcome: 'created', evicted };
  }

  commit(id: string, delta: RecordDelta): Committed {
    const record = this.#live(id);
    if (!record || !mayCommit(record, delta.secret)) return { outcome: 'gone' };
    if (delta.revision !== undefined && delta.revision !== record.revision) return { outcome: 'conflict' };
    if (delta.rotate && delta.rotate.from !== record.secretHash) return { outcome: 'conflict' };
    const next = applyDelta(record, delta);
    this.#assertFits(next);
    this.#put(next, delta.ttl ?? this.#entries.getRemainingTTL(id));
    return { outcome: 'saved', revision: next.revision };
  }

  destroy(id: string, word?: { epitaph: Epitaph; linger: number }): SessionRecord | undefined {
    return this.#remove(id, word);
  }

  list(subject: string): SessionRecord[] {
    return this.#of(subject);
  }

  /** Removes what has expired. Runs by itself once a minute. */
  sweep(): void {
    this.#entries.purgeStale();
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** So that what has expired makes room first. It looks at every entry, so not more than once a second. */
  #sweepBeforeEviction(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < 1_000) return;
    this.#sweptAt = now;
    this.sweep();
  }

  #remove(id: string, word?: { epitaph: Epitaph; linger: number }): SessionRecord | undefined {
    const record = this.#live(id);
    if (!record) return undefined;
    this.#entries.delete(id);
    // 0 would mean "for ever" to the cache.
    if (word && word.linger > 0) this.#entries.set(id, { departed: word.epitaph }, { ttl: word.linger });
    return record;
  }

  #of(subject: string): SessionRecord[] {
    const ids = this.#bySubject.get(subject) ?? [];
    return [...ids].map((id) => this.#live(id)).filter((record) => record !== undefined);
  }

  #live(id: string): SessionRecord | undefined {
    const entry = this.#entries.get(id);
    return entry && 'record' in entry ? entry.record : undefined;
  }

  /** The cache would drop it, and what was there before, without a word. */
  #assertFits(record: SessionRecord): void {
    const { maxSize } = this.#entries;
    if (maxSize > 0 && sizeOf({ record }, record.id) > maxSize)
      throw new Error(`the session alone is larger than "maxBytes", ${maxSize}`);
  }

  #put(record: SessionRecord, ttl: number): void {
    if (ttl <= 0) this.#entries.delete(record.id);
    // 0 would mean "for ever" to the cache.
    else this.#entries.set(record.id, { record }, { ttl: Math.max(1, Math.ceil(ttl)) });
  }

  /** The sessions that had to go, or `undefined` where the newcomer may not come in. */
  #makeRoom(record: SessionRecord, limit: SessionLimit): SessionRecord[] | undefined {
    const others = this.#of(record.subject!)
      .filter(({ id }) => id !== limit.replaces)
      .sort((a, b) => a.createdAt - b.createdAt);
    const surplus = others.length + 1 - limit.max;
    if (surplus <= 0) return [];
    if (limit.onExceeded === 'reject') return undefined;
    const evicted = others.slice(0, surplus);
    for (const { id } of evicted) this.#remove(id, { epitaph: 'evicted', linger: limit.linger });
    return evicted;
  }

  #index(subject: string): Set<string> {
    let ids = this.#bySubject.get(subject);
    if (!ids) this.#bySubject.set(subject, (ids = new Set()));
    return ids;
  }

  #disposed(entry: Entry, id: string, reason: LRUCache.DisposeReason): void {
    if (!('record' in entry) || reason === 'set') return;
    this.#unlist(id, entry.record.subject);
    if (reason !== 'evict' || this.#evictionTold) return;
    this.#evictionTold = true;
    this.#warn(
      'The memory store is full and ends sessions that are still alive, the least recently used first. Raise "maxCount" or "maxBytes", or use a store outside of the process. Told once.',
    );
  }

  #unlist(id: string, subject: string | undefined): void {
    if (subject === undefined) return;
    const ids = this.#bySubject.get(subject);
    ids?.delete(id);
    if (ids?.size === 0) this.#bySubject.delete(subject);
  }
}

const sizeOf = (entry: Entry, id: string): number => {
  if (!('record' in entry)) return id.length * 2 + 100;
  let characters = 0;
  for (const [key, text] of Object.entries(entry.record.data)) characters += key.length + text.length;
  return OVERHEAD + characters * 2;
};
