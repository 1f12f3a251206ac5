import type { EndReason } from '../events/events.js';
import type { SessionRecord } from '../model/record.js';
import { Ending } from './ending.js';
import type { EngineContext } from '../request/engine-context.js';
import { Login, type LoginOptions } from './login.js';
import { Renewal, type RegenerateOptions, type ReloginOptions } from './renewal.js';
import type { RequestState } from '../request/request-state.js';
import { SubjectSessions } from './subject-sessions.js';

export type { LoginOptions } from './login.js';
export type { ReloginOptions } from './renewal.js';

/** Everything that begins, replaces or ends a session, each in a file of its own. */
export class SessionOperations {
  readonly #login: Login;
  readonly #renewal: Renewal;
  readonly #ending: Ending;
  readonly #subjects: SubjectSessions;

  constructor(context: EngineContext) {
    this.#subjects = new SubjectSessions(context);
    this.#ending = new Ending(context, this.#subjects);
    this.#login = new Login(context, this.#ending);
    this.#renewal = new Renewal(context, this.#login, this.#ending);
  }

  login(state: RequestState, subject: string, options?: LoginOptions): Promise<void> {
    return this.#login.login(state, subject, options);
  }

  relogin(state: RequestState, options?: ReloginOptions): Promise<void> {
    return this.#renewal.relogin(state, options);
  }

  regenerate(state: RequestState, options?: RegenerateOptions): Promise<void> {
    return this.#renewal.regenerate(state, options);
  }

  reload(state: RequestState): Promise<void> {
    return this.#renewal.reload(state);
  }

  tryReload(state: RequestState): Promise<boolean> {
    return this.#renewal.tryReload(state);
  }

  end(state: RequestState, reason: 'logout' | 'cleared', everywhere?: boolean): Promise<void> {
    return this.#ending.end(state, reason, everywhere);
  }

  finish(state: RequestState): Promise<void> {
    return this.#ending.finish(state);
  }

  list(subject: string): Promise<SessionRecord[]> {
    return this.#subjects.list(subject);
  }

  revoke(id: string, subject?: string): Promise<number> {
    return this.#subjects.revoke(id, subject);
  }

  revokeAll(subject: string, except: readonly string[], reason?: EndReason): Promise<number> {
    return this.#subjects.revokeAll(subject, except, reason);
  }
}
