import { LRUCache } from 'lru-cache';
import { systemClock, type Clock } from '../../core/util/clock.js';
import { checkOptions, isPositiveInteger, optional, type OptionChecks } from '../../core/util/options.js';
import {
  applyDelta,
  keyConflicts,
  mayCommit,
  type RecordDelta,
  type SessionRecord,
} from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  StoreFinding,
  Tombstone,
  TombstoneReason,
} from '../../core/storage/store.js';
import { Entries, wholeTtl, type Removal } from './entries.js';
import { layoutName, newLayout, PackedRecord, type Layout } from './packed-record.js';
import { SubjectIds } from './subject-ids.js';
import { atMost } from '../../core/util/lru.js';

/** What `MemoryStore` takes. */
export interface MemoryStoreOptions {
  /** Maximum number of sessions. Above it the least recently used ones are evicted. @default 100_000 */
  maxCount?: number;
  /** Maximum number of bytes, roughly: two per character of the data. @default no limit */
  maxBytes?: number;
}

const CHECKS: OptionChecks<MemoryStoreOptions> = {
  maxCount: optional(isPositiveInteger),
  maxBytes: optional(isPositiveInteger),
};

const ENDED: Record<TombstoneReason, EndedRecord> = {
  replaced: Object.freeze({ ended: 'replaced' }),
  evicted: Object.freeze({ ended: 'evicted' }),
};

/** How often expired sessions are removed, in milliseconds. */
const SWEEP_EVERY = 60_000;

/** Maximum number of layouts that sessions share; the least recently used are dropped. */
const LAYOUTS = 1_000;

/** Maximum number of marks of revocations; the least recently used are dropped. */
const MARKS = 100_000;

/**
 * Sessions in the memory of this process: for development, tests and a single node. They end with the process, and other
 * nodes do not see them.
 *
 * Bounded: when it is full, the least recently used sessions are evicted, anonymous ones first. The first eviction of a
 * logged-in session is logged as a warning.
 */
export class MemoryStore implements SessionStore {
  readonly #entries: Entries;
  readonly #bySubject = new SubjectIds();
  readonly #layouts = new LRUCache<string, Layout>({ max: LAYOUTS });
  readonly #revokedAt: LRUCache<string, number>;
  #clock: Clock = systemClock;
  #warn: (message: string) => void = () => undefined;
  #onExpired: StoreContext['expired'];
  /** Expired sessions whose end is about to be emitted. */
  readonly #expired: PackedRecord[] = [];
  #evictionWarned = false;
  #sweeper: NodeJS.Timeout | undefined;

  /** @throws SessionError `ERR_OPTIONS` for a limit that is not a positive integer */
  constructor(options: MemoryStoreOptions = {}) {
    checkOptions('MemoryStore', options, CHECKS);
    const { maxCount = 100_000, maxBytes = Infinity } = options;
    const now = (): number => this.#clock.now();
    this.#entries = new Entries({ maxCount, maxBytes }, now, (record, why) => this.#removed(record, why));
    this.#revokedAt = new LRUCache({ ...atMost(MARKS), ttl: 1, ttlResolution: 0, perf: { now } });
  }

  bind({ clock, warn, expired }: StoreContext): void {
    this.#onExpired = expired;
    this.#clock = clock;
    this.#warn = warn;
    if (process.env['NODE_ENV'] === 'production') {
      warn(
        'Sessions are kept in the memory of this process: they end with it, and other nodes do not see them. Set the option "store" to a RedisStore, a PostgresStore or a SealedCookie.',
      );
    }
    this.#sweeper ??= setInterval(() => this.sweep(), SWEEP_EVERY).unref();
  }

  /** In production it is a problem, and elsewhere as it should be. */
  examine(): StoreFinding[] {
    const finding =
      'sessions are kept in the memory of this process, end with it, and are not seen by other nodes.';
    if (process.env['NODE_ENV'] !== 'production') return [{ level: 'ok', finding }];
    return [
      { level: 'problem', finding, remedy: 'Set the option "store" to a RedisStore or a PostgresStore.' },
    ];
  }

  /** The number of sessions, including expired ones that were not removed yet. */
  get size(): number {
    return this.#entries.size;
  }

