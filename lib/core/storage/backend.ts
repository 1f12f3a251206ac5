import type { IncomingMessage } from 'node:http';
import type { Secret } from '../token/secret.js';
import type { Signer } from '../token/signer.js';
import type { EndReason, SessionEvent } from '../events/events.js';
import type { DataPatch } from '../model/data.js';
import type { KeyChange, RecordHead, SessionRecord } from '../model/record.js';
import type { Limits } from '../model/policy.js';
import type { RejectReason } from '../model/reject-reason.js';
import type { Claim } from '../migration/claim.js';
import type {
  Awaitable,
  CallReports,
  SessionLimit,
  StoreContext,
  StoreFinding,
  StoreProblem,
  Tombstone,
} from './store.js';

/** Why something that belongs to a session has to close: the session ended, or its client has to present a later cookie. */
export type ClosingReason = EndReason | 'renewed';

/** What has become of the session of something that is open. */
export type Presence<H extends SessionHandle = SessionHandle> =
  /** `renewed`: a re-login or regenerate has replaced the secret since the handle was made. The handle is the present one. */
  | { kind: 'live'; handle: H; renewed: boolean; now: number }
  /** `reason` is `undefined` if it is not known why the session ended. */
  | { kind: 'over'; reason: ClosingReason | undefined };

/** What the request reveals about its sender. */
export interface Client {
  ip?: string;
  userAgent?: string;
  /** The raw request; absent if the session is opened without one. */
  request?: IncomingMessage;
}

/** A live session as one request holds it. */
export interface SessionHandle {
  readonly record: SessionRecord;
  /**
   * The value of the cookie, current or to be set. Never logged. `undefined` if another request rotated the session,
   * so that its token is not known here.
   */
  readonly token: string | undefined;
  /** The cookie has a legacy signature, which the next roll replaces. */
  readonly legacy: boolean;
}

/** The session of a token that no longer opens it. The token can still end the session. */
export interface Former<H extends SessionHandle = SessionHandle> {
  handle: H;
  /** Whether the token can end all sessions of its subject as well. An expired predecessor cannot. */
  everywhere: boolean;
}

export interface OpenedToken<H extends SessionHandle = SessionHandle> {
  kind: 'live';
  handle: H;
  /** Milliseconds since the epoch, by the clock that decides. */
  now: number;
  /** Milliseconds that the clock which decides is ahead of the node's; 0 if nodes use their own clocks. */
  skew: number;
  /** The client presented the present token. */
  present: boolean;
  /** The client presented a predecessor, so the response sets the present token. */
  renewed: boolean;
  /** The client presented the successor of a pending rotation, so the rotation is to be confirmed. */
  confirms: boolean;
}

export interface RejectedToken<H extends SessionHandle = SessionHandle> {
  kind: 'rejected';
  why: RejectReason;
  id: string;
  former?: Former<H>;
  /** The token was replaced a moment ago, so the client may have a newer cookie. */
  lately?: boolean;
  /** The session, if it was ended because of this token. */
  ended?: EndedSession;
}

export type OpenResult<H extends SessionHandle = SessionHandle> = OpenedToken<H> | RejectedToken<H>;

export interface BackendWrite {
  data?: DataPatch;
  head?: Partial<RecordHead>;
  /** For `update()`: fails with `conflict` if another request has changed the data. */
  exclusive?: boolean;
  rotate?: Rotation;
  /** Never together with `rotate`, which confirms as well. */
  confirm?: Confirmation;
  /** As in `RecordDelta`. */
  key?: KeyChange;
}

export interface Rotation {
  /** Milliseconds after the successor is first presented during which a predecessor is not a sign of theft. */
  grace: number;
  /** Whether the predecessor still opens the session during that time: true for a periodic rotation. */
  honoured: boolean;
  /** Milliseconds for which an honoured predecessor opens the session until the successor is presented. */
  pendingFor: number;
  /** Whether this request presented the present token, which confirms the previous rotation. */
  presented: boolean;
}

/** Confirms the previous rotation: the request presented its successor. */
export interface Confirmation {
  /** As in {@link Rotation}. */
  grace: number;
}

export type SaveResult<H extends SessionHandle = SessionHandle> =
  { outcome: 'saved'; handle: H } | { outcome: 'gone' } | { outcome: 'conflict' };

export interface IssueResult<H extends SessionHandle = SessionHandle> {
  handle: H;
}

