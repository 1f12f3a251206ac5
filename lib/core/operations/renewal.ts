import { proved } from '../model/policy.js';
import type { BackendWrite, SessionHandle } from '../storage/backend.js';
import { sessionEnded, SessionError } from '../util/errors.js';
import { Attempts } from './attempts.js';
import type { Ending } from './ending.js';
import type { EngineContext } from '../request/engine-context.js';
import type { Login } from './login.js';
import type { RequestState } from '../request/request-state.js';
import type { LiveState } from '../request/state.js';

/** What `relogin()` takes. */
export interface ReloginOptions {
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** The user who authenticated. If it is a different user, this becomes a fresh login and no data is kept. @default the session's */
  subject?: string;
}

export interface RegenerateOptions {
  /** Keys of the data that are kept. @default none */
  keep?: readonly string[];
}

/** Replaces the secret of a session at a re-login or regenerate, and loads the changes of other requests. */
export class Renewal {
  readonly #context: EngineContext;
  readonly #login: Login;
  readonly #ending: Ending;

  constructor(context: EngineContext, login: Login, ending: Ending) {
    this.#context = context;
    this.#login = login;
    this.#ending = ending;
  }

  /** Rotates without grace, and starts the lifetime anew. */
  async relogin(state: RequestState, { factor = 'pwd', subject }: ReloginOptions = {}): Promise<void> {
    if (subject !== undefined && subject !== state.handle?.record.subject)
      return this.#login.login(state, subject, { factor });
    if (state.live?.handle.record.subject === undefined) throw notLoggedIn();
    // The time of this call, also for later attempts: a revocation since then includes this session.
    const provedAt = state.now();
    const change = (live: LiveState): BackendWrite => this.#proof(state, live, factor, provedAt);
    state.proved(await this.#rotateWith(state, 'relogin()', change));
    this.#context.emit(state, { type: 'relogin', factor });
    this.#context.emit(state, { type: 'rotated' });
  }

  #proof(state: RequestState, { handle }: LiveState, factor: string, provedAt: number): BackendWrite {
    const now = state.now();
    const factors = proved(handle.record.factors, factor, provedAt);
    return {
      head: { factors, startedAt: provedAt, lastSeenAt: now, rotatedAt: now, device: state.device },
    };
  }

  /**
   * A new secret and clean data in the same record, by one commit, so that a concurrent revocation by id or by subject
   * ends the regenerated session as well.
   */
  async regenerate(state: RequestState, { keep = [] }: RegenerateOptions = {}): Promise<void> {
    await this.#ending.finish(state);
    if (!state.live) return startOver(state, state.bag.carry(keep));
    const change = (live: LiveState): BackendWrite => this.#cleanData(state, live, keep);
    state.regenerated(await this.#rotateWith(state, 'regenerate()', change));
    this.#context.emit(state, { type: 'regenerated' });
    this.#context.emit(state, { type: 'rotated' });
  }

  /** Fails with `conflict` if another request has written data, so that each kept key has its latest value. */
  #cleanData(state: RequestState, { handle }: LiveState, keep: readonly string[]): BackendWrite {
    const { data } = handle.record;
    const set = state.bag.carry(keep);
    const remove = Object.keys(data).filter((key) => !Object.hasOwn(set, key));
    const now = state.now();
    return { data: { set, remove }, head: { lastSeenAt: now, rotatedAt: now }, exclusive: true };
  }

  /**
   * Sets a new secret; the old one no longer opens the session. Repeated after a conflict with another request.
   *
   * @param name of the call
   * @param changeOf what to write with the secret, given the latest state
   */
  async #rotateWith(
    state: RequestState,
    name: string,
    changeOf: (live: LiveState) => BackendWrite,
  ): Promise<SessionHandle> {
    const attempts = new Attempts(name, this.#context.config);
    for (;;) {
      const { live } = state;
      if (!live) throw sessionEnded();
      const handle = await this.#rotate(state, live, changeOf(live));
      if (handle) return handle;
      await this.reload(state);
      await attempts.again();
    }
  }

  /** `undefined` after a conflict with another request. */
  async #rotate(
    state: RequestState,
    live: LiveState,
    change: BackendWrite,
  ): Promise<SessionHandle | undefined> {
    const { handle } = live;
    const now = state.now();
    const rotate = this.#context.rotation(live, false);
    const ttl = this.#context.ttl({ ...handle.record, ...change.head }, now);
    const saved = await this.#context.backend.save(handle, { ...change, rotate }, now, ttl);
    if (saved.outcome === 'gone') throw endedElsewhere(state);
    return saved.outcome === 'saved' ? saved.handle : undefined;
  }

  /** Loads the changes that other requests made to the session. @throws SessionError `ERR_SESSION_ENDED` */
  async reload(state: RequestState): Promise<void> {
    if (!(await this.tryReload(state))) throw endedElsewhere(state);
  }

  /** As {@link reload}, but returns false if the session no longer exists. */
  async tryReload(state: RequestState): Promise<boolean> {
    const before = state.handle;
    const handle = before && (await this.#context.backend.reload(before));
    // After a login in the meantime, the result belongs to the session before it.
    if (state.handle !== before) return state.handle !== undefined;
    if (!handle) return false;
    state.reloaded(handle);
    return true;
  }
}

function endedElsewhere(state: RequestState): SessionError {
  state.gone();
  return sessionEnded();
}

function startOver(state: RequestState, data: Record<string, string>): void {
  state.startedOver();
  state.bag.restore(data);
}

function notLoggedIn(): SessionError {
  return new SessionError(
    'ERR_NOT_LOGGED_IN',
    'relogin() needs a session that is logged in. Call login(subject), or guard the handler with LoginGuard.',
  );
}
