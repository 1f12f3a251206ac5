import type { KeyObject } from 'node:crypto';
import type { Clock } from '../util/clock.js';
import type { RejectReason } from '../model/reject-reason.js';
import type { RecordDelta, SessionRecord } from '../model/record.js';
import type { SessionEvent } from '../events/events.js';

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** Why the store keeps a tombstone of a session: a request with its cookie may still arrive. */
export type TombstoneReason = Extract<RejectReason, 'replaced' | 'evicted'>;

/** What a store keeps of a session that it ended. */
export interface Tombstone {
  /** Why the session ended. */
  reason: TombstoneReason;
  /** Milliseconds for which the tombstone is kept. */
  ttl: number;
}

/**
 * A live record as it was stored: every field, and the JSON text of the data unchanged, because changes are detected
 * by comparing texts. `time` is the store's own clock, in milliseconds since the epoch, if it has one.
 */
export interface LoadedRecord {
  /** The record. */
  record: SessionRecord;
  /** Milliseconds since the epoch, by the store's own clock. */
  time?: number;
}

/** A session that ended a moment ago and left a tombstone. */
export interface EndedRecord {
  /** Why it ended. */
  ended: TombstoneReason;
}

/** How many sessions a subject may have, and what happens at one more. */
export interface SessionLimit {
  /** How many live sessions the subject may have, the new one included. */
  max: number;
  /** The oldest sessions are those with the smallest current `startedAt`; a re-login moves it. */
  onExceeded: 'evict-oldest' | 'reject';
  /** Id of the session that the new one replaces. It is not counted if it belongs to the subject. */
  replaces?: string;
  /** Milliseconds for which an evicted session leaves a tombstone with the reason `evicted`. */
  tombstoneTtl: number;
}

/**
 * `evicted` are the records that this call ended. Each is returned by exactly one call; its data may be left empty.
 * With several logins at once the new record may be among them.
 */
export type CreateResult =
  /** `more`: sessions above the limit remain, because one call ends only so many; see `evict`. */
  | { outcome: 'created'; evicted: SessionRecord[]; more?: boolean }
  /** The subject has reached its limit of sessions. The new session is not stored. */
  | { outcome: 'rejected' }
  /** The subject's sessions were revoked after it authenticated. The new session is not stored. */
  | { outcome: 'revoked'; evicted?: SessionRecord[] }
  /** The call failed after it had ended sessions; otherwise it throws. The new session may be stored. */
  | { outcome: 'failed'; evicted: SessionRecord[]; cause: unknown };

/** `gone` takes precedence over `conflict`: a delta of another epoch must not learn the revision. */
export type CommitResult =
  /** `revision` is that of the record after the commit. */
  | { outcome: 'saved'; revision: number }
  /** The record does not exist or has a different epoch (see `mayCommit`). Nothing was written. */
  | { outcome: 'gone' }
  /** The revision or the secret to rotate from has changed. Nothing was written, and the expiry was not extended. */
  | { outcome: 'conflict' };

/** Takes how calls went, so that an outage is logged once, whichever part of the store notices it. */
export interface CallReport {
  /** True after a failure, until a success. */
  readonly failing: boolean;
  /** A call succeeded. After a failure the outage is over, which is logged. */
  succeeded(): void;
  /** A call failed. Logged at the first failure, and then once a minute at most; the log shows no secret of the error. */
  failed(error: unknown): void;
}

/** Reads and writes are reported apart. */
export interface CallReports {
  /** Calls that change nothing. */
  readonly read: CallReport;
  /** Calls that write. */
  readonly write: CallReport;
}

/** A session whose time is over. */
export type ExpiredSession = Pick<SessionRecord, 'id' | 'subject' | 'startedAt' | 'lastSeenAt' | 'remember'>;

/** What is wrong with a store, found by {@link SessionStore.diagnose}. Neither text holds a secret. */
export interface StoreProblem {
  /** What is wrong, as a sentence. */
  problem: string;
  /** What to do, as a sentence. */
  remedy: string;
}

/** What {@link SessionStore.examine} says of a store. Neither text holds a secret. */
export interface StoreFinding {
  /**
   * `problem`: sessions fail, end early or outlive their end. `warning`: they may, after a crash or under load. `ok`: as it
   * should be.
   */
  level: 'ok' | 'warning' | 'problem';
  /** What was found, as a sentence. */
  finding: string;
  /** What to do, as a sentence. Absent where it is `ok`. */
  remedy?: string;
}

/** What the module passes to a store at start. */
export interface StoreContext {
  /** The clock of the module, for a store that has none of its own. */
  clock: Clock;
  /** True if the application injected a clock, which then takes precedence over the store's own. */
  clockInjected: boolean;
  /**
   * Keys for MACs of the messages between nodes, that of the newest secret first. The first key signs, all keys verify.
   * Without keys a store publishes and accepts no messages, so events between nodes are off.
   */
  noticeKeys?: readonly KeyObject[];
  /**
   * Milliseconds after which the caller of a method gives up. A method that takes longer should change nothing more; what
   * a create evicts after that is still emitted as ended.
   * @default no timeout
   */
  timeout?: number;
  /** Logs a line without secrets. */
  warn(message: string): void;
  /**
   * Takes a session that the store found expired and removed, so that its end is emitted. To be called once for each, on
   * one node: by a sweep, or by a call that comes across the record. Not for a session that was ended. Never throws. A
   * store whose server deletes expired records by itself cannot call it.
   */
  expired?(session: ExpiredSession): void;
  /** Takes how calls went that no caller waits for, such as a sweep. Those of the contract are reported already. */
  health?: CallReports;
}

