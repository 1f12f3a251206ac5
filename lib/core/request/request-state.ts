import { preciseNow, type Clock } from '../util/clock.js';
import { SessionBag, type DataHooks, type DataPatch } from '../model/data.js';
import { sessionEnded, SessionError } from '../util/errors.js';
import { newId } from '../token/ids.js';
import type { Client, Former, RejectedToken, SessionHandle } from '../storage/backend.js';
import type { Device } from '../model/record.js';
import type { RejectReason } from '../model/reject-reason.js';
import { presentsCurrent, type EndRequest, type Intent, type LiveState, type State } from './state.js';

/** What becomes of the cookie in this response. */
export enum CookieAction {
  Keep = 'keep',
  Set = 'set',
  Expire = 'expire',
  /** Ended by the user: the browser is to forget the cookie, and what else it stored. */
  Forget = 'forget',
}

const ANONYMOUS: State = { kind: 'anonymous' };
const PASSIVE: Intent = { active: false };

/** What a live session is not, unless something says so. */
const UNREMARKABLE = { kind: 'live', confirms: false, suspicious: false, marks: false } as const;

/**
 * The session of one request: its state, what the request intends, and what the response sends. The only mutable object
 * of a request; every transition sets state and cookie together. Internal; the application sees it as a `Session`.
 */
export class RequestState {
  readonly client: Client;
  readonly #clock: Clock;
  readonly #hooks: (state: RequestState) => DataHooks;
  #state: State = ANONYMOUS;
  #cookie = CookieAction.Keep;
  #intent = PASSIVE;
  #bag: SessionBag | undefined;
  /** The id of a session that is not stored yet; created on first use. */
  #newId: string | undefined;
  /** Why the token that came opened nothing, until another session takes the place. It outlives the states between. */
  #rejected: RejectedToken | undefined;
  /** The application read the session, whatever its state, so the response must not be cached publicly. */
  #accessed = false;
  /** The head of the response is on its way: nothing can change any more, whatever the state. */
  #closed = false;
  /** Opened without a response that could take a cookie. */
  #detached = false;
  /** The head of the response is out, or the client has gone: no new cookie can reach it. Known to the response alone. */
  #tooLateForCookie = false;
  /** The last commit failed with this; the state is as it was before. */
  #failure: unknown;
  /** Milliseconds that the deciding clock is ahead of ours; unknown until the backend was asked. */
  #skew: number | undefined;
  /** The last work in the queue, until it is done. */
  #queue: Promise<void> | undefined;

  constructor(clock: Clock, client: Client, hooks: (state: RequestState) => DataHooks) {
    this.#clock = clock;
    this.client = client;
    this.#hooks = hooks;
  }

  get state(): State {
    return this.#state;
  }

  get cookie(): CookieAction {
    return this.#cookie;
  }

  /** The state, where the session is live. */
  get live(): LiveState | undefined {
    return this.#state.kind === 'live' ? this.#state : undefined;
  }

  /** Of a session that is live, or that ended for this request and is not ended in the backend yet. */
  get handle(): SessionHandle | undefined {
    const state = this.#state;
    return state.kind === 'live' || state.kind === 'ending' ? state.handle : undefined;
  }

  get former(): Former | undefined {
    return this.#state.kind === 'unavailable' ? undefined : this.#state.former;
  }

  /** The error to reject the request with, if the session could not be loaded. */
  get refusal(): Error | undefined {
    return this.#state.kind === 'unavailable' ? this.#state.error : undefined;
  }

  /** Why the token that came opened nothing. */
  get rejectReason(): RejectReason | undefined {
    return this.#rejected?.why;
  }

  /** The token that came was replaced a moment ago: the client has the new cookie, or is about to get it. */
  get superseded(): boolean {
    return this.#rejected?.lately ?? false;
  }

  /** The client is not the one that logged in: no login counts as fresh. */
  get suspicious(): boolean {
    return this.live?.suspicious ?? false;
  }