/** Conditions for creating a subject's session. */
export interface CreateTerms {
  limit?: SessionLimit | undefined;
  /** When the subject authenticated, by {@link SessionBackend.proof}. */
  provedAt?: number | undefined;
  /**
   * Called for each session that is evicted for the new one, as soon as it has ended. Also if the create fails after
   * that, and after it has failed, if the store ends sessions later than its timeout.
   */
  onEvicted?(session: EndedSession): void;
}

/**
 * Keeps sessions in a store or in the cookie itself.
 *
 * Errors are `SessionError`s; a store that fails or does not respond in time is `ERR_STORE_UNAVAILABLE`.
 *
 * @typeParam H the handles that the backend returns and accepts
 */
export interface SessionBackend<H extends SessionHandle = SessionHandle> {
  /** True if the cookie holds the session itself, so that each change needs a new cookie. */
  readonly cookieIsRecord: boolean;
  /** Opens the session of a cookie value. Read-only: nothing is written, whatever the result. */
  open(value: string, client: Client): Awaitable<OpenResult<H>>;
  /** Whether one of our keys signed or sealed the value. Does not query the store. */
  isGenuine(value: string, client: Client): boolean;
  /** The time by the deciding clock, in milliseconds since the epoch, for a session that was not loaded. */
  now(): Awaitable<number>;
  /**
   * Records when a subject authenticates; call it before any other step of a login. The returned function takes how
   * many milliseconds the deciding clock is ahead of this node's, and returns a time to compare with the start times of
   * {@link destroyAll}: later than every start this node knew of at the call, and otherwise the time of the call.
   */
  proof(subject: string): (skew: number) => number;
  /**
   * Creates a session.
   *
   * @param ttl milliseconds for which the session is kept
   * @throws SessionError `ERR_SESSION_LIMIT` if the subject has reached its limit, `ERR_LOGIN_REVOKED` if its sessions
   *   were revoked after it authenticated
   */
  create(draft: SessionRecord, ttl: number, client: Client, terms?: CreateTerms): Promise<IssueResult<H>>;
  /** @param ttl milliseconds from now after which the store may delete the record; without it the expiry is unchanged */
  save(handle: H, change: BackendWrite, now: number, ttl?: number): Promise<SaveResult<H>>;
  /**
   * Loads the session again, with the changes of other requests. `undefined` if it ended or if a re-login or
   * regenerate replaced its secret. Does not count as a presentation of the token.
   */
  reload(handle: H): Promise<H | undefined>;
  /**
   * Loads the session again for something that is open, such as a socket. Differs from {@link reload}: it follows the session
   * through a re-login and regenerate, and tells why a session is over. Limits of time are the caller's to check. Does not
   * count as a presentation of the token.
   */
  present(handle: H): Promise<Presence<H>>;
  /** Ends the session and returns its last record, or `undefined` if it had already ended. */
  destroy(handle: H, tombstone?: Tombstone): Promise<SessionRecord | undefined>;
  list(subject: string): Promise<SessionRecord[]>;
  /** Ends the session with this id; with `subject` only if the session belongs to that subject. */
  destroyById(id: string, subject?: string): Promise<EndedSession[]>;
  /**
   * Ends all sessions of a subject that began before this call, and rejects its logins in progress.
   *
   * @param except ids of sessions that are kept
   * @param onEnded called for each session that this call ends, as soon as it has ended
   */
  destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void>;
  /** Publishes an event to the other nodes. Never throws. */
  publish(event: SessionEvent): void;
  /** Receives the events of other nodes. */
  subscribe(listener: (event: SessionEvent) => void): void;
  /** What is wrong with the store, at start. A store that fails or does not respond in time is a problem as well. */
  diagnose?(): Promise<StoreProblem[]>;
  /** What a closer look at the store finds, for `nest-sessions doctor`. Writes a session of its own, and ends it. */
  examine?(): Promise<StoreFinding[]>;
  /** @throws SessionError `ERR_STORE_UNAVAILABLE` if the store does not respond in time */
  ping(): Promise<void>;
  /** For sessions that come over from another library. Absent if nothing can be remembered of them. */
  readonly claims?: ClaimedSessions<H>;
  /** For sessions that are bound to a device. Absent if none can be. */
  readonly bound?: BoundSessions<H>;
  close(): Awaitable<void>;
}

