import { DeviceOperations } from './device/device-operations.js';
import { Attachments } from './presence/attachments.js';
import { Commit } from './operations/commit.js';
import { expireCookie, setCookie } from './token/cookie.js';
import type { DataHooks } from './model/data.js';
import type { DataParser } from './model/data-schema.js';
import { EngineContext, type EngineConfig } from './request/engine-context.js';
import { SessionError, sessionEnded } from './util/errors.js';
import type { EventHub } from './events/events.js';
import type { Client, SessionBackend, SessionHandle } from './storage/backend.js';
import { SessionOperations, type LoginOptions, type ReloginOptions } from './operations/operations.js';
import { Opening } from './operations/open.js';
import type { SessionRecord } from './model/record.js';
import type { Awaitable, StoreFinding, StoreProblem } from './storage/store.js';
import type { FailedCall } from './request/calls.js';
import type { RequestState } from './request/request-state.js';
import { shown } from './util/texts.js';
import { TrackedPromise } from './util/tracked-promise.js';
import { CookieAction } from './request/state.js';
import { Presences, type Look } from './operations/presence.js';
import type { CompleteLogin } from './migration/source.js';
import { Takeover } from './operations/takeover.js';
import { Updating } from './operations/update.js';

/** Opens, changes, commits and ends sessions. Knows neither Nest nor HTTP beyond the cookie. */
export class SessionEngine {
  readonly #context: EngineContext;
  readonly #opening: Opening;
  readonly #commit: Commit;
  readonly #operations: SessionOperations;
  readonly #updating: Updating;
  readonly #takeover: Takeover;
  readonly #device: DeviceOperations;
  readonly #presences: Presences;
  /** What is open, by session. */
  readonly attachments: Attachments;

  /** @throws SessionError `ERR_OPTIONS` if the backend cannot do what the configuration asks for */
  constructor(config: EngineConfig, backend: SessionBackend, events: EventHub) {
    const context = new EngineContext(config, backend, events);
    this.#context = context;
    this.#operations = new SessionOperations(context);
    this.#commit = new Commit(context, this.#operations);
    this.#updating = new Updating(context, this.#operations);
    this.#opening = new Opening(context, (state) => new StateHooks(state, context));
    this.#takeover = new Takeover(context, this.#opening);
    this.#device = new DeviceOperations(context);
    if (config.device && !backend.bound) throw bindsNothing();
    this.#presences = new Presences(context);
    this.attachments = new Attachments(
      {
        look: (state) => this.look(state),
        expiryOf: (state) => this.#openUntil(state),
        clock: config.clock,
        // Bound cookies end at different times.
        apart: backend.cookieIsRecord || config.device !== undefined,
        every: config.reloadEvery,
      },
      events,
    );
    backend.subscribe((event) => events.emit({ ...event, remote: true }));
  }

  get config(): EngineConfig {
    return this.#context.config;
  }

  get events(): EventHub {
    return this.#context.events;
  }

  /**
   * The request state for a Cookie header. Synchronous if the store responds synchronously.
   *
   * @param proves false for a request of a device itself, which comes to prove what the bound cookie does
   */
  open(cookieHeader: string | undefined, client: Client, proves = true): Awaitable<RequestState> {
    return this.#opening.open(cookieHeader, client, proves);
  }

  /** What a device asks for, of the session of its request. */
  get device(): DeviceOperations {
    return this.#device;
  }

  /**
   * The state of a request that {@link open} has seen, and that may come with a session of another library.
   *
   * @param carries whether a cookie that the response sets reaches the client
   */
  takeOver(state: RequestState, client: Client, carries: () => boolean): Awaitable<RequestState> {
    return this.#takeover.of(state, client, carries);
  }

  /** @param complete asked with each session of another library that comes over */
  completeMigrated(complete: CompleteLogin): void {
    this.#takeover.complete = complete;
  }