/**
 * Stores session records.
 *
 * A session that is missing, expired or ended is `undefined` (or {@link EndedRecord}), never an error. An error means
 * that the store failed, and becomes a 503. A record that cannot be read is a `SessionError` with the code
 * `ERR_RECORD_CORRUPT`. Each method is atomic: if a commit and a destroy race, the destroy wins.
 * `describeSessionStore` of `nest-sessions/testing` checks the whole contract.
 *
 * Times to live are milliseconds from now, possibly with a fraction. A record with a `ttl` of zero or less is treated
 * as created and immediately expired; a tombstone with a `ttl` of zero or less is not written.
 */
export interface SessionStore {
  /** Called before any other method, once by each application that uses the store. */
  bind?(context: StoreContext): void;
  /**
   * The live record, or the tombstone of one that ended. Read-only: it does not extend the expiry. One round trip.
   *
   * @throws SessionError `ERR_RECORD_CORRUPT` if the record exists but cannot be read
   */
  load(id: string): Awaitable<LoadedRecord | EndedRecord | undefined>;
  /**
   * Inserts a record. A live record with the same id is an error and is never replaced. With `limit`, which is given
   * only with a subject, counting, evicting and inserting are one atomic step with respect to other calls.
   *
   * @param provedAt when the subject authenticated, in milliseconds since the epoch, possibly with a fraction. If
   *   {@link markRevoked} left a mark that is not older, the outcome is `revoked`. If a create and a mark race, either
   *   the create is rejected, or every list that is queried after the mark contains its session.
   */
  create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Awaitable<CreateResult>;
  /** Applies a delta to an existing record, completely or not at all. Never creates a record. */
  commit(id: string, delta: RecordDelta): Awaitable<CommitResult>;
  /**
   * Ends a session and returns its last record, or `undefined` if there was none. Of several concurrent calls for one
   * session exactly one gets the record. With `tombstone`, `load` returns {@link EndedRecord} for that id while the
   * tombstone is kept, but only if this call ended the session; an existing tombstone is not replaced.
   *
   * @throws SessionError `ERR_RECORD_CORRUPT` if the record cannot be read; it is removed nevertheless
   */
  destroy(id: string, tombstone?: Tombstone): Awaitable<SessionRecord | undefined>;
  /**
   * The live sessions of a subject: every session whose create has returned and whose record can be read. Their data
   * may be left empty.
   *
   * @param limit returns at most this many sessions, those created first, so that a caller which ends them and queries
   *   again terminates. Without it all sessions are returned, in no particular order.
   */
  list(subject: string, limit?: number): Awaitable<SessionRecord[]>;
  /**
   * Marks the subject's sessions as revoked, including the session of a login in progress. A later mark replaces an
   * earlier one, never the reverse.
   *
   * @param at milliseconds since the epoch, possibly with a fraction
   * @param ttl milliseconds for which the mark is kept at least; another call never shortens it
   */
  markRevoked(subject: string, at: number, ttl: number): Awaitable<void>;
  /**
   * Continues after a create that returned `more`: ends the oldest sessions above the limit, as the create does.
   * Required only for stores that return `more`.
   */
  evict?(subject: string, limit: SessionLimit): Awaitable<{ evicted: SessionRecord[]; more: boolean }>;
  /** The clock of the store, if all nodes share it: milliseconds since the epoch, with a fraction. */
  time?(): Awaitable<number>;
  /**
   * Looks at start for what would make sessions fail, end early or outlive their end: a table that is missing, a server
   * that evicts or is read-only, clocks that differ. Returns what it found, each with its remedy, or nothing. Changes
   * nothing. An error means that the store does not work at present.
   */
  diagnose?(): Awaitable<readonly StoreProblem[]>;
  /**
   * Looks closer than {@link diagnose}, for `nest-sessions doctor`: what is as it should be, and what is worth a look. May
   * take seconds, and send messages that other nodes ignore. Repeats nothing that `diagnose` finds.
   */
  examine?(): Awaitable<readonly StoreFinding[]>;
  /**
   * Asks the server whether it responds, for a health check. One round trip that changes nothing. Without it a health check
   * loads a session that does not exist.
   */
  ping?(): Awaitable<void>;
  /** Publishes the end of a session to the other nodes. Must not throw. */
  publish?(event: SessionEvent): void;
  /** Receives the events that other nodes publish. Returns a function that unsubscribes. */
  subscribe?(listener: (event: SessionEvent) => void): () => void;
  /**
   * Stops the store's own timers and subscriptions, when the last application that uses the store has closed. It may be
   * bound again. The client belongs to the application and stays open.
   */
  close?(): Awaitable<void>;
}
