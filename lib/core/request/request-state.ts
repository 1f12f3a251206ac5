import { preciseNow, type Clock } from '../util/clock.js';
import { SessionBag, type DataHooks } from '../model/data.js';
import { SessionError } from '../util/errors.js';
import { newId } from '../token/ids.js';
import type { Client, Former, SessionHandle } from '../storage/backend.js';
import type { Device } from '../model/record.js';

/** Where a session is in its life, for one request. */
export enum Lifecycle {
  /** Not kept anywhere yet: an anonymous visitor. */
  New = 'new',
  Live = 'live',
  Ended = 'ended',
}

/** What becomes of the cookie in this response. */
export enum CookieAction {
  Keep = 'keep',
  Set = 'set',
  Expire = 'expire',
}

/** Why the cookie that came opened nothing, where the client may be told. */
export type Farewell = 'evicted' | undefined;

/** How the session of this request ends. */
export interface Conclusion {
  reason: 'logout' | 'cleared' | 'corrupt';
  everywhere: boolean;
}

/**
 * The request state: the session of one request, what the request wants to become of it, and what the
 * response has to say of it. Internal; the application sees it as a `Session`.
 */
export class RequestState {
  lifecycle: Lifecycle;
  handle: SessionHandle | undefined;
  /** The session of the token that came, which opens it no more but may end it. */
  former: Former | undefined;
  /** The token that came was replaced a moment ago: the client has the new cookie, or is about to get it. */
  superseded = false;
  /** The hash of the present secret, if the request came with it. */
  presentedHash: string | undefined;
  /** The request came with the successor of a rotation, and the store is to be told so. */
  confirms = false;
  cookie = CookieAction.Keep;
  /** This request counts as activity, if it succeeds. */
  active = false;
  /** A logout that takes place if the handler succeeds. */
  intent: { everywhere: boolean } | undefined;
  /** Set once the session has ended for this request; the store may have to be told yet (then `held` is still there). */
  conclusion: Conclusion | undefined;
  /** The application looked at the session, so the response is not for everybody. */
  accessed = false;
  /** The head of the response is on its way: nothing can change any more. */
  closed = false;
  /** Ended by the user: the browser is to forget what it stored. */
  forget = false;
  /** OpenResult without a response that could take a cookie. */
  detached = false;
  /** The head of the response is out, or the client has gone: no new cookie can reach it. */
  tooLateForCookie = false;
  /** The client is not the one that logged in: no login counts as fresh. */
  suspicious = false;
  /** The record does not know yet that this client is not the one that logged in. */
  marks = false;
  farewell: Farewell;
  /** The last commit failed with this. */
  failure: unknown;
  /** The session could not be asked for, so the request is to be refused with this. */
  refusal: Error | undefined;
  /** Milliseconds that the deciding clock is ahead of ours; unknown until the store was asked. */
  skew: number | undefined;
  /** Commits run one after the other. */
  queue: Promise<void> | undefined;
  readonly client: Client;

  readonly #clock: Clock;
  readonly #hooks: (state: RequestState) => DataHooks;
  #bag: SessionBag | undefined;
  #newId: string | undefined;
  /** Of the session that ended for this request, which goes by its name. */
  #endedId: string | undefined;

  constructor(
    clock: Clock,
    client: Client,
    handle: SessionHandle | undefined,
    hooks: (state: RequestState) => DataHooks,
  ) {
    this.#clock = clock;
    this.client = client;
    this.handle = handle;
    this.lifecycle = handle ? Lifecycle.Live : Lifecycle.New;
    this.#hooks = hooks;
  }

