import type { ClosingReason } from '../storage/backend.js';
import type { EngineContext } from '../request/engine-context.js';
import type { RequestState } from '../request/request-state.js';
import { isSessionError } from '../util/errors.js';
import type { Device } from '../model/record.js';

/** What has become of the session of something that is open. */
export type Look =
  /** `renewed`: its secret was replaced by a re-login or regenerate since the last look. */
  | { readonly over: false; readonly renewed: boolean }
  /** `reason` is `undefined` if the session ended and it is not known why. */
  | { readonly over: true; readonly reason: ClosingReason | undefined };

/** Keeps the session of something that is open at its present state. */
export class Presences {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Loads the session as it is now. A session whose time is over ends here.
   *
   * @throws SessionError `ERR_STORE_UNAVAILABLE`; then nothing is changed
   */
  async look(state: RequestState): Promise<Look> {
    const before = state.handle;
    if (!before) return this.#lost(state);
    const found = await this.#present(before);
    // It ended here, or was replaced, in the meantime.
    if (state.handle === undefined) return this.#lost(state);
    if (found.kind === 'over') return this.#over(state, found.reason);
    const { handle, now, renewed } = found;
    const timeout = this.#context.timeoutOf(handle.record, now);
    if (timeout) {
      await this.#context.destroy(handle, timeout);
      return this.#over(state, timeout);
    }
    if (renewed && !isSameClient(state.device, handle.record.device)) return this.#over(state, 'renewed');
    // Its client has to come with the next bound cookie, which somebody who copied this one does not get.
    if (!(now < this.#context.accessUntil(state, handle.record))) return this.#over(state, 'renewed');
    // A write of this connection in the meantime has brought a later record.
    if (state.handle === before) {
      if (renewed) state.recognised(handle);
      else state.reloaded(handle);
    }
    return { over: false, renewed };
  }

  /**
   * A call of this connection has found that its token opens the session no longer: a re-login was faster than an `update()`, say.
   * Then the session goes on, without this connection.
   */
  async #lost({ former }: RequestState): Promise<Look> {
    if (!former) return { over: true, reason: undefined };
    const found = await this.#present(former.handle);
    return { over: true, reason: found.kind === 'over' ? found.reason : 'renewed' };
  }

  async #present(handle: NonNullable<RequestState['handle']>) {
    try {
      return await this.#context.backend.present(handle);
    } catch (error) {
      if (!isSessionError(error) || error.code !== 'ERR_RECORD_CORRUPT') throw error;
      return { kind: 'over', reason: 'corrupt' } as const;
    }
  }

  #over(state: RequestState, reason: ClosingReason | undefined): Look {
    state.gone();
    return { over: true, reason };
  }
}

/**
 * Whether a re-login was by the client of this connection, as far as can be known. One with a copy of the former cookie must
 * not gain the fresh login: it has to come again, with the cookie of now. An address that is not known is nobody's.
 */
const isSameClient = (own: Device, proved: Device | undefined): boolean =>
  own.ip !== undefined && own.ip === proved?.ip && own.userAgent === proved.userAgent;
