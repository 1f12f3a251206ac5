import type { DataPatch } from '../model/data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded } from '../util/errors.js';
import type { BackendWrite, SaveResult } from '../storage/backend.js';
import type { SessionOperations } from './operations.js';
import { rollIsDue, suspected } from '../model/policy.js';
import type { Awaitable } from '../storage/store.js';
import { CookieAction, Lifecycle, type RequestState } from './request-state.js';

/** Brings a request state to the backend: what the request changed, and what it intends. */
export class Commit {
  readonly #context: EngineContext;
  readonly #operations: SessionOperations;

  constructor(context: EngineContext, operations: SessionOperations) {
    this.#context = context;
    this.#operations = operations;
  }

  /**
   * Idempotent; with nothing to do it returns at once.
   *
   * @param success only then the request counts as activity, and only then an intended logout takes place
   */
  commit(state: RequestState, success: boolean): Awaitable<void> {
    if (!success) state.withdraw();
    if (!state.queue && !state.intent && !this.#pending(state)) return;
    return state.inTurn(() => this.#flush(state, true));
  }

  /** Without what is intended for the end of the handler. */
  save(state: RequestState): Awaitable<void> {
    if (!state.queue && !this.#pending(state)) return;
    return state.inTurn(() => this.#flush(state, false));
  }

  #pending(state: RequestState): boolean {
    switch (state.lifecycle) {
      case Lifecycle.New:
        return state.changed;
      case Lifecycle.Live:
        return state.changed || state.confirms || state.marks || this.#rollDue(state);
      case Lifecycle.Ended:
        return (state.handle ?? state.former) !== undefined && state.conclusion !== undefined;
    }
  }

  async #flush(state: RequestState, concludes: boolean): Promise<void> {
    try {
      await this.#step(state, concludes);
      state.failure = undefined;
    } catch (error) {
      state.failure = error;
      throw error;
    }
  }

  #step(state: RequestState, concludes: boolean): Promise<void> {
    if (state.intent && concludes) return this.#operations.end(state, 'logout', state.intent.everywhere);
    switch (state.lifecycle) {
      case Lifecycle.New:
        return this.#create(state);
      case Lifecycle.Live:
        return this.#save(state);
      case Lifecycle.Ended:
        return this.#operations.finish(state);
    }
  }

  async #create(state: RequestState): Promise<void> {
    const changes = state.bag.changes();
    if (!changes) return;
    // The cookie of a new session would take the place of the one that the client just got.
    if (state.superseded) throw sessionEnded();
    state.assertReachable();
    const now = await this.#context.time(state);
    const record = this.#context.draft(now, { id: state.id, data: changes.set });
    const { handle } = await this.#context.backend.create(
      record,
      this.#context.ttl(record, now),
      state.client,
    );
    state.handle = handle;
    state.lifecycle = Lifecycle.Live;
    state.cookie = CookieAction.Set;
    state.bag.settle(changes);
    this.#context.emit(state, { type: 'created' });
  }

  /** Repeated where another request rotated first: what that left is read, and then there is nothing to rotate. */
  async #save(state: RequestState): Promise<void> {
    for (;;) {
      const changes = state.bag.changes();
      const roll = this.#rollDue(state);
      if (!changes && !roll) return this.#note(state);
      const outcome = await this.#write(state, changes, roll);
      if (outcome === 'saved') return;
      const gone = outcome === 'gone' || !(await this.#operations.catchUp(state));
      if (!gone) continue;
      state.lose();
      if (changes) throw sessionEnded();
      return;
    }
  }

  /**
   * What the request showed without changing anything: that the successor has arrived, or that the client is another.
   * A store that fails here fails nobody: the session was opened, and may be read. The next request shows it again.
   */
  async #note(state: RequestState): Promise<void> {
    // A mark is part of the record, which here no cookie could carry.
    if (state.detached && this.#context.backend.cookieIsRecord) state.marks = false;
    if (!state.confirms && !state.marks) return;
    try {
      if ((await this.#write(state, undefined, false)) === 'gone') state.lose();
    } catch {
      // Tried once a request: a store that hangs is not waited for again.
      state.confirms = false;
      state.marks = false;
    }
  }

  async #write(
    state: RequestState,
    changes: DataPatch | undefined,
    roll: boolean,
  ): Promise<SaveResult['outcome']> {
    const { config, backend } = this.#context;
    const { marks } = state;
    // Where the cookie is the record, a change that it cannot be told of would be lost.
    const renewsRecord = backend.cookieIsRecord && (changes !== undefined || roll || marks);
    if (renewsRecord) state.assertReachable();
    const handle = state.handle!;
    const now = state.now();
    const rotate = roll && this.#rotationDue(state);
    const head = {
      ...(roll && { lastSeenAt: now }),
      ...(rotate && { rotatedAt: now }),
      ...(marks && { factors: suspected(handle.record.factors, now) }),
    };
    const change: BackendWrite = {
      ...(changes && { data: changes }),
      ...((roll || marks) && { head }),
      ...(rotate && { rotate: this.#context.rotation(state, true) }),
      ...(state.confirms && !rotate && { confirm: { grace: config.grace } }),
    };
    const ttl = roll ? this.#context.ttl({ ...handle.record, ...head }, now) : undefined;
    const saved = await backend.save(handle, change, now, ttl);
    if (saved.outcome !== 'saved') return saved.outcome;
    state.handle = saved.handle;
    state.confirms = false;
    state.marks = false;
    const renewsToken = rotate || (roll && (handle.record.remember || handle.legacy));
    if (renewsToken || renewsRecord) state.cookie = CookieAction.Set;
    if (changes) state.bag.settle(changes);
    if (rotate) this.#context.emit(state, { type: 'rotated' });
    if (roll) this.#context.emit(state, { type: 'rolled' });
    return 'saved';
  }

  #rollDue(state: RequestState): boolean {
    if (!state.active || state.lifecycle !== Lifecycle.Live) return false;
    return (
      rollIsDue(state.handle!.record, this.#context.config.rollEvery, state.now()) || this.#rotationDue(state)
    );
  }

  /**
   * Not where the new cookie would reach nobody, nor while the rotation before is pending: its predecessor must lead to
   * one successor.
   */
  #rotationDue(state: RequestState): boolean {
    const { rotateEvery } = this.#context.config;
    if (rotateEvery === false || state.tooLateForCookie) return false;
    const { rotatedAt, previous } = state.handle!.record;
    return state.now() - rotatedAt >= rotateEvery && (!previous?.pending || state.presentsCurrent);
  }
}
