import type { Clock } from './clock.js';
import type { RecordDelta, SessionRecord } from './record.js';
import type { SessionEvent } from './events.js';

export type Awaitable<T> = T | Promise<T>;

/** Why a session that ended a moment ago is still remembered: its cookie may be on its way. */
export type Epitaph = 'replaced' | 'evicted';

/** A live record; `time` is the store's own clock, in milliseconds since the epoch, if it has one. */
export interface Loaded {
  record: SessionRecord;
  time?: number;
}

/** A session that ended lately and left a word why. */
export interface Departed {
  departed: Epitaph;
}

export interface SessionLimit {
  /** How many sessions the subject may have, the new one included. */
  max: number;
  onExceeded: 'evict-oldest' | 'reject';
  /** The session that the new one takes the place of: it does not count. */
  replaces?: string;
  /** Milliseconds for which an evicted session leaves the word `evicted`. */
  linger: number;
}

export type Created = { outcome: 'created'; evicted: SessionRecord[] } | { outcome: 'rejected' };

export type Committed =
  | { outcome: 'saved'; revision: number }
  /** There is no such record, or the secret no longer opens it. Nothing was written. */
  | { outcome: 'gone' }
  /** The revision or the secret to rotate from is another by now. Nothing was written. */
  | { outcome: 'conflict' };

/** What the module hands to a store at start. */
export interface StoreContext {
  clock: Clock;
  /** True where the application injected a clock: it then decides instead of the store's own. */
  clockInjected: boolean;
  /** Logs a line without secrets. */
  warn(message: string): void;
}

/**
 * Where records live.
 *
 * The contract: what is missing, expired or ended is `undefined` (or {@link Departed}), never an error.
 * An error means that the store failed, and becomes a 503; a record that cannot be read is a
 * `SessionError` with the code `ERR_RECORD_CORRUPT`. Each method is atomic: of a commit and a destroy
 * that race, the destroy wins. `describeSessionStore` of `nest-sessions/testing` checks all of it.
 */
export interface SessionStore {
  /** Called once, before anything else. */
  bind?(context: StoreContext): void;
  /** The live record. A read: it extends nothing. */
  load(id: string): Awaitable<Loaded | Departed | undefined>;
  /** Inserts; a record of the same id is an error, it is never replaced. */
  create(record: SessionRecord, ttl: number, limit?: SessionLimit): Awaitable<Created>;
  /** Applies a delta to a record that exists. Never creates one. */
  commit(id: string, delta: RecordDelta): Awaitable<Committed>;
  /**
   * Ends a session and returns the record as it was last, or `undefined` if there was none. With `word`
   * the store answers {@link Departed} for that id for the given milliseconds.
   */
  destroy(id: string, word?: { epitaph: Epitaph; linger: number }): Awaitable<SessionRecord | undefined>;
  /** The live sessions of a subject, in no order. Data need not be filled in. */
  list(subject: string): Awaitable<SessionRecord[]>;
  /** The store's own clock in milliseconds since the epoch, if it has one that all nodes share. */
  time?(): Awaitable<number>;
  /** Tells the other nodes of an ending. Must not throw. */
  publish?(event: SessionEvent): void;
  /** Hears what other nodes published. Returns how to stop. */
  subscribe?(listener: (event: SessionEvent) => void): () => void;
  /** Stops timers and subscriptions of the store's own; the client belongs to the application. */
  close?(): Awaitable<void>;
}
