import type { SessionEngine } from '../../core/engine.js';
import { SessionError } from '../../core/util/errors.js';
import type { RequestState } from '../../core/request/request-state.js';
import { withoutLogin } from './without-login.js';

/** The option `user`. */
export type LoadUser = (subject: string) => unknown;

interface Loading {
  readonly subject: string;
  readonly user: Promise<unknown>;
}

/** Loads the user of a request's session, for `@CurrentUser()`: at most once, whatever becomes of it. */
export class UserLoader {
  readonly #load: LoadUser | undefined;
  readonly #engine: SessionEngine;
  readonly #loading = new WeakMap<RequestState, Loading>();

  constructor(load: LoadUser | undefined, engine: SessionEngine) {
    this.#load = load;
    this.#engine = engine;
  }

  /**
   * @throws SessionHttpException 401 `ERR_LOGIN_REQUIRED` without a login, or if the user is gone
   * @throws SessionError `ERR_OPTIONS` without the option `user`
   */
  of(state: RequestState): Promise<unknown> {
    const subject = state.live?.handle.record.subject;
    if (subject === undefined) return Promise.reject(withoutLogin(state));
    let loading = this.#loading.get(state);
    // A login during the request is that of another user.
    if (loading?.subject !== subject) {
      loading = { subject, user: this.#userOf(subject, state) };
      this.#loading.set(state, loading);
    }
    return loading.user;
  }

  /** As {@link of}, but loads the user each time: for what lives longer than a request. */
  load(state: RequestState): Promise<unknown> {
    const subject = state.live?.handle.record.subject;
    return subject === undefined ? Promise.reject(withoutLogin(state)) : this.#userOf(subject, state);
  }

  async #userOf(subject: string, state: RequestState): Promise<unknown> {
    if (!this.#load) throw missingOption();
    const user = await this.#load(subject);
    if (user !== undefined && user !== null) return user;
    // An account that is gone leaves nothing that a session could be of. A 401 alone would come back at every request.
    await this.#engine.call(state, '@CurrentUser()', () => this.#engine.end(state, 'cleared'));
    throw withoutLogin(state);
  }
}

const missingOption = (): SessionError =>
  new SessionError(
    'ERR_OPTIONS',
    '@CurrentUser(): SessionModule has no option "user", which loads the user of a subject: user: (subject) => users.findById(subject).',
  );
