import type { IncomingMessage } from 'node:http';
import type { Signer } from '../token/signer.js';
import type { SessionEvent } from '../events/events.js';
import type { DataPatch } from '../model/data.js';
import type { RecordHead, SessionRecord } from '../model/record.js';
import type { Limits } from '../model/policy.js';
import type { RejectReason } from '../model/reject-reason.js';
import type { Awaitable, SessionLimit, StoreContext, Tombstone } from './store.js';

/** What the request tells about who sent it. */
export interface Client {
  ip?: string;
  userAgent?: string;
  /** The raw request; absent where a session is opened without one. */
  request?: IncomingMessage;
}

/** A live session as one request holds it. */
export interface SessionHandle {
  readonly record: SessionRecord;
  /**
   * What the cookie carries, or should carry from now on. Never logged. `undefined` where the session was rotated
   * by others meanwhile, so that nobody here knows its token.
   */
  readonly token: string | undefined;
  /** The cookie is signed in a form that is to be replaced at the next roll. */
  readonly legacy: boolean;
}

/** The session of a token that opens it no more. Whoever has the token may still end it. */
export interface Former<H extends SessionHandle = SessionHandle> {
  handle: H;
  /** Whether all sessions of its subject as well: not by a token whose time is over. */
  everywhere: boolean;
}

export interface OpenedToken<H extends SessionHandle = SessionHandle> {
  kind: 'live';
  handle: H;
  now: number;
  /** The client came with the present token. */
  present: boolean;
  /** The client came with a predecessor and is to be given the present token. */
  renewed: boolean;
  /** The client came with the successor of a rotation that is pending, so that it is to be confirmed. */
  confirms: boolean;
}

export interface RejectedToken<H extends SessionHandle = SessionHandle> {
  kind: 'rejected';
  why: RejectReason;
  id: string;
  former?: Former<H>;
  /** The token was replaced a moment ago, so that the client may have a newer cookie. */
  lately?: boolean;
  /** As it was last, once it was ended for what the token shows. */
  ended?: EndedSession;
}

export type OpenResult<H extends SessionHandle = SessionHandle> = OpenedToken<H> | RejectedToken<H>;

export interface BackendWrite {
  data?: DataPatch;
  head?: Partial<RecordHead>;
  /** `update()`: only if nobody else changed data meanwhile. */
  exclusive?: boolean;
  rotate?: Rotation;
  /** Never beside `rotate`, which confirms as well. */
  confirm?: Confirmation;
}

export interface Rotation {
  /** Milliseconds for which a predecessor is no sign of theft, once the successor was presented. */
  grace: number;
  /** Whether the predecessor still opens the session until then: at a periodic rotation. */
  honoured: boolean;
  /** Milliseconds for which an honoured predecessor opens the session while nobody presents the successor. */
  pendingFor: number;
  /** Whether this request came with the present token, which confirms the rotation before. */
  presented: boolean;
}

/** What a request that came with the successor has to tell of the rotation before. */
export interface Confirmation {
  /** As in {@link Rotation}. */
  grace: number;
}

export type SaveResult<H extends SessionHandle = SessionHandle> =
  { outcome: 'saved'; handle: H } | { outcome: 'gone' } | { outcome: 'conflict' };

export interface IssueResult<H extends SessionHandle = SessionHandle> {
  handle: H;
  evicted: SessionRecord[];
}

/** What a session of a subject is made under. */
export interface CreateTerms {
  limit?: SessionLimit | undefined;
  /** When the subject proved itself, by {@link SessionBackend.proof}. */
  provedAt?: number | undefined;
}

/**
 * Keeps sessions, in a store or in the cookie itself: what the engine asks of either.
 *
 * Errors are `SessionError`s; a store that fails or stalls is `ERR_STORE_UNAVAILABLE`.
 *
 * @typeParam H the handles that it gives out, and takes back
 */
export interface SessionBackend<H extends SessionHandle = SessionHandle> {
  /** True where the cookie holds the session itself, so that each change needs a new one. */
  readonly cookieIsRecord: boolean;
  /** A read: whatever the value shows, nothing is written. */
  open(value: string, client: Client): Awaitable<OpenResult<H>>;
  /** Whether one of our keys signed or sealed the value. Asks no store. */
  isGenuine(value: string, client: Client): boolean;
  /** The time that decides for a session which was not loaded. */
  now(): Awaitable<number>;
  /**
   * Call it first of all where a subject has proved itself. Gives, once it is known how far the deciding clock is
   * ahead of ours, a time to compare with the beginnings of {@link destroyAll}: later than each that was known here
   * by then, and never later than the call.
   */
  proof(subject: string): (skew: number) => number;
  /**
   * Makes a session. Throws `ERR_SESSION_LIMIT` where the subject may not have another, `ERR_LOGIN_REVOKED` where its
   * sessions were revoked after it had proved itself.
   */
  create(draft: SessionRecord, ttl: number, client: Client, terms?: CreateTerms): Promise<IssueResult<H>>;
  /** @param ttl milliseconds after which the record may be forgotten; without it that stays as it is */
  save(handle: H, change: BackendWrite, now: number, ttl?: number): Promise<SaveResult<H>>;
  /**
   * What others made of it meanwhile; `undefined` where it ended, or where a re-login or regenerate came between. It
   * is no presentation of the token.
   */
  reload(handle: H): Promise<H | undefined>;
  /** Ends the session and returns it as it was last, or `undefined` if it had ended before. */
  destroy(handle: H, tombstone?: Tombstone): Promise<SessionRecord | undefined>;
  list(subject: string): Promise<SessionRecord[]>;
  /** Ends the session of an id; with `subject` only if it is theirs. */
  destroyById(id: string, subject?: string): Promise<EndedSession[]>;
  /**
   * Ends the sessions of a subject that were begun before this call, and refuses those that are under way.
   *
   * @param onEnded told of each that was ended by this call, as it goes on
   */
  destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void>;
  /** Tells the other nodes. Never throws. */
  publish(event: SessionEvent): void;
  /** Hears what other nodes tell. */
  subscribe(listener: (event: SessionEvent) => void): void;
  close(): Awaitable<void>;
}

export type EndedSession = Pick<SessionRecord, 'id' | 'subject'>;

/** What a backend needs to know of the module's options. */
export interface BackendContext extends StoreContext {
  /** Each at least 32 bytes; the first signs or seals, all of them open. */
  secrets: readonly string[];
  signer: Signer;
  cookieName: string;
  limitsOf(record: Pick<SessionRecord, 'remember'>): Limits;
  /** Whether the option `maxSessions` is there, so that a subject's sessions have to be counted. */
  countsSessions: boolean;
  /** Milliseconds that a store may take to answer. */
  timeout: number;
}

/** An option `store` that keeps sessions in a way of its own, such as the cookie itself. */
export interface SessionBackendFactory {
  createBackend(context: BackendContext): SessionBackend;
}