  /** The data; made when it is first asked for, since most requests of strangers never look. */
  get bag(): SessionBag {
    return (this.#bag ??= new SessionBag(
      this.lifecycle === Lifecycle.Live ? this.handle!.record.data : undefined,
      this.#hooks(this),
    ));
  }

  /** Whether a commit would write data. */
  get changed(): boolean {
    return this.#bag?.changed ?? false;
  }

  /** Stable from the first look at it until another session takes the place. */
  get id(): string {
    return this.handle?.record.id ?? this.#endedId ?? (this.#newId ??= newId());
  }

  /**
   * What asks the store to change the session, one after the other in the order of the calls. The response waits for
   * all of it.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = (this.queue ?? Promise.resolve()).then(work);
    this.queue = turn.then(ignore, ignore);
    return turn;
  }

  /** Whole milliseconds by the deciding clock. */
  now(): number {
    if (!this.skew) return this.#clock.now();
    // The sum of the two may be a hair below the millisecond that it stands for.
    return Math.floor(preciseNow(this.#clock) + this.skew + 0.001);
  }

  /** Whether the client came with the secret that is the present one by now. */
  get presentsCurrent(): boolean {
    return this.presentedHash !== undefined && this.presentedHash === this.handle?.record.secretHash;
  }

  get device(): Device {
    const { ip, userAgent } = this.client;
    return { ...(userAgent && { userAgent: userAgent.slice(0, 256) }), ...(ip && { ip: ip.slice(0, 64) }) };
  }

  /** What a handler declares. Of several handlers of one request (GraphQL) one that is active is enough. */
  countActivity(active: boolean): void {
    this.active ||= active;
  }

  /** A logout that takes place when the request succeeds. */
  intendLogout(logout: { everywhere: boolean }): void {
    this.intent = { everywhere: logout.everywhere || (this.intent?.everywhere ?? false) };
  }

  /** The request failed: it is neither activity nor a logout. */
  withdraw(): void {
    this.active = false;
    this.intent = undefined;
  }

  /** The head of the response is on its way. */
  close(): void {
    this.closed = true;
    this.#bag?.close();
  }

  /** @throws SessionError `ERR_HEAD_SENT` where a change would come too late to be stored or told */
  assertChangeable(): void {
    if (!this.closed) return;
    throw new SessionError(
      'ERR_HEAD_SENT',
      'The session was changed after the head of the response had been written, when it can no longer be stored. BackendWrite it earlier; before a stream or server-sent events call `await session.commit()`.',
    );
  }

  /** @throws SessionError `ERR_NO_RESPONSE` where the client could not be given the new cookie */
  assertReachable(): void {
    if (!this.detached) return;
    throw new SessionError(
      'ERR_NO_RESPONSE',
      'This session was opened by a handshake, so no new cookie can reach the client. Log in, log in again and regenerate over HTTP; over sealed cookies, where every change needs a new cookie, change it over HTTP as well.',
    );
  }

  assertAnswerable(): void {
    this.assertChangeable();
    this.assertReachable();
  }

  /** Another session takes the place of the present one. */
  adopt(handle: SessionHandle): void {
    this.handle = handle;
    this.former = undefined;
    this.superseded = false;
    this.presentedHash = undefined;
    this.confirms = false;
    this.#newId = undefined;
    this.#endedId = undefined;
    this.lifecycle = Lifecycle.Live;
    this.cookie = CookieAction.Set;
    this.forget = false;
    this.suspicious = false;
    this.marks = false;
    this.intent = undefined;
    this.conclusion = undefined;
    this.#bag?.reset(handle.record.data);
  }

  /**
   * The session ends, first of all for this response: whatever the store says to it, the answer does not
   * authenticate any more.
   */
  conclude(conclusion: Conclusion): void {
    this.conclusion = conclusion;
    this.intent = undefined;
    this.#endedId = this.handle?.record.id ?? this.#endedId;
    this.lifecycle = Lifecycle.Ended;
    // Without a session there is no cookie of ours to take away, but perhaps one of another application.
    if (this.handle ?? this.former) {
      this.cookie = CookieAction.Expire;
      this.forget = conclusion.reason === 'logout';
    }
    this.#bag?.reset({});
  }

  /** The request itself had its session ended in the store, so the client loses the cookie. */
  expire(): void {
    this.lose();
    // Nothing is left of it to end.
    this.former = undefined;
    this.cookie = CookieAction.Expire;
  }

  /** A new session after one that ended. */
  begin(): void {
    this.handle = undefined;
    // A token of the session that ended must not be taken for one of this.
    this.#newId = undefined;
    this.#endedId = undefined;
    this.conclusion = undefined;
    this.forget = false;
    this.lifecycle = Lifecycle.New;
    this.#bag?.reset({});
  }

  /**
   * Somebody else ended the session, or a re-login or regenerate came between. What cookie the client has by now is
   * not known: it stays as it is. Whoever opened the session may still end it.
   */
  lose(): void {
    if (this.handle) this.former ??= { handle: this.handle, everywhere: false };
    this.#endedId = this.handle?.record.id ?? this.#endedId;
    this.handle = undefined;
    this.lifecycle = Lifecycle.Ended;
    this.cookie = CookieAction.Keep;
    this.#bag?.reset({});
  }
}

const ignore = (): void => undefined;
