import type { Look } from '../operations/presence.js';
import type { RequestState } from '../request/request-state.js';
import type { ClosingReason } from '../storage/backend.js';
import type { Clock } from '../util/clock.js';

/** What the sessions of open things are looked at with. */
export interface Watching {
  /** Loads the session as it is now. @throws SessionError `ERR_STORE_UNAVAILABLE` */
  look(state: RequestState): Promise<Look>;
  /** When the session ends without further activity, in milliseconds since the epoch, by the time of `state.now()`. */
  expiryOf(state: RequestState): number;
  readonly clock: Clock;
  /** Whether each connection has the session by a cookie of its own, so that a look at one tells nothing of the others. */
  readonly apart: boolean;
  /** Milliseconds: how often a session is looked at, whether or not an event came. */
  readonly every: number;
}

/** The session is over. `reason` is `undefined` if it is not known why. */
export type Closed = (reason: ClosingReason | undefined) => void;

/** Something open, as its session knows it. */
export interface Attached {
  /** Whether the session is over, so that it was or is being closed. */
  readonly over: boolean;
  /**
   * Sees to it that the state is not older than the interval of the looks. Of several calls at the same time one loads.
   *
   * @throws SessionError `ERR_STORE_UNAVAILABLE`
   */
  refresh(): Promise<void>;
  /** As {@link refresh}, however young the state is. */
  reload(): Promise<void>;
  /** Set by who has something to write from time to time: called before a look that nobody waits for. */
  beforeLook: (() => Promise<void>) | undefined;
  /** It has closed by itself. */
  detach(): void;
}

/** One of those that are attached to a session. */
export class Member {
  readonly state: RequestState;
  readonly #close: Closed;
  /** When the state was loaded, in milliseconds since the epoch. */
  loadedAt: number;
  loading: Promise<void> | undefined;
  over = false;
  /** A look after a re-login is on its way. */
  renewing = false;
  beforeLook: (() => Promise<void> | undefined) | undefined;

  constructor(state: RequestState, close: Closed, now: number) {
    this.state = state;
    this.#close = close;
    this.loadedAt = now;
  }

  /** Once. */
  close(reason: ClosingReason | undefined): void {
    if (this.over) return;
    this.over = true;
    this.state.lost();
    this.#close(reason);
  }
}
