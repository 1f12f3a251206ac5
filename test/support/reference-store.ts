import type { SessionEvent, SessionStore } from 'nest-sessions';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  Tombstone,
  TombstoneReason,
  LoadedRecord,
  RecordDelta,
  SessionLimit,
  SessionRecord,
  StoreContext,
  StoreProblem,
} from 'nest-sessions/store';

export interface Entry {
  record: SessionRecord;
  /** Milliseconds since the epoch, as in the other maps. */
  expires: number;
  /** Whether its expiry was told. */
  told?: boolean;
}

export interface Word {
  reason: TombstoneReason;
  expires: number;
}

export interface Mark {
  at: number;
  expires: number;
}

/** What two nodes share. */
export class ReferenceEngine {
  readonly entries = new Map<string, Entry>();
  readonly words = new Map<string, Word>();
  readonly marks = new Map<string, Mark>();
  readonly listeners = new Set<{ node: object; hear: (event: SessionEvent) => void }>();
}

/** Sessions that one call ends at most. */
const PAGE = 500;

/**
 * The contract of a store in as few words as possible, each of its rules in a method of its own, so that a spec can
 * break one and leave the others.
 */
export class ReferenceStore implements SessionStore {
  readonly engine: ReferenceEngine;
  closed = false;
  expired: StoreContext['expired'];

  constructor(engine = new ReferenceEngine()) {
    this.engine = engine;
  }

  bind({ expired }: StoreContext): void {
    this.expired = expired;
  }

  now(): number {
    return performance.timeOrigin + performance.now();
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    const record = this.live(id);
    if (record) return { record: this.copy(record), time: this.now() };
    const tombstone = this.word(id);
    return tombstone && { ended: tombstone.reason };
  }

