import type { SessionEngine } from '../core/engine.js';
import { assertFactorIfNamed } from '../core/model/subject.js';
import type { Session } from '../core/session.js';
import type { RequestSession } from '../nest/request/request-session.js';
import type { NobodyFound } from './nobody-found.js';
import { checkPassportLogin, type PassportLogin, type PassportSessionsOptions } from './passport.options.js';
import { keepUser, subjectOf } from './serialized-user.js';
import type { Values } from './session-view.js';
import type { Successor } from './successor.js';

/** What all requests share. */
export interface PassportServices {
  readonly engine: SessionEngine;
  readonly options: PassportSessionsOptions;
  readonly nobodyFound: NobodyFound;
}

/** Called at the moment in which the session of the request is the successor. @param begun whether that is a new session */
type Taken = (begun: boolean) => void;

/** Puts a successor in the place of the session of a request. */
export class Succession {
  readonly #engine: SessionEngine;
  readonly #options: PassportSessionsOptions;
  readonly #current: RequestSession;

  constructor({ engine, options }: PassportServices, current: RequestSession) {
    this.#engine = engine;
    this.#options = options;
    this.#current = current;
  }

  store(successor: Successor, taken: Taken): Promise<void> {
    return successor.user === undefined ? this.#logOut(successor, taken) : this.#logIn(successor, taken);
  }

  async #logIn(successor: Successor, taken: Taken): Promise<void> {
    const { state } = this.#current;
    const { user } = successor;
    const subject = successor.inherited ?? subjectOf(user, this.#options);
    await this.#engine.login(state, subject, this.#loginOptions(successor));
    try {
      Object.assign(this.#session.data, successor.dataFor(subject));
      keepUser(this.#session, user);
      taken(true);
      await this.#engine.save(state);
    } catch (error) {
      // Passport is told that the login failed, so the client does not get it.
      await this.#engine.end(state, 'cleared').catch(() => undefined);
      throw error;
    }
  }

  async #logOut({ predecessor, data }: Successor, taken: Taken): Promise<void> {
    const { state } = this.#current;
    const loggedIn = predecessor.subject !== undefined;
    await this.#engine.end(state, loggedIn ? 'logout' : 'cleared');
    // After a logout a new session begins only with data, since the browser is to clear what it has of the old one.
    const begins = !loggedIn || Object.keys(data).length > 0;
    if (begins) await this.#engine.regenerate(state);
    Object.assign(this.#session.data, data);
    taken(begins);
    await this.#engine.save(state);
  }

  #loginOptions({ user, remember, proof }: Successor): PassportLogin {
    const given = this.#options.login?.(this.#current.request, user) ?? {};
    checkPassportLogin(given);
    assertFactorIfNamed(given);
    return { ...given, ...(remember !== undefined && { remember }), ...proof };
  }

  get #session(): Session<Values> {
    return this.#current.session as unknown as Session<Values>;
  }
}
