import type { IncomingMessage } from 'node:http';
import type { Signer } from './signer.js';
import type { SessionEvent } from './events.js';
import type { DataChanges } from './data.js';
import type { RecordHead, SessionRecord } from './record.js';
import type { Limits } from './policy.js';
import type { Awaitable, Epitaph, SessionLimit, StoreContext } from './store.js';

/** What the request tells about who sent it. */
export interface Client {
  ip?: string;
  userAgent?: string;
  /** The raw request; absent where a session is opened without one. */
  request?: IncomingMessage;
}

/** A live session as one request holds it. */
export interface Held {
  readonly record: SessionRecord;
  /** What the cookie carries, or should carry from now on. Never logged. */
  readonly token: string;
  /** Hash of the secret that this request came with. */
  readonly presented: string;
}

/** Why a token opened nothing. */
export enum Dead {
  /** Not in our form, or not signed or sealed by us: refused without asking the store. */
  Tampered = 'tampered',
  /** No such session, or no longer. */
  Unknown = 'unknown',
  /** The session took another token a moment ago; the client has it or is about to. */
  Superseded = 'superseded',
  /** A superseded token after its grace: the session was ended. */
  Reused = 'reused',
  Evicted = 'evicted',
  /** The record could not be read: it was ended. */
  Corrupt = 'corrupt',
}

export type Opened =
  | { kind: 'live'; held: Held; now: number; renewed: boolean }
  | { kind: 'dead'; why: Dead; id: string; ended?: SessionRecord };

export interface Change {
  data?: DataChanges;
  head?: Partial<RecordHead>;
  /** `update()`: only if nobody else changed data meanwhile. */
  exclusive?: boolean;
  rotate?: Rotation;
}

export interface Rotation {
  /** Milliseconds for which the predecessor is no sign of theft. */
  grace: number;
  /** Whether the predecessor still opens the session within the grace. */
  honoured: boolean;
}

export type Saved = { outcome: 'saved'; held: Held } | { outcome: 'gone' } | { outcome: 'conflict' };

export interface Issued {
  held: Held;
  evicted: SessionRecord[];
}

/**
 * Keeps sessions, in a store or in the cookie itself: what the engine asks of either.
 *
 * Errors are `SessionError`s; a store that fails or stalls is `ERR_STORE_UNAVAILABLE`.
 */
export interface Keeper {
  /** True where the cookie holds the session itself, so that each change needs a new one. */
  readonly cookieIsRecord: boolean;
  open(value: string, client: Client): Awaitable<Opened>;
  /** The time that decides for a session which was not loaded. */
  now(): Awaitable<number>;
  /** Makes a session. Throws `ERR_SESSION_LIMIT` where the subject may not have another. */
  create(draft: SessionRecord, ttl: number, client: Client, limit?: SessionLimit): Promise<Issued>;
  /** @param ttl milliseconds after which the record may be forgotten; without it that stays as it is */
  save(held: Held, change: Change, now: number, ttl?: number): Promise<Saved>;
  /** What others made of it meanwhile. */
  reload(held: Held): Promise<Opened>;
  /** Ends the session and returns it as it was last, or `undefined` if it had ended before. */
  destroy(held: Held, word?: { epitaph: Epitaph; linger: number }): Promise<SessionRecord | undefined>;
  list(subject: string): Promise<SessionRecord[]>;
  /** Ends the session of an id; with `subject` only if it is theirs. */
  destroyById(id: string, subject?: string): Promise<EndedSession[]>;
  /** Ends the sessions of a subject. Returns those that were ended by this call. */
  destroyAll(subject: string, except: readonly string[]): Promise<EndedSession[]>;
  /** Tells the other nodes. Never throws. */
  publish(event: SessionEvent): void;
  /** Hears what other nodes tell. */
  subscribe(listener: (event: SessionEvent) => void): void;
  close(): Awaitable<void>;
}

export type EndedSession = Pick<SessionRecord, 'id' | 'subject'>;

/** What a keeper needs to know of the module's options. */
export interface KeeperContext extends StoreContext {
  /** Each at least 32 bytes; the first signs or seals, all of them open. */
  secrets: readonly string[];
  signer: Signer;
  cookieName: string;
  limitsOf(record: Pick<SessionRecord, 'persistent'>): Limits;
  /** Whether the option `maxSessions` is there, so that a subject's sessions have to be counted. */
  countsSessions: boolean;
  /** The longest that any token can be valid, in milliseconds. */
  longestLife: number;
  /** Milliseconds that a store may take to answer. */
  timeout: number;
}

/** An option `store` that keeps sessions in a way of its own, such as the cookie itself. */
export interface KeeperFactory {
  createKeeper(context: KeeperContext): Keeper;
}