/** What is kept of the devices to which sessions are bound. */
export interface BoundSessions<H extends SessionHandle = SessionHandle> {
  /**
   * Binds a session. Of several concurrent calls exactly one succeeds; a key is never replaced. A call that fails may take effect all
   * the same, now or later. The same call again succeeds where the session has this key by then, so it makes a failure good.
   *
   * @param key JSON text of the public key, different for each registration
   * @param grace milliseconds for which requests that are on their way still pass
   * @returns `conflict` if the session has another key, or other requests rotate it again and again
   */
  bind(handle: H, key: string, now: number, grace: number): Promise<SaveResult<H>>;
  /** Notes that a challenge was answered. @returns `conflict` if it was before, or a later one was */
  answer(handle: H, challenge: AnsweredChallenge, now: number): Promise<SaveResult<H>>;
  /**
   * When the latest challenge was made that was answered, in milliseconds since the epoch, as far as this node knows; 0 for none. Queries
   * nothing.
   */
  answeredAt(record: SessionRecord): number;
}

/** Times are milliseconds since the epoch. */
export interface AnsweredChallenge {
  /** When it was made. */
  at: number;
  /** When it will be too old to be answered. */
  until: number;
}

/**
 * A session that was created for an old one, and of which it is not known yet whether it is the one that took it over: another one may
 * have done so, and ended, while the request that creates this one was held up.
 */
export interface UnsettledSession<H extends SessionHandle = SessionHandle> {
  readonly kind: 'unsettled';
  readonly handle: H;
}

/** Sessions that took those of another library over, each at most once. */
export interface ClaimedSessions<H extends SessionHandle = SessionHandle> {
  /** How the calls of the other library's store went. */
  readonly health: CallReports;
  /** Opens the session as a late request with a rotated secret does: until its own cookie was presented. Read-only. */
  open(claim: Claim): Awaitable<OpenResult<H> | UnsettledSession<H>>;
  /**
   * Creates the session, which opens once it is settled. Of several concurrent calls with one claim exactly one succeeds; the others
   * get `undefined`.
   *
   * @throws SessionError `ERR_LOGIN_REVOKED` as {@link SessionBackend.create}
   */
  create(
    claim: Claim,
    draft: SessionRecord,
    ttl: number,
    terms: ClaimTerms,
  ): Promise<IssueResult<H> | undefined>;
  /**
   * Remembers that the old session came over. Who presents it may do so for the one who took it over, and came to nothing.
   *
   * @param ttl milliseconds for which it is remembered
   * @param by the session that took it over, as it was created or as `open` found it; absent if it is only to end
   * @returns false if another session took it over before, or this one was sealed
   */
  mark(claim: Claim, ttl: number, by?: SessionRecord): Promise<boolean>;
  /** Lets the session that marked the old one open. `undefined` if it has ended. Idempotent. */
  settle(handle: H): Promise<H | undefined>;
  /** Takes the marked session for settled: what marked it has done all there was to do. */
  seal(claim: Claim, ttl: number): Promise<void>;
  isMarked(claim: Claim): Promise<boolean>;
  /** The old session that a session goes on beside. */
  linkOf(record: SessionRecord): OldLink | undefined;
}

/** Names an old session. */
export interface OldLink {
  source: string;
  /** As in `OldCredential`. */
  key: string;
}

export interface ClaimTerms {
  /** Milliseconds since the epoch, by the deciding clock. */
  now: number;
  /** Milliseconds for which the old credential opens the session until the new cookie is presented. */
  pendingFor: number;
  /** As in {@link CreateTerms}. */
  provedAt?: number | undefined;
  /** The old session, if the new one goes on beside it. */
  link?: OldLink | undefined;
}

export type EndedSession = Pick<SessionRecord, 'id' | 'subject'>;

/** What a backend needs of the module's options. */
export interface BackendContext extends StoreContext {
  /** Logs a line about a failure, without secrets. @default `warn` */
  error?(message: string): void;
  /** Emits an event to the listeners of this application. Never throws. */
  emit?(event: SessionEvent): void;
  /** Each at least 32 bytes; the first signs or seals, all of them open. */
  secrets: readonly Secret[];
  signer: Signer;
  cookieName: string;
  limitsOf(record: Pick<SessionRecord, 'remember'>): Limits;
  /**
   * Milliseconds after which a login may still arrive: one that comes over from another library. A revocation is remembered
   * for so long.
   * @default a day
   */
  loginsComeLate?: number | undefined;
  /** Whether the option `maxSessions` is set, so that a subject's sessions must be counted. */
  countsSessions: boolean;
  /** Milliseconds that a store may take to respond. */
  timeout: number;
}

/** A value of the option `store` that brings its own backend, such as sealed cookies. */
export interface SessionBackendFactory {
  createBackend(context: BackendContext): SessionBackend;
}