  /** The browser is to forget what it stored. */
  get forget(): boolean {
    return this.#cookie === CookieAction.Forget;
  }

  /** A logout that takes place if the request succeeds. */
  get intent(): Intent['logout'] {
    return this.#intent.logout;
  }

  /** This request counts as activity, if it succeeds. */
  get active(): boolean {
    return this.#intent.active;
  }

  get accessed(): boolean {
    return this.#accessed;
  }

  get detached(): boolean {
    return this.#detached;
  }

  /** Whether a new cookie would still reach the client. */
  get tooLateForCookie(): boolean {
    return this.#tooLateForCookie;
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** Work is under way that a commit has to wait for. */
  get busy(): boolean {
    return this.#queue !== undefined;
  }

  /** The data; created on first use, since most anonymous requests never read it. */
  get bag(): SessionBag {
    return (this.#bag ??= new SessionBag(this.live?.handle.record.data, this.#hooks(this)));
  }

  /** Whether a commit would write data. */
  get changed(): boolean {
    return this.#bag?.changed ?? false;
  }

  /** What a commit has to write of the data. Throws where it cannot be stored. */
  patch(): DataPatch | undefined {
    return this.#bag?.patch();
  }

  /** Stable from the first look at it until another session takes the place. */
  get id(): string {
    const state = this.#state;
    if (state.kind === 'live') return state.handle.record.id;
    if (state.kind === 'ending' || state.kind === 'ended') return state.id;
    return (this.#newId ??= newId());
  }

  /** Whole milliseconds by the deciding clock. */
  now(): number {
    if (!this.#skew) return this.#clock.now();
    // The sum of the two may be a hair below the millisecond that it stands for.
    return Math.floor(preciseNow(this.#clock) + this.#skew + 0.001);
  }

  get skew(): number | undefined {
    return this.#skew;
  }

  /** What the deciding clock says now. */
  synchronise(now: number): number {
    return (this.#skew = now - preciseNow(this.#clock));
  }

  get device(): Device {
    const { ip, userAgent } = this.client;
    return { ...(userAgent && { userAgent: userAgent.slice(0, 256) }), ...(ip && { ip: ip.slice(0, 64) }) };
  }

  /**
   * Runs changes of the session in the backend one after the other, in the order of the calls. The response waits for
   * all of them.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = (this.#queue ?? Promise.resolve()).then(work);
    const queue = turn.then(ignore, ignore).then(() => {
      if (this.#queue === queue) this.#queue = undefined;
    });
    this.#queue = queue;
    return turn;
  }

  // What the request wants.

  /** What a handler declares. Of several handlers of one request (GraphQL) one that is active is enough. */
  countActivity(active: boolean): void {
    if (active) this.#intent = { ...this.#intent, active };
  }

  /** A logout that takes place when the request succeeds. */
  intendLogout({ everywhere }: { everywhere: boolean }): void {
    const logout = { everywhere: everywhere || (this.#intent.logout?.everywhere ?? false) };
    this.#intent = { ...this.#intent, logout };
  }

  /** The request failed: it is neither activity nor a logout. */
  withdraw(): void {
    this.#intent = PASSIVE;
  }

  // What is known of the response.

  /** The application looks at the session. */
  access(): void {
    this.#accessed = true;
  }

  /** No response can take a cookie, ever. */
  detach(): void {
    this.#detached = true;
  }

  /** Whether the head of the response is out, or the client gone. */
  cookieComesTooLate(tooLate: boolean): void {
    this.#tooLateForCookie = tooLate;
  }

  /** The head of the response is on its way. */
  close(): void {
    this.#closed = true;
    this.#bag?.close();
  }

  /** How the last commit went. */
  committed(failure?: unknown): void {
    this.#failure = failure;
  }

  /** @throws SessionError `ERR_HEAD_SENT` where a change would come too late to be stored or told */
  assertChangeable(): void {
    if (!this.#closed) return;
    throw new SessionError(
      'ERR_HEAD_SENT',
      'The session was changed after the head of the response had been written, when it can no longer be stored. Change it earlier; before a stream or server-sent events call `await session.commit()`.',
    );
  }

  /** @throws SessionError `ERR_HEAD_SENT`, `ERR_SESSION_ENDED` */
  assertWritable(): void {
    this.assertChangeable();
    const { kind } = this.#state;
    if (kind === 'ending' || kind === 'ended') throw sessionEnded();
  }

  /** @throws SessionError `ERR_NO_RESPONSE` where the client could not be given the new cookie */
  assertReachable(): void {
    if (!this.#detached) return;
    throw new SessionError(
      'ERR_NO_RESPONSE',
      'This session was opened by a handshake, so no new cookie can reach the client. Log in, log in again and regenerate over HTTP; over sealed cookies, where every change needs a new cookie, change it over HTTP as well.',
    );
  }

  assertAnswerable(): void {
    this.assertChangeable();
    this.assertReachable();
  }

  // The transitions.

  /** The token that came opened a session. */
  opened(handle: SessionHandle, token: { present: boolean; renewed: boolean; confirms: boolean }): void {
    const { present, renewed, confirms } = token;
    const presentedHash = present ? handle.record.secretHash : undefined;
    this.#to(
      { ...UNREMARKABLE, handle, presentedHash, confirms },
      renewed ? CookieAction.Set : CookieAction.Keep,
    );
  }

  /** The token that came opens nothing. */
  rejected(token: RejectedToken, cookie: 'keep' | 'expire'): void {
    this.#rejected = token;
    // A foreign cookie gets the same response as one of ours, except that the cookie is kept.
    this.#accessed = true;
    this.#to(
      { kind: 'anonymous', former: token.former },
      cookie === 'keep' ? CookieAction.Keep : CookieAction.Expire,
    );
  }

  /** The session of the token that came was ended before the application saw it. */
  discarded(): void {
    this.#to(ANONYMOUS, CookieAction.Expire);
  }

  /** The session could not be loaded: neither anonymous nor logged in. */
  unavailable(error: Error): void {
    this.#accessed = true;
    this.#to({ kind: 'unavailable', error }, CookieAction.Keep);
  }

  /** The session could not be loaded; the response at least removes its cookie. */
  expireCookie(): void {
    this.#to(this.#state, CookieAction.Expire);
  }

  /** Another client uses the session. @param unmarked the record does not say so yet */
  suspected(unmarked: boolean): void {
    this.#stay({ suspicious: true, marks: unmarked });
  }

  /** The session is stored for the first time. */
  created(handle: SessionHandle, patch: DataPatch): void {
    this.#to({ ...UNREMARKABLE, handle, former: this.former }, CookieAction.Set);
    this.#bag?.settle(patch);
  }

  /** A commit was written, with all that the request had to tell. */
  saved(handle: SessionHandle, patch: DataPatch | undefined, newCookie: boolean): void {
    this.#stay({ handle, confirms: false, marks: false }, newCookie);
    if (patch) this.#bag?.settle(patch);
  }

  /** One key was written, apart from what a commit has to write. */
  updated(handle: SessionHandle, key: string, text: string | undefined, newCookie: boolean): void {
    this.#stay({ handle }, newCookie);
    this.bag.accept(key, text);
  }

  /** The confirmation or mark could not be written and is not tried again. */
  untold(): void {
    this.#stay({ confirms: false, marks: false });
  }

  /** What others made of the session meanwhile. */
  reloaded(handle: SessionHandle): void {
    const { live } = this;
    if (live) {
      // A rotation that came between is for those to confirm who present its own successor.
      const current = presentsCurrent({ ...live, handle }) && handle.record.previous?.pending === true;
      this.#stay({ handle, confirms: live.confirms && current });
    } else this.#stay({ handle });
    this.bag.rebase(handle.record.data);
  }

  /** The subject proved itself anew: a new secret, and whoever was seen before, this is the subject. */
  proved(handle: SessionHandle): void {
    this.#stay({ handle, confirms: false, suspicious: false, marks: false }, true);
  }

  /** A new secret, and clean data. */
  regenerated(handle: SessionHandle): void {
    this.#stay({ handle, confirms: false }, true);
    this.#bag?.reset(handle.record.data);
  }

  /** Another session takes the place of the present one. */
  replacedBy(handle: SessionHandle): void {
    this.#rejected = undefined;
    this.#newId = undefined;
    this.#intent = { active: this.#intent.active };
    this.#to({ ...UNREMARKABLE, handle }, CookieAction.Set);
    this.#bag?.reset(handle.record.data);
  }

  /**
   * The session ends, first for this response: even if the backend then fails, the response no longer authenticates.
   */
  ending(end: EndRequest): void {
    const { id, handle, former } = this;
    this.#intent = { active: this.#intent.active };
    // Without a session there is no cookie of ours to take away, but perhaps one of another application.
    if (handle ?? former) this.#to({ kind: 'ending', id, handle, former, end }, takingAway(end));
    else this.#to({ kind: 'ended', id }, this.#cookie);
    this.#bag?.reset({});
  }

  /** The other sessions of the subject could not be ended: the client keeps its cookie, to ask for it once more. */
  othersRemain(): void {
    this.#to(this.#state, CookieAction.Keep);
  }

  /** The other sessions of the subject have ended. */
  othersEnded(end: EndRequest): void {
    this.#to(this.#state, takingAway(end));
  }

  /** The backend was told of the ending. */
  ended(): void {
    this.#to({ kind: 'ended', id: this.id }, this.#cookie);
  }

  /**
   * Another request ended the session, or rotated it by a re-login or regenerate. The client may already have a newer
   * cookie, so the cookie is kept. This request may still end the session.
   */
  gone(): void {
    const { id, handle } = this;
    const former = this.former ?? (handle && { handle, everywhere: false });
    const state = this.#state;
    this.#to(
      state.kind === 'ending' ? { ...state, handle: undefined, former } : { kind: 'ended', id, former },
      CookieAction.Keep,
    );
    this.#bag?.reset({});
  }

  /** The request itself had its session ended in the backend, so the client loses the cookie. Nothing is left to end. */
  revoked(): void {
    const state = this.#state;
    const forget = state.kind === 'ending' && state.end.reason === 'logout';
    this.#to({ kind: 'ended', id: this.id }, forget ? CookieAction.Forget : CookieAction.Expire);
    this.#bag?.reset({});
  }

  /** A new session after one that ended. Of the one before the browser keeps what it stored. */
  startedOver(): void {
    this.#newId = undefined;
    this.#to(
      { kind: 'anonymous', former: this.former },
      this.#cookie === CookieAction.Forget ? CookieAction.Expire : this.#cookie,
    );
    this.#bag?.reset({});
  }

  /** The session goes on. Where it ended for this request meanwhile, it goes on to end, and the cookie with it. */
  #stay(change: Partial<Omit<LiveState, 'kind'>>, newCookie = false): void {
    const state = this.#state;
    if (state.kind === 'live') this.#to({ ...state, ...change }, newCookie ? CookieAction.Set : this.#cookie);
    else if (state.kind === 'ending' && state.handle)
      this.#to({ ...state, handle: change.handle ?? state.handle }, this.#cookie);
  }

  #to(state: State, cookie: CookieAction): void {
    this.#state = state;
    this.#cookie = cookie;
  }
}

const takingAway = ({ reason }: EndRequest): CookieAction =>
  reason === 'logout' ? CookieAction.Forget : CookieAction.Expire;

const ignore = (): void => undefined;
