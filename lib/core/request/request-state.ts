import { preciseNow, type Clock } from '../util/clock.js';
import { SessionBag, type DataHooks, type DataPatch } from '../model/data.js';
import { sessionEnded } from '../util/errors.js';
import { newId } from '../token/ids.js';
import type { Client, Former, OpenedToken, RejectedToken, SessionHandle } from '../storage/backend.js';
import { plainAddress } from '../util/addresses.js';
import type { TakenOver } from '../migration/taken-over.js';
import type { Device } from '../model/record.js';
import type { RejectReason } from '../model/reject-reason.js';
import { Calls } from './calls.js';
import { ChangeQueue } from './change-queue.js';
import { ResponseLimits } from './response-limits.js';
import {
  type CookieAction,
  formerOf,
  handleOf,
  type EndRequest,
  type Intent,
  type LiveState,
  type State,
} from './state.js';
import * as to from './transitions.js';

/**
 * The session of one request: where it stands, its data, and what is known of its response. Each method under
 * "Transitions" makes the transition of the same name and takes the data along. Internal: the application sees a `Session`.
 */
export class RequestState {
  readonly client: Client;
  readonly response = new ResponseLimits();
  readonly calls = new Calls();
  /** Turns an error into what the application gets, where that is not the exception of HTTP. */
  asThrown: ((error: unknown) => unknown) | undefined;
  /** The session of another library that this one took over, where the request came with it. */
  takenOver: TakenOver | undefined;
  /**
   * The client has the key to which the session is bound, as it proved a moment ago: until when that counts, in milliseconds
   * since the epoch.
   */
  provedUntil: number | undefined;
  /** The user logged in by this request, or again, so its client may bind the session to its device. */
  #authenticates = false;
  readonly #clock: Clock;
  readonly #hooks: (state: RequestState) => DataHooks;
  readonly #queue = new ChangeQueue();
  #at = to.UNOPENED;
  #bag: SessionBag | undefined;
  /** The id of a session that is not stored yet. Created on first use. */
  #newId: string | undefined;
  /** Why the presented token opens no session. Kept until another session takes its place. */
  #rejected: RejectedToken | undefined;
  /** The application has read the session, so the response must not be cached publicly. */
  #accessed = false;
  /** The application was given an error that asks for a login (401). */
  #asksForLogin = false;
  /** The error of the last commit, which left the state unchanged. */
  #failure: unknown;
  /** How often changes were dropped that were not stored. */
  #losses = 0;
  /** Milliseconds that the clock of the store is ahead of the local one. Unset until known. */
  #skew: number | undefined;

  constructor(clock: Clock, client: Client, hooks: (state: RequestState) => DataHooks) {
    this.#clock = clock;
    this.client = client;
    this.#hooks = hooks;
  }

  // Where the session stands.

  get state(): State {
    return this.#at.state;
  }

  get cookie(): CookieAction {
    return this.#at.cookie;
  }

  /** The state if the session is live. */
  get live(): LiveState | undefined {
    const { state } = this.#at;
    return state.kind === 'live' ? state : undefined;
  }

