import { Commit } from './request/commit.js';
import { expireCookie, setCookie } from './token/cookie.js';
import type { DataHooks, DataValidator } from './model/data.js';
import { EngineContext, type EngineConfig } from './request/engine-context.js';
import { SessionError } from './util/errors.js';
import type { EventHub } from './events/events.js';
import type { Client, SessionBackend, SessionHandle } from './storage/backend.js';
import { SessionOperations, type LoginOptions, type ReloginOptions } from './request/operations.js';
import { Opening } from './request/open.js';
import type { SessionRecord } from './model/record.js';
import type { Awaitable } from './storage/store.js';
import { CookieAction, type RequestState } from './request/request-state.js';
import { Updating } from './request/update.js';

/** Opens, changes, commits and ends sessions. Knows neither Nest nor HTTP beyond the cookie. */
export class SessionEngine {
  readonly #context: EngineContext;
  readonly #opening: Opening;
  readonly #commit: Commit;
  readonly #operations: SessionOperations;
  readonly #updating: Updating;

  constructor(config: EngineConfig, backend: SessionBackend, events: EventHub) {
    const context = new EngineContext(config, backend, events);
    this.#context = context;
    this.#operations = new SessionOperations(context);
    this.#commit = new Commit(context, this.#operations);
    this.#updating = new Updating(context, this.#operations);
    this.#opening = new Opening(context, (state) => new StateHooks(state, context));
    backend.subscribe((event) => events.emit({ ...event, remote: true }));
  }

  get config(): EngineConfig {
    return this.#context.config;
  }

  get events(): EventHub {
    return this.#context.events;
  }

  /** The request state for a Cookie header. Synchronous if the store responds synchronously. */
  open(cookieHeader: string | undefined, client: Client): Awaitable<RequestState> {
    return this.#opening.open(cookieHeader, client);
  }

  /** As {@link open}, but without a response that can set a cookie. It still counts as a presentation of the token. */
  async openDetached(cookieHeader: string | undefined, client: Client): Promise<RequestState> {
    const state = await this.open(cookieHeader, client);
    state.detach();
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
    state.assertAnswerable();
    return state.inTurn(() => this.#operations.login(state, subject, options));
  }

  async relogin(state: RequestState, options?: ReloginOptions): Promise<void> {
    state.assertAnswerable();
    return state.inTurn(() => this.#operations.relogin(state, options));
  }

  async regenerate(state: RequestState, options?: { keep?: readonly string[] }): Promise<void> {
    state.assertAnswerable();
    return state.inTurn(() => this.#operations.regenerate(state, options));
  }

  async end(state: RequestState, reason: 'logout' | 'cleared', everywhere?: boolean): Promise<void> {
    state.assertChangeable();
    return state.inTurn(() => this.#operations.end(state, reason, everywhere));
  }

  async update(state: RequestState, key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    state.assertWritable();
    await this.save(state);
    return this.#updating.update(state, key, fn);
  }

  /** An error of this session as the application gets it. */
  thrown(state: RequestState, error: unknown): unknown {
    return this.#context.thrown(state, error);
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

  /** When the session of a record ends, in milliseconds since the epoch. */
  recordExpiry(record: SessionRecord): number {
    return this.#context.recordExpiry(record);
  }

  close(): Awaitable<void> {
    return this.#context.backend.close();
  }
}

/** Connects the data of a session to its request state. */
class StateHooks implements DataHooks {
  readonly #state: RequestState;
  readonly #context: EngineContext;

  constructor(state: RequestState, context: EngineContext) {
    this.#state = state;
    this.#context = context;
  }

  get validate(): DataValidator | undefined {
    return this.#context.config.validate;
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
      `The value stored under "${key}" is not valid JSON. The session was ended.`,
      { cause },
    );
    throw this.#context.thrown(this.#state, error);
  }

  onDropped(keys: string[]): void {
    this.#context.emit(this.#state, { type: 'data-dropped', keys });
  }
}
