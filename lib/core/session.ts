import { inspect } from 'node:util';
import { boundAtOf } from './device/device-key.js';
import { assertDataObject } from './model/data-checks.js';
import type { SessionEngine } from './engine.js';
import type { Duration } from './util/durations.js';
import { milliseconds } from './util/durations.js';
import { freshUntil, knownProof } from './model/policy.js';
import type { Device } from './model/record.js';
import type { Awaitable } from './storage/store.js';
import type { RequestState } from './request/request-state.js';

/**
 * What a session may hold, by key. Applications add theirs:
 * `declare module 'nest-sessions' { interface SessionData { cart: Cart } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merged into by applications
export interface SessionData {}

/** The keys that need not be given. */
type Optional<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T];

/**
 * The data of a `Session<T>`. Any key may be absent, because a session begins empty; of a schema, `Session<typeof schema>`,
 * those with a default are there.
 */
export type DataOf<T> = unknown extends T
  ? T
  : T extends {
        readonly '~standard': {
          readonly types?: { readonly input: infer Input; readonly output: infer Output } | undefined;
        };
      }
    ? Pick<Output, keyof Output & Optional<Input>> & Partial<Omit<Output, Optional<Input> & keyof Output>>
    : Partial<T>;

/** A session is `new` until it is stored, `dirty` with changes that are not, and `ended` for good. */
export type SessionState = 'new' | 'clean' | 'dirty' | 'ended';

/** A session as one of a list, for a page with the user's devices. Holds no secret. */
export interface SessionInfo {
  /** The public id, as in `Session.id`: for `revoke()`. */
  id: string;
  /** The user's id as given to `login()`. */
  subject: string;
  /** The client at the login or the last re-login; empty if it is unknown. */
  device: Device;
  /** When the session began: signed in since then. */
  createdAt: Date;
  /** Where the absolute lifetime starts: when the session began, or the last re-login. */
  startedAt: Date;
  /** The last activity, as it was stored: exact to `rollEvery`. */
  lastSeenAt: Date;
  /** When the session ends without further activity. */
  expiresAt: Date;
  /** The last active proof by any factor; `undefined` where the time of a login that came over is unknown. */
  authenticatedAt: Date | undefined;
  /** Since when the session is bound to a key of its device, with the option `deviceBound`; `undefined` if it is not. */
  boundAt: Date | undefined;
  /** Whether the cookie outlives the browser. */
  remember: boolean;
  /** Whether it is the session of this request. */
  current: boolean;
}

