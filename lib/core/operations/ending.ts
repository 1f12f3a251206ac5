import type { SessionHandle } from '../storage/backend.js';
import { isUnavailable, sessionEnded } from '../util/errors.js';
import type { EngineContext } from '../request/engine-context.js';
import type { RequestState } from '../request/request-state.js';
import type { EndRequest } from '../request/state.js';
import type { SubjectSessions } from './subject-sessions.js';

/** Ends the session of a request. */
export class Ending {
  readonly #context: EngineContext;
  readonly #subjects: SubjectSessions;

  constructor(context: EngineContext, subjects: SubjectSessions) {
    this.#context = context;
    this.#subjects = subjects;
  }

  /** Idempotent: without a session, nothing happens. */
  async end(state: RequestState, reason: 'logout' | 'cleared', everywhere = false): Promise<void> {
    state.ending({ reason, everywhere });
    await this.finish(state);
  }

  /**
   * Ends in the backend what {@link RequestState.ending} ended for this request. Repeated until the backend has
   * confirmed it.
   *
   * A token that no longer opens the session can still end it; otherwise a logout would appear to succeed while the
   * session continues. A token after its grace may be a stolen copy, so it ends no other sessions.
   *
   * @throws SessionError `ERR_SESSION_ENDED` if such a token requested `everywhere`
   */
  async finish(state: RequestState): Promise<void> {
    if (state.state.kind !== 'ending') return;
    const { handle, former, end } = state.state;
    const subject = handle?.record.subject ?? former?.handle.record.subject;
    const everywhere = end.everywhere && subject !== undefined;
    const entitled = handle?.record.subject !== undefined || former?.everywhere;
    const own = [handle, former?.handle].filter((one) => one !== undefined);
    if (everywhere && entitled) await this.#endOthers(state, subject, own, end);
    for (const one of own) await this.#context.destroy(one, end.reason);
    await state.takenOver?.end();
    state.ended();
    if (everywhere && !entitled) throw sessionEnded();
  }

  /**
   * Ends the other sessions before that of this request. If it fails, the client keeps its cookie, so that a retry ends
   * the others instead of succeeding for lack of a session.
   */
  async #endOthers(
    state: RequestState,
    subject: string,
    own: readonly SessionHandle[],
    end: EndRequest,
  ): Promise<void> {
    const except = own.map(({ record }) => record.id);
    try {
      await this.#subjects.revokeAll(subject, except, end.reason);
    } catch (error) {
      // Any other error, such as a missing revocation list, would recur at every retry.
      if (isUnavailable(error)) state.othersRemain();
      throw error;
    }
    state.othersEnded(end);
  }
}