  /** As {@link open}, but without a response that can set a cookie. It still counts as a presentation of the token. */
  async openDetached(cookieHeader: string | undefined, client: Client): Promise<RequestState> {
    const state = await this.open(cookieHeader, client);
    state.response.detach();
    state.calls.conclude();
    if (state.live?.confirms) await this.commit(state, false);
    return state;
  }

  /** The request state of a request whose session could not be loaded. */
  refuse(client: Client, refusal: Error): RequestState {
    return this.#opening.refuse(client, refusal);
  }

  /** At the end of a handler or of the response: stores what changed and does what is intended. Idempotent. */
  commit(state: RequestState, success: boolean): Awaitable<void> {
    return this.#commit.commit(state, success);
  }

  /** In the middle of a handler: stores what changed. Whether the handler succeeds is not known yet. */
  save(state: RequestState): Awaitable<void> {
    return this.#commit.save(state);
  }

  /** The Set-Cookie header that the response owes, if any. */
  cookieOf(state: RequestState): string | undefined {
    switch (state.cookie) {
      case CookieAction.Keep:
        return undefined;
      case CookieAction.Expire:
      case CookieAction.Forget:
        return expireCookie(this.config.cookie);
      case CookieAction.Set:
        return state.live && this.#cookieWith(state.live.handle, state.now());
    }
  }

