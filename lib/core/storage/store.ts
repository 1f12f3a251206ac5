import type { KeyObject } from 'node:crypto';
import type { Clock } from '../util/clock.js';
import type { RejectReason } from '../model/reject-reason.js';
import type { RecordDelta, SessionRecord } from '../model/record.js';
import type { SessionEvent } from '../events/events.js';

export type Awaitable<T> = T | Promise<T>;

/** Why a session that ended a moment ago is still remembered: its cookie may be on its way. */
export type TombstoneReason = Extract<RejectReason, 'replaced' | 'evicted'>;

/** What a store keeps of a session that it ended. */
export interface Tombstone {
  reason: TombstoneReason;
  /** Milliseconds for which it is kept. */
  ttl: number;
}

/**
 * A live record as it was stored: every field, and the JSON text of the data exactly, since what reads it
 * compares texts. `time` is the store's own clock, in milliseconds since the epoch, if it has one.
 */
export interface LoadedRecord {
  record: SessionRecord;
  time?: number;
}

/** A session that ended a moment ago and left a tombstone. */
export interface EndedRecord {
  ended: TombstoneReason;
}

export interface SessionLimit {
  /** How many live sessions the subject may have, the new one included. */
  max: number;
  /** The oldest are those whose `startedAt` is smallest, as it is now: a re-login moves it. */
  onExceeded: 'evict-oldest' | 'reject';
  /** The session that the new one takes the place of: it does not count, if it is the subject's at all. */
  replaces?: string;
  /** Milliseconds for which an evicted session leaves the word `evicted`. */
  tombstoneTtl: number;
}

/**
 * `evicted` are the records that this call ended, each told by one call only; their data need not be filled
 * in. Of several logins at once the new one may be among them.
 */
export type CreateResult =
  /** `more`: sessions above the limit are left, so many that one call does not end them all; see `evict`. */
  | { outcome: 'created'; evicted: SessionRecord[]; more?: boolean }
  /** The subject has as many sessions as it may have. Nothing is left of the new one. */
  | { outcome: 'rejected' }
  /** The subject's sessions were revoked after it had proved itself. Nothing is left of the new one. */
  | { outcome: 'revoked' };

/** `gone` comes before `conflict`: a delta of another epoch learns nothing of the revision. */
export type CommitResult =
  /** `revision` is that of the record after the commit. */
  | { outcome: 'saved'; revision: number }
  /** There is no such record, or its epoch is another (see `mayCommit`). Nothing was written. */
  | { outcome: 'gone' }
  /** The revision or the secret to rotate from is another by now. Nothing was written, no expiry moved. */
  | { outcome: 'conflict' };

/** What the module hands to a store at start. */
export interface StoreContext {
  clock: Clock;
  /** True where the application injected a clock: it then decides instead of the store's own. */
  clockInjected: boolean;
  /**
   * For MACs of what nodes tell each other, the newest secret's first: it signs, all of them verify. Without them a
   * store believes nothing that it hears, so events between nodes are off.
   */
  noticeKeys?: readonly KeyObject[];
  /** Logs a line without secrets. */
  warn(message: string): void;
}

/**
 * Where records live.
 *
 * The contract: what is missing, expired or ended is `undefined` (or {@link EndedRecord}), never an error.
 * An error means that the store failed, and becomes a 503; a record that cannot be read is a
 * `SessionError` with the code `ERR_RECORD_CORRUPT`. Each method is atomic: of a commit and a destroy
 * that race, the destroy wins. `describeSessionStore` of `nest-sessions/testing` checks all of it.
 *
 * Times to live and lingers are milliseconds from now, perhaps with a fraction; zero or less is the past:
 * such a record counts as stored and is gone at once, such a word is never said.
 */
export interface SessionStore {
  /** Called once, before anything else. */
  bind?(context: StoreContext): void;
  /**
   * The live record, or the word of one that ended. A read: it extends nothing, and one round trip.
   *
   * @throws SessionError `ERR_RECORD_CORRUPT` for what is there and cannot be read
   */
  load(id: string): Awaitable<LoadedRecord | EndedRecord | undefined>;
  /**
   * Inserts; a live record of the same id is an error, it is never replaced. With `limit`, which comes only
   * with a subject, counting, evicting and inserting are one for all that do the same at that time.
   *
   * @param provedAt when the subject proved itself, in milliseconds since the epoch, perhaps with a fraction. Where
   *   {@link markRevoked} left a mark that is not older the outcome is `revoked`. Of a create and a mark at the same
   *   time either the create is refused, or its session is in every list that is asked for once the mark is there.
   */
  create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Awaitable<CreateResult>;
  /** Applies a delta to a record that exists, all of it or nothing. Never creates one. */
  commit(id: string, delta: RecordDelta): Awaitable<CommitResult>;
  /**
   * Ends a session and returns the record as it was last, or `undefined` if there was none: of many that
   * destroy one session a single call gets the record. With `word` the store answers {@link EndedRecord} for
   * that id for the given milliseconds, but only if this call ended it; a word that stands is left alone.
   *
   * @throws SessionError `ERR_RECORD_CORRUPT` for a record that cannot be read; it is removed nevertheless
   */
  destroy(id: string, tombstone?: Tombstone): Awaitable<SessionRecord | undefined>;
  /**
   * The live sessions of a subject: every one whose create has returned, and whose record can be read. Data need
   * not be filled in.
   *
   * @param limit no more than this many, and these the ones that were created first: who ends them and asks again
   *   comes to an end. Without it all, in no order.
   */
  list(subject: string, limit?: number): Awaitable<SessionRecord[]>;
  /**
   * Leaves a mark: the subject's sessions are being revoked, those of a login that is under way included. A later
   * mark takes the place of an earlier one, and never the other way round.
   *
   * @param at milliseconds since the epoch, perhaps with a fraction
   * @param ttl milliseconds for which the mark is kept at least; no other call makes it less
   */
  markRevoked(subject: string, at: number, ttl: number): Awaitable<void>;
  /**
   * Goes on where a create answered `more`: ends the oldest sessions above the limit, as the create would have.
   * Needed only where that can be more than one call takes.
   */
  evict?(subject: string, limit: SessionLimit): Awaitable<{ evicted: SessionRecord[]; more: boolean }>;
  /** The store's own clock in milliseconds since the epoch, with its fraction, if it has one that all nodes share. */
  time?(): Awaitable<number>;
  /** Tells the other nodes of an ending. Must not throw. */
  publish?(event: SessionEvent): void;
  /** Hears what other nodes published. Returns how to stop. */
  subscribe?(listener: (event: SessionEvent) => void): () => void;
  /** Stops timers and subscriptions of the store's own; the client belongs to the application. */
  close?(): Awaitable<void>;
}