  /** The handle of a session that is live, or that this request ends but the backend has not ended yet. */
  get handle(): SessionHandle | undefined {
    return handleOf(this.#at.state);
  }

  get former(): Former | undefined {
    return formerOf(this.#at.state);
  }

  /** The error to reject the request with, if the session could not be loaded. */
  get refusal(): Error | undefined {
    const { state } = this.#at;
    return state.kind === 'unavailable' ? state.error : undefined;
  }

  /** Why the presented token opens no session. */
  get rejectReason(): RejectReason | undefined {
    return this.#rejected?.why;
  }

  /** The presented token was replaced less than a grace period ago: the client has the new cookie or is about to get it. */
  get superseded(): boolean {
    return this.#rejected?.lately ?? false;
  }

  /** Whether the client has proved that it has the key to which the session is bound. */
  get provesDevice(): boolean {
    return this.provedUntil !== undefined && this.now() < this.provedUntil;
  }

  /** Stable from the first access until another session takes its place. */
  get id(): string {
    const { state } = this.#at;
    if (state.kind === 'live') return state.handle.record.id;
    if (state.kind === 'ending' || state.kind === 'ended') return state.id;
    return (this.#newId ??= newId());
  }

  get device(): Device {
    const { ip, userAgent } = this.client;
    return {
      ...(userAgent && { userAgent: userAgent.slice(0, 256) }),
      ...(ip && { ip: plainAddress(ip).slice(0, 64) }),
    };
  }

  /** @throws SessionError `ERR_SESSION_ENDED` */
  assertNotEnded(): void {
    const { kind } = this.#at.state;
    if (kind === 'ending' || kind === 'ended') throw sessionEnded();
  }

  /** @throws SessionError `ERR_HEAD_SENT`, `ERR_SESSION_ENDED` */
  assertWritable(): void {
    this.response.assertChangeable();
    this.assertNotEnded();
  }

  // What the request intends.

  /** The logout that takes place if the request succeeds. */
  get intent(): Intent['logout'] {
    return this.#at.intent.logout;
  }

  /** Whether this request counts as activity if it succeeds. */
  get active(): boolean {
    return this.#at.intent.active;
  }

  /** Applies what a handler declares. */
  countActivity(active: boolean): void {
    if (active && !this.active) this.#at = to.active(this.#at);
  }

  /** Plans a logout for when the request succeeds. */
  intendLogout({ everywhere }: { everywhere: boolean }): void {
    this.#at = to.loggingOut(this.#at, everywhere);
  }

  /** The request failed, so it is neither activity nor a logout. */
  withdraw(): void {
    this.#at = to.withdrawn(this.#at);
  }

  // The data.

  /** Created on first use, because most anonymous requests never read it. */
  get bag(): SessionBag {
    return (this.#bag ??= new SessionBag(this.live?.handle.record.data, this.#hooks(this)));
  }

  /** Whether a commit would write data. */
  get changed(): boolean {
    return this.#bag?.changed ?? false;
  }

  /** How often changes of the data were dropped that could not be stored: what a message wrote may be among them. */
  get losses(): number {
    return this.#losses;
  }

  /** The changes of the data that a commit has to write. Throws if they cannot be stored. */
  patch(): DataPatch | undefined {
    return this.#bag?.patch();
  }

  /** Whether a change is in progress that a commit has to wait for. */
  get busy(): boolean {
    return this.#queue.busy;
  }

  /** Runs changes of the session in the order of the calls. The response waits for all of them. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work);
  }

  // What the request has met.

  get accessed(): boolean {
    return this.#accessed;
  }

  /** The application reads the session. */
  access(): void {
    this.#accessed = true;
  }

  get authenticates(): boolean {
    return this.#authenticates;
  }

  get asksForLogin(): boolean {
    return this.#asksForLogin;
  }

  /** The application gets an error that asks for a login. */
  askForLogin(): void {
    this.#asksForLogin = true;
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** A commit is done. @param failure its error, if it failed */
  committed(failure?: unknown): void {
    this.#failure = failure;
  }

  /** The head of the response is being sent: nothing can be changed any more. */
  close(): void {
    this.response.close();
    this.#bag?.close();
  }

  /** The time in whole milliseconds, by the clock of the store if it has one. */
  now(): number {
    if (!this.#skew) return this.#clock.now();
    // The sum of two fractions may be slightly below the millisecond that it stands for.
    return Math.floor(preciseNow(this.#clock) + this.#skew + 0.001);
  }

  get skew(): number | undefined {
    return this.#skew;
  }

  /** Takes over the time of the store. */
  synchronise(now: number): number {
    return (this.#skew = now - preciseNow(this.#clock));
  }

  // Transitions.

  opened(token: OpenedToken): void {
    this.#skew = token.skew;
    this.#at = to.opened(this.#at, token);
  }

  rejected(token: RejectedToken, cookie: 'keep' | 'expire'): void {
    this.#rejected = token;
    // A foreign cookie gets the same response as one of ours, except that the cookie is kept.
    this.#accessed = true;
    this.#at = to.rejected(this.#at, token, cookie === 'expire');
  }

  discarded(): void {
    this.#at = to.discarded(this.#at);
  }

  unavailable(error: Error): void {
    this.#accessed = true;
    this.#at = to.unavailable(this.#at, error);
  }

  /** The session could not be loaded; the response at least removes its cookie. */
  expireCookie(): void {
    this.#at = to.withoutCookie(this.#at);
  }

  /** A different client uses the session. @param unmarked whether the record is not marked yet */
  suspected(unmarked: boolean): void {
    this.#at = to.continued(this.#at, { suspicious: true, marks: unmarked });
  }

  created(handle: SessionHandle, patch: DataPatch): void {
    this.#at = to.created(this.#at, handle);
    this.#bag?.settle(patch);
  }

  /** A commit is stored. */
  saved(handle: SessionHandle, patch: DataPatch | undefined, newCookie: boolean): void {
    this.#at = to.continued(this.#at, { handle, confirms: false, marks: false }, newCookie);
    if (patch) this.#bag?.settle(patch);
  }

  /** `update()` has stored one key, independently of what a commit has to write. */
  updated(handle: SessionHandle, key: string, text: string | undefined, newCookie: boolean): void {
    this.#at = to.continued(this.#at, { handle }, newCookie);
    this.bag.accept(key, text);
  }

  postponed(): void {
    this.#at = to.postponed(this.#at);
  }

  reloaded(handle: SessionHandle): void {
    this.#at = to.reloaded(this.#at, handle);
    this.bag.rebase(handle.record.data);
  }

  /** After a re-login elsewhere, by the client of this connection: a new handshake would not be suspicious. */
  recognised(handle: SessionHandle): void {
    this.reloaded(handle);
    this.#at = to.continued(this.#at, { suspicious: false, marks: false });
  }

  /** A change of what is kept of the client's device is stored, independently of what a commit has to write. */
  bound(handle: SessionHandle, newCookie: boolean): void {
    this.#at = to.continued(this.#at, { handle }, newCookie);
  }

  /** After a re-login: a new secret, and the client is no longer suspicious. */
  proved(handle: SessionHandle): void {
    this.#authenticates = true;
    this.#at = to.continued(this.#at, { handle, confirms: false, suspicious: false, marks: false }, true);
  }

  /** After `regenerate()`: a new secret and new data. */
  regenerated(handle: SessionHandle): void {
    this.#at = to.continued(this.#at, { handle, confirms: false }, true);
    this.#bag?.reset(handle.record.data);
  }

  replacedBy(handle: SessionHandle): void {
    this.#rejected = undefined;
    this.#authenticates = true;
    this.provedUntil = undefined;
    this.#newId = undefined;
    this.#at = to.replaced(this.#at, handle);
    this.#bag?.reset(handle.record.data);
  }

  ending(end: EndRequest): void {
    // Also where there is no session: a stored response would take the place of the next one's logout.
    this.#accessed = true;
    this.#at = to.ending(this.#at, this.id, end);
    this.#bag?.reset({});
  }

  othersRemain(): void {
    this.#at = to.othersRemain(this.#at);
  }

  othersEnded(end: EndRequest): void {
    this.#at = to.othersEnded(this.#at, end);
  }

  ended(): void {
    this.#at = to.ended(this.#at, this.id);
  }

  gone(): void {
    this.#at = to.gone(this.#at, this.id);
    this.#drop({});
  }

  revoked(): void {
    this.#at = to.revoked(this.#at, this.id);
    this.#bag?.reset({});
  }

  /** What was changed could not be stored, and its client was told so. */
  changesLost(): void {
    this.#drop(this.live?.handle.record.data ?? {});
  }

  #drop(data: Readonly<Record<string, string>>): void {
    if (this.changed) this.#losses++;
    this.#bag?.reset(data);
  }

  /** The session of a connection ended elsewhere: for good, without anything that this state could still end. */
  lost(): void {
    // One that ends it by itself is told as well, and goes on with that.
    if (this.#at.state.kind === 'live') this.gone();
  }

  startedOver(): void {
    this.#newId = undefined;
    this.#at = to.startedOver(this.#at);
    this.#bag?.reset({});
  }
}
