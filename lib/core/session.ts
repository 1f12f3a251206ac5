import { inspect } from 'node:util';
import { assertDataObject } from './model/data.js';
import type { SessionEngine } from './engine.js';
import type { Duration } from './util/durations.js';
import { milliseconds } from './util/durations.js';
import { authenticatedAt, isFresh } from './model/policy.js';
import type { Device } from './model/record.js';
import type { Awaitable } from './storage/store.js';
import type { RequestState } from './request/request-state.js';

/**
 * What a session may hold, by key. Applications add theirs:
 * `declare module 'nest-sessions' { interface SessionData { cart: Cart } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merged into by applications
export interface SessionData {}

/** A session is `new` until it is stored, `dirty` with changes that are not, and `ended` for good. */
export type SessionState = 'new' | 'clean' | 'dirty' | 'ended';

/** A session as one of a list, for a page with the user's devices. Holds no secret. */
export interface SessionInfo {
  id: string;
  subject: string;
  device: Device;
  /** When the session began: signed in since then. */
  createdAt: Date;
  /** Where the absolute lifetime starts: when the session began, or the last re-login. */
  startedAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  /** The last active proof by any factor. */
  authenticatedAt: Date | undefined;
  /** Whether the cookie outlives the browser. */
  remember: boolean;
  /** Whether it is the session of this request. */
  current: boolean;
}

// By symbol, so that another copy of this module in the process can ask as well.
const REQUEST_STATE = Symbol.for('nest-sessions/request-state');

/**
 * The request state behind a session.
 *
 * @internal
 */
export const stateOf = (session: Session<object>): RequestState => session[REQUEST_STATE]();

/** The session of one request. It shows no secret, neither to `JSON.stringify` nor to `util.inspect`. */
export class Session<T extends object = SessionData> {
  readonly #state: RequestState;
  readonly #engine: SessionEngine;

  /**
   * Made by the library; ask for one with `@Session()` or `SessionService.current`.
   *
   * @internal
   */
  constructor(state: RequestState, engine: SessionEngine) {
    this.#state = state;
    this.#engine = engine;
  }

  /** The public id: stable through rotation, safe to log. A new session that is never stored has an id that is not in the store. */
  get id(): string {
    return this.#state.id;
  }

  /** The user's id as given to `login()`. */
  get subject(): string | undefined {
    return this.#state.handle?.record.subject;
  }

  get loggedIn(): boolean {
    return this.#state.live?.handle.record.subject !== undefined;
  }

  get state(): SessionState {
    switch (this.#state.state.kind) {
      case 'anonymous':
      case 'unavailable':
        return 'new';
      case 'live':
        return this.#state.changed ? 'dirty' : 'clean';
      case 'ending':
      case 'ended':
        return 'ended';
    }
  }

  /** Plain JSON values by key. Assign or change them in place; changes are stored before the response is sent. */
  get data(): T {
    return this.#state.bag.proxy as T;
  }

  /** @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_KEY`; then nothing is changed */
  set data(value: T) {
    assertDataObject(value);
    const data = this.#state.bag.proxy;
    for (const key of Object.keys(data)) if (!Object.hasOwn(value, key)) delete data[key];
    Object.assign(data, value);
  }

  /** When the session began. A re-login does not move it. */
  get createdAt(): Date {
    return new Date(this.#state.handle?.record.createdAt ?? this.#state.now());
  }

  /** Where the absolute lifetime starts: when the session began, or the last re-login. */
  get startedAt(): Date {
    return new Date(this.#state.handle?.record.startedAt ?? this.#state.now());
  }

  get lastSeenAt(): Date {
    return new Date(this.#state.handle?.record.lastSeenAt ?? this.#state.now());
  }

  /** When the session ends without further activity. */
  get expiresAt(): Date {
    return new Date(this.#engine.expiryOf(this.#state));
  }

  /** When the user last authenticated, by the given factor or by any; `undefined` without a login. */
  authenticatedAt(factor?: string): Date | undefined {
    const { live } = this.#state;
    const at = live && this.loggedIn ? authenticatedAt(live.handle.record.factors, factor) : undefined;
    return at === undefined ? undefined : new Date(at);
  }

  /**
   * Whether the user authenticated at most `within` ago, by the given factor or by any. False while the client is suspicious.
   *
   * @throws SessionError `ERR_OPTIONS` if `within` is not a duration
   */
  isFresh(within: Duration, factor?: string): boolean {
    const { live } = this.#state;
    if (!live || !this.loggedIn || live.suspicious) return false;
    return isFresh(live.handle.record.factors, milliseconds(within, 'within'), this.#state.now(), factor);
  }

  /**
   * Updates one key atomically. `fn` gets the stored value and is called again if another request wrote first; if it
   * returns `undefined`, the key is removed. The value is stored when the promise resolves.
   *
   * @throws SessionError `ERR_SESSION_ENDED`, `ERR_CONFLICT`, `ERR_STORE_UNAVAILABLE`, `ERR_UPDATE_NESTED` within an
   *   update of the same key
   */
  async update<K extends keyof T & string>(
    key: K,
    fn: (value: T[K] | undefined) => Awaitable<T[K] | undefined>,
  ): Promise<T[K] | undefined> {
    try {
      const value = await this.#engine.update(this.#state, key, fn as (value: unknown) => unknown);
      return value as T[K] | undefined;
    } catch (error) {
      throw this.#engine.thrown(this.#state, error);
    }
  }

  /**
   * Stores the changes now. Needed only before a stream or server-sent events; every other response
   * waits for it by itself.
   *
   * @throws SessionError `ERR_SESSION_ENDED`, `ERR_STORE_UNAVAILABLE`
   */
  async commit(): Promise<void> {
    try {
      await this.#engine.save(this.#state);
    } catch (error) {
      throw this.#engine.thrown(this.#state, error);
    }
  }

  /** @internal */
  [REQUEST_STATE](): RequestState {
    return this.#state;
  }

  toJSON(): Record<string, unknown> {
    return {
      id: this.id,
      subject: this.subject,
      state: this.state,
      createdAt: this.createdAt,
      startedAt: this.startedAt,
      lastSeenAt: this.lastSeenAt,
      expiresAt: this.expiresAt,
    };
  }

  [inspect.custom](): string {
    return `Session ${inspect(this.toJSON())}`;
  }
}