/** The latest time that a Date holds (ECMA-262 §21.4.1.1), in milliseconds since the epoch. */
const LATEST = 8.64e15;

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
    // `session.cart = …` in place of `session.data.cart` throws a TypeError instead of being lost.
    Object.preventExtensions(this);
  }

  /** The public id: stable through rotation, safe to log. A new session that is never stored has an id that is not in the store. */
  get id(): string {
    return this.#state.id;
  }

  /** The user's id as given to `login()`. */
  get subject(): string | undefined {
    return this.#state.handle?.record.subject;
  }

  /** Whether the session is live and somebody is logged in. */
  get loggedIn(): boolean {
    return this.#state.live?.handle.record.subject !== undefined;
  }

  /** Whether the session is stored, has changes that are not, or has ended. */
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

  /**
   * Plain JSON values by key, or what the option `data` reads. Assign or change them in place; changes are stored before the
   * response is sent. `structuredClone()` and `console.dir()` bypass it: give them a copy, `{ ...session.data }`.
   */
  get data(): DataOf<T> {
    return this.#state.bag.proxy as DataOf<T>;
  }

  /** @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_KEY`; then nothing is changed */
  set data(value: DataOf<T>) {
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

  /** The last activity, as it was stored: exact to `rollEvery`. */
  get lastSeenAt(): Date {
    return new Date(this.#state.handle?.record.lastSeenAt ?? this.#state.now());
  }

  /** When the session ends without further activity. */
  get expiresAt(): Date {
    return new Date(this.#engine.expiryOf(this.#state));
  }

  /** Since when the session is bound to a key of its device, with the option `deviceBound`; `undefined` if it is not. */
  get boundAt(): Date | undefined {
    const { handle } = this.#state;
    return handle && boundAtOf(handle.record);
  }

  /** When the user last authenticated, by the given factor or by any; `undefined` without a login, and where the time of one that came over is unknown. */
  authenticatedAt(factor?: string): Date | undefined {
    const { live } = this.#state;
    return live && this.loggedIn ? knownProof(live.handle.record.factors, factor) : undefined;
  }

  /**
   * Whether the user authenticated at most `within` ago, by the given factor or by any. False while the client is suspicious.
   *
   * @throws SessionError `ERR_OPTIONS` if `within` is not a duration
   */
  isFresh(within: Duration, factor?: string): boolean {
    return this.#freshUntil(milliseconds(within, 'within'), factor) !== undefined;
  }

  /**
   * When the re-login window ends: until then `isFresh()` with the same arguments is true, and `@Relogin()` lets the user
   * in, unless the session ends before or another client uses it. `undefined` if that is so no longer.
   *
   * @param within how long ago the login may be. Default: the option `relogin.within`
   * @param factor by which the user authenticated. Default: any
   * @throws SessionError `ERR_OPTIONS` if `within` is not a duration
   */
  freshUntil(within?: Duration, factor?: string): Date | undefined {
    const window = within === undefined ? this.#engine.config.reloginWithin : milliseconds(within, 'within');
    const until = this.#freshUntil(window, factor);
    return until === undefined ? undefined : new Date(Math.min(until, LATEST));
  }

  /**
   * Updates one key atomically. `fn` gets the stored value and is called again if another request wrote first; if it
   * returns `undefined`, the key is removed. The value is stored when the promise resolves. In a session that a store
   * keeps it also works after the head of the response was sent, in a stream for example.
   *
   * @throws SessionError `ERR_DATA_INVALID`, `ERR_DATA_NOT_SERIALIZABLE`; then nothing is assigned
   * @throws SessionError `ERR_HEAD_SENT` over sealed cookies, or if the session is not stored yet
   * @throws SessionError `ERR_SESSION_ENDED`, `ERR_CONFLICT`, `ERR_STORE_UNAVAILABLE`, `ERR_UPDATE_NESTED` within an
   *   update of the same key
   */
  update<K extends keyof DataOf<T> & string>(
    key: K,
    fn: (value: DataOf<T>[K] | undefined) => Awaitable<DataOf<T>[K] | undefined>,
  ): Promise<DataOf<T>[K] | undefined> {
    return this.#engine.callInBackground(this.#state, 'session.update()', async () => {
      const value = await this.#engine.update(this.#state, key, fn as (value: unknown) => unknown);
      return value as DataOf<T>[K] | undefined;
    });
  }

  /**
   * Stores the changes now. Needed only before a stream or server-sent events; every other response
   * waits for it by itself.
   *
   * @throws SessionError `ERR_SESSION_ENDED`, `ERR_STORE_UNAVAILABLE`
   */
  commit(): Promise<void> {
    return this.#engine.call(this.#state, 'session.commit()', async () => this.#engine.save(this.#state));
  }

  /**
   * Loads the session as it is now, with what other requests and nodes have stored. Own changes that are not stored yet stay. In a
   * socket or stream that is open for long: a request has just loaded it.
   *
   * @throws SessionError `ERR_SESSION_ENDED` if it ended, `ERR_STORE_UNAVAILABLE`
   */
  reload(): Promise<void> {
    return this.#engine.callInBackground(this.#state, 'session.reload()', async () => {
      await this.#engine.refresh(this.#state);
    });
  }

  #freshUntil(within: number, factor: string | undefined): number | undefined {
    const { live } = this.#state;
    if (!live || !this.loggedIn || live.suspicious) return undefined;
    return freshUntil(live.handle.record.factors, within, this.#state.now(), factor);
  }

  /** @internal */
  [REQUEST_STATE](): RequestState {
    return this.#state;
  }

  /** Id, subject, state and times: neither the data nor a secret. */
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
