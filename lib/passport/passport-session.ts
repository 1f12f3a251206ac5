import { inspect } from 'node:util';
import type { PassportCookie } from './passport-cookie.js';

/** Called with an error, or with nothing. */
export type SessionCallback = (error?: unknown) => void;

/** What the methods of {@link PassportSession} act on: the session of a request. */
export interface SessionActions {
  readonly id: string | undefined;
  readonly cookie: PassportCookie;
  regenerate(): Promise<void>;
  save(): Promise<void>;
  reload(): Promise<void>;
  destroy(): Promise<void>;
  touch(): void;
}

const ACTIONS = Symbol('actions');

/**
 * `req.session`: the data of the session by key, and the methods of express-session. `passport` is the login; what the
 * serializer gave is in `passport.user`. Each method with a callback calls it when the change is stored; without one the
 * response waits for it, and fails if it does.
 */
export class PassportSession {
  /** The data, by key. */
  [key: string]: unknown;
  declare private readonly [ACTIONS]: SessionActions;

  /** @internal */
  constructor(actions: SessionActions) {
    Object.defineProperty(this, ACTIONS, { value: actions, configurable: true });
  }

  /** The public id, which grants no access; `undefined` where the request has no session. */
  get id(): string | undefined {
    return this[ACTIONS].id;
  }

  /** What the session cookie is like. */
  get cookie(): PassportCookie {
    return this[ACTIONS].cookie;
  }

  /**
   * An empty session takes the place of this one once it is saved, by `save()` or as the response leaves. With a user it is a
   * new login; without one the user is logged out.
   */
  regenerate(done?: SessionCallback): this {
    report(this[ACTIONS].regenerate(), done);
    return this;
  }

  /** Stores the changes. */
  save(done?: SessionCallback): this {
    report(this[ACTIONS].save(), done);
    return this;
  }

  /** Loads the session as it is stored; what this request has changed and not saved is dropped. */
  reload(done?: SessionCallback): this {
    report(this[ACTIONS].reload(), done);
    return this;
  }

  /** Ends the session, and with it the login. */
  destroy(done?: SessionCallback): this {
    report(this[ACTIONS].destroy(), done);
    return this;
  }

  /** The request counts as activity, even if the handler is `@Passive()`. */
  touch(): this {
    this[ACTIONS].touch();
    return this;
  }

  /** The data, and no secret. */
  [inspect.custom](): Record<string, unknown> {
    return { ...this };
  }
}

function report(work: Promise<void>, done: SessionCallback | undefined): void {
  if (done) void work.then(() => done(), done);
}