  load(id: string): LoadedRecord | EndedRecord | undefined {
    const entry = this.#entries.get(id);
    return entry instanceof PackedRecord ? { record: entry.unpack() } : entry;
  }

  create(record: SessionRecord, ttl: number, limit?: SessionLimit, provedAt?: number): CreateResult {
    if (this.#entries.has(record.id)) throw new Error('a session with this id exists');
    const packed = this.#pack(record);
    if (this.#isRevoked(record, provedAt)) return { outcome: 'revoked' };
    const evicted = limit ? this.#surplus(record, limit) : [];
    if (!evicted) return { outcome: 'rejected' };
    // An expired session with this id may still be stored, under another subject.
    this.#entries.delete(record.id);
    this.#entries.set(packed, ttl);
    if (record.subject !== undefined && ttl > 0) this.#bySubject.add(record.subject, record.id);
    return { outcome: 'created', evicted };
  }

  commit(id: string, delta: RecordDelta): CommitResult {
    const packed = this.#entries.live(id);
    const record = packed?.unpack();
    if (!packed || !record || !mayCommit(record, delta.epoch)) return { outcome: 'gone' };
    if (delta.revision !== undefined && delta.revision !== record.revision) return { outcome: 'conflict' };
    if (delta.rotate && delta.rotate.from !== record.secretHash) return { outcome: 'conflict' };
    if (delta.key && keyConflicts(record, delta.key)) return { outcome: 'conflict' };
    const next = applyDelta(record, delta);
    this.#entries.set(this.#pack(next), delta.ttl ?? this.#entries.remainingTtl(packed));
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
    const kept = Math.max(this.#revokedAt.getRemainingTTL(subject), wholeTtl(ttl));
    this.#revokedAt.set(subject, Math.max(at, marked), { ttl: kept });
  }

  /** Removes expired sessions. Runs by itself once a minute. */
  sweep(): void {
    this.#entries.sweep();
    this.#revokedAt.purgeStale();
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #isRevoked({ subject }: SessionRecord, provedAt: number | undefined): boolean {
    const revokedAt = subject === undefined ? undefined : this.#revokedAt.get(subject);
    return revokedAt !== undefined && provedAt !== undefined && provedAt <= revokedAt;
  }

  #remove(id: string, tombstone?: Tombstone): PackedRecord | undefined {
    const record = this.#entries.live(id);
    if (!record) return undefined;
    this.#entries.delete(id);
    if (tombstone && tombstone.ttl > 0)
      this.#entries.setTombstone(id, ENDED[tombstone.reason], tombstone.ttl);
    return record;
  }

  #of(subject: string): PackedRecord[] {
    return this.#bySubject
      .of(subject)
      .map((id) => this.#entries.live(id))
      .filter((record) => record !== undefined);
  }

  #pack(record: SessionRecord): PackedRecord {
    const packed = new PackedRecord(record, this.#layoutOf);
    this.#entries.assertFits(packed);
    return packed;
  }

  readonly #layoutOf = (keys: string[]): Layout => {
    const name = layoutName(keys);
    let layout = this.#layouts.get(name);
    if (!layout) this.#layouts.set(name, (layout = newLayout(keys)));
    return layout;
  };

  /** Evicts sessions above the limit; `undefined` if the new session is rejected instead. */
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

  /** Later, because a listener may call the store, which is at work. */
  #tellExpired(record: PackedRecord): void {
    if (!this.#onExpired || this.#expired.push(record) > 1) return;
    queueMicrotask(() => {
      for (const one of this.#expired.splice(0)) this.#onExpired?.(one);
    });
  }

  #removed(record: PackedRecord, why: Removal): void {
    const { id, subject } = record;
    if (why === 'expired') this.#tellExpired(record);
    if (subject === undefined) return;
    this.#bySubject.remove(subject, id);
    if (why !== 'evicted' || this.#evictionWarned) return;
    this.#evictionWarned = true;
    this.#warn(
      'The memory store is full and ends sessions of logged-in users, the least recently used first. Raise "maxCount" or "maxBytes", or use a store outside of the process. This warning is logged only once.',
    );
  }
}