  #cookieWith({ record, token }: SessionHandle, now: number): string | undefined {
    // Others rotated it meanwhile, and their responses carry the cookie.
    if (token === undefined) return undefined;
    return setCookie(
      this.config.cookie,
      token,
      record.remember ? this.recordExpiry(record) - now : undefined,
    );
  }

  async login(state: RequestState, subject: string, options?: LoginOptions): Promise<void> {
    state.response.assertAnswerable();
    return state.inTurn(() => this.#operations.login(state, subject, options));
  }

  async relogin(state: RequestState, options?: ReloginOptions): Promise<void> {
    state.response.assertAnswerable();
    return state.inTurn(() => this.#operations.relogin(state, options));
  }

  async regenerate(state: RequestState, options?: { keep?: readonly string[] }): Promise<void> {
    state.response.assertAnswerable();
    return state.inTurn(() => this.#operations.regenerate(state, options));
  }

  /** Loads what other requests have stored. @throws SessionError `ERR_SESSION_ENDED` */
  async reload(state: RequestState): Promise<void> {
    return state.inTurn(() => this.#operations.reload(state));
  }

  /**
   * Loads the session as it is now; an anonymous state stays as it is. Something that is open follows the session through a re-login.
   *
   * @throws SessionError `ERR_SESSION_ENDED`
   */
  async refresh(state: RequestState): Promise<void> {
    if (!state.handle) return state.assertNotEnded();
    const { closed, detached } = state.response;
    if (!closed && !detached) return this.reload(state);
    if ((await this.look(state)).over) throw sessionEnded();
  }

  /** What has become of the session of something that is open; its state is the present one then. */
  async look(state: RequestState): Promise<Look> {
    return state.inTurn(() => this.#presences.look(state));
  }

  async end(state: RequestState, reason: 'logout' | 'cleared', everywhere?: boolean): Promise<void> {
    state.response.assertChangeable();
    return state.inTurn(() => this.#operations.end(state, reason, everywhere));
  }

  async update(state: RequestState, key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    // A commit that is under way may store a new session.
    if (state.response.closed && state.busy) await state.inTurn(() => Promise.resolve());
    const late = this.#context.updatesAfterHead(state);
    if (late) state.assertNotEnded();
    else this.#context.assertUpdatable(state);
    // Before the head was sent, a commit wrote everything else.
    if (!late) await this.save(state);
    return this.#updating.update(state, key, fn);
  }

  /**
   * A call of the application, with its errors as the application gets them. If it is not awaited, the response waits for
   * it, and fails if the call does.
   *
   * @param name as the application wrote it
   */
  call<T>(state: RequestState, name: string, work: () => Promise<T>): Promise<T> {
    return this.#tracked(state, name, work, true);
  }

  /** As {@link call}, but the response waits only for its write: the application's own function may take its time. */
  callInBackground<T>(state: RequestState, name: string, work: () => Promise<T>): Promise<T> {
    return this.#tracked(state, name, work, false);
  }

  /** A call outside of a request, or one that fails before its session is known. If it is not awaited, its error is logged. */
  callOutside<T>(name: string, work: Promise<T>): Promise<T> {
    return TrackedPromise.of(work, (error) => this.#unhandled({ name, error }));
  }

  #tracked<T>(state: RequestState, name: string, work: () => Promise<T>, held: boolean): Promise<T> {
    return state.calls.track(name, this.#translated(state, work), held, this.#unhandled);
  }

  readonly #unhandled = (failed: FailedCall): void => this.config.onUnhandledCall?.(failed);

  /** An error of this session as the application gets it. */
  thrown(state: RequestState, error: unknown): unknown {
    return this.#context.thrown(state, error);
  }

  async #translated<T>(state: RequestState, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#context.thrown(state, error);
    }
  }

  list(subject: string): Promise<SessionRecord[]> {
    return this.#operations.list(subject);
  }

  revoke(id: string, subject?: string): Promise<number> {
    return this.#operations.revoke(id, subject);
  }

  revokeAll(subject: string, except: readonly string[] = []): Promise<number> {
    return this.#operations.revokeAll(subject, except);
  }

  expiryOf(state: RequestState): number {
    return this.#context.expiryOf(state);
  }

  #openUntil(state: RequestState): number {
    const record = state.handle?.record;
    const expiry = this.expiryOf(state);
    return record ? Math.min(expiry, this.#context.accessUntil(state, record)) : expiry;
  }

  /** When the session of a record ends, in milliseconds since the epoch. */
  recordExpiry(record: SessionRecord): number {
    return this.#context.recordExpiry(record);
  }

  /** What is wrong with the store, at start. Never throws for a store that fails. */
  async diagnose(): Promise<StoreProblem[]> {
    return (await this.#context.backend.diagnose?.()) ?? [];
  }

  /** What a closer look at the store finds, for `nest-sessions doctor`. Never throws for a store that fails. */
  async examine(): Promise<StoreFinding[]> {
    return (await this.#context.backend.examine?.()) ?? [];
  }

  /** @throws SessionError `ERR_STORE_UNAVAILABLE` if the store does not respond in time */
  ping(): Promise<void> {
    return this.#context.backend.ping();
  }

  close(): Awaitable<void> {
    this.attachments.stop();
    return this.#context.backend.close();
  }
}

const bindsNothing = (): SessionError =>
  new SessionError(
    'ERR_OPTIONS',
    'SessionModule: deviceBound: what is given as "store" keeps no keys of devices. Give a MemoryStore, RedisStore, PostgresStore or SealedCookie, or leave "deviceBound" out.',
  );

/** Connects the data of a session to its request state. */
class StateHooks implements DataHooks {
  readonly #state: RequestState;
  readonly #context: EngineContext;

  constructor(state: RequestState, context: EngineContext) {
    this.#state = state;
    this.#context = context;
  }

  get parse(): DataParser | undefined {
    return this.#context.config.parse;
  }

  beforeChange(): void {
    try {
      this.#state.assertWritable();
    } catch (error) {
      throw this.#context.thrown(this.#state, error);
    }
  }

  onCorrupt(key: string, cause: unknown): never {
    this.#state.ending({ reason: 'corrupt', everywhere: false });
    const error = new SessionError(
      'ERR_RECORD_CORRUPT',
      `The value stored under ${shown(key)} is not valid JSON. The session was ended.`,
      { cause },
    );
    throw this.#context.thrown(this.#state, error);
  }

  onDropped(keys: string[]): void {
    this.#context.emit(this.#state, { type: 'data-dropped', keys });
  }
}