  async create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    if (this.exists(record.id)) throw new Error('a session of this id exists');
    if (this.isRevoked(record.subject, provedAt)) return { outcome: 'revoked' };
    if (limit?.onExceeded === 'reject' && this.surplus(record.subject!, limit, 1).length > 0)
      return { outcome: 'rejected' };
    const { evicted, more } = limit ? this.evictNow(record.subject!, limit, 1) : { evicted: [], more: false };
    this.put(this.copy(record), this.now() + ttl);
    return { outcome: 'created', evicted, ...(more && { more }) };
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    const entry = this.entry(id);
    if (!entry || !this.mayCommit(entry.record, delta)) return { outcome: 'gone' };
    if (this.conflicts(entry.record, delta)) return { outcome: 'conflict' };
    const next = this.apply(entry.record, this.copy(delta));
    this.put(next, this.expiryAfter(entry, delta));
    return { outcome: 'saved', revision: next.revision };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.remove(id, tombstone);
  }

  async list(subject: string, limit?: number): Promise<SessionRecord[]> {
    return this.of(subject)
      .slice(0, limit)
      .map((record) => this.copy(record));
  }

  async markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    const before = this.mark(subject);
    this.engine.marks.set(subject, {
      at: Math.max(at, before?.at ?? -Infinity),
      expires: Math.max(this.now() + ttl, before?.expires ?? -Infinity),
    });
  }

  async evict(subject: string, limit: SessionLimit): Promise<{ evicted: SessionRecord[]; more: boolean }> {
    return this.evictNow(subject, limit, 0);
  }

  async time(): Promise<number> {
    return this.now();
  }

  publish(event: SessionEvent): void {
    for (const { node, hear } of this.engine.listeners) if (node !== this) hear(structuredClone(event));
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    const entry = { node: this, hear: listener };
    this.engine.listeners.add(entry);
    return () => this.engine.listeners.delete(entry);
  }

  async diagnose(): Promise<StoreProblem[]> {
    return [];
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  copy<T>(value: T): T {
    return structuredClone(value);
  }

  entry(id: string): Entry | undefined {
    const entry = this.engine.entries.get(id);
    if (!entry || entry.expires > this.now()) return entry;
    this.tellExpired(entry);
    return undefined;
  }

  tellExpired(entry: Entry): void {
    if (!entry.told) this.tell(entry.record);
    entry.told = true;
  }

  tell({ id, subject, startedAt, lastSeenAt, remember }: SessionRecord): void {
    this.expired?.({ id, ...(subject !== undefined && { subject }), startedAt, lastSeenAt, remember });
  }

  live(id: string): SessionRecord | undefined {
    return this.entry(id)?.record;
  }

  word(id: string): Word | undefined {
    const tombstone = this.engine.words.get(id);
    return tombstone && tombstone.expires > this.now() ? tombstone : undefined;
  }

  mark(subject: string): Mark | undefined {
    const mark = this.engine.marks.get(subject);
    return mark && mark.expires > this.now() ? mark : undefined;
  }

  exists(id: string): boolean {
    return this.entry(id) !== undefined || this.word(id) !== undefined;
  }

  put(record: SessionRecord, expires: number): void {
    this.engine.entries.set(record.id, { record, expires });
  }

  /** Live records, in the order in which they were created. */
  of(subject: string): SessionRecord[] {
    return [...this.engine.entries.keys()]
      .map((id) => this.live(id))
      .filter((record) => record?.subject === subject && record !== undefined) as SessionRecord[];
  }

  isRevoked(subject: string | undefined, provedAt: number | undefined): boolean {
    const mark = subject === undefined ? undefined : this.mark(subject);
    return mark !== undefined && provedAt !== undefined && provedAt <= mark.at;
  }

  mayCommit(record: SessionRecord, delta: RecordDelta): boolean {
    return (record.previous?.epoch ?? 0) === delta.epoch;
  }

  conflicts(record: SessionRecord, { revision, rotate, key }: RecordDelta): boolean {
    return (
      (revision !== undefined && revision !== record.revision) ||
      (rotate !== undefined && rotate.from !== record.secretHash) ||
      this.keyConflicts(record, key)
    );
  }

  keyConflicts({ extra }: SessionRecord, key: RecordDelta['key']): boolean {
    if (!key) return false;
    if ('bind' in key) return extra?.['deviceKey'] !== undefined && extra['deviceKey'] !== key.bind;
    return Number(extra?.['deviceChallenge'] ?? 0) >= key.challenge;
  }

  apply(record: SessionRecord, { set, remove, head, rotate, confirm, key }: RecordDelta): SessionRecord {
    const data = { ...record.data, ...set };
    for (const key of remove ?? []) delete data[key];
    return {
      ...record,
      ...head,
      ...(rotate && { secretHash: rotate.to, previous: rotate.previous }),
      ...(confirm?.secretHash === record.secretHash &&
        record.previous?.pending === true && { previous: confirm.previous }),
      ...(key && { extra: { ...record.extra, ...this.fieldOf(key) } }),
      revision: record.revision + (set || remove ? 1 : 0),
      data,
    };
  }

  fieldOf(key: NonNullable<RecordDelta['key']>): Record<string, string> {
    return 'bind' in key ? { deviceKey: key.bind } : { deviceChallenge: String(key.challenge) };
  }

  expiryAfter(entry: Entry, { ttl }: RecordDelta): number {
    return ttl === undefined ? entry.expires : this.now() + ttl;
  }

  remove(id: string, tombstone?: Tombstone): SessionRecord | undefined {
    const record = this.live(id);
    if (!record) return undefined;
    this.engine.entries.delete(id);
    if (tombstone) this.leave(id, tombstone);
    return record;
  }

  leave(id: string, { reason, ttl }: Tombstone): void {
    this.engine.words.set(id, { reason, expires: this.now() + ttl });
  }

  /** Those above the limit, the oldest first. */
  surplus(subject: string, limit: SessionLimit, newcomers: number): SessionRecord[] {
    const others = this.counted(subject, limit).sort((a, b) => a.startedAt - b.startedAt);
    return others.slice(0, Math.max(0, others.length + newcomers - limit.max));
  }

  counted(subject: string, { replaces }: SessionLimit): SessionRecord[] {
    return this.of(subject).filter(({ id }) => id !== replaces);
  }

  evictNow(subject: string, limit: SessionLimit, newcomers: number) {
    const surplus = this.surplus(subject, limit, newcomers);
    const evicted = surplus.slice(0, PAGE);
    for (const { id } of evicted) this.remove(id, { reason: 'evicted', ttl: limit.tombstoneTtl });
    return { evicted, more: surplus.length > PAGE };
  }
}
