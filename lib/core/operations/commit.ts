import { conflicts } from '../diagnostics/channels.js';
import type { DataPatch } from '../model/data.js';
import { suspected } from '../model/policy.js';
import type { BackendWrite } from '../storage/backend.js';
import type { Awaitable } from '../storage/store.js';
import { sessionEnded } from '../util/errors.js';
import type { EngineContext } from '../request/engine-context.js';
import type { SessionOperations } from './operations.js';
import { plan, type SaveStep, type Step } from './plan.js';
import { Attempts } from './attempts.js';
import type { RequestState } from '../request/request-state.js';
import type { EndRequest, Intent } from '../request/state.js';

/** Writes to the backend what the request changed and what it intends. */
export class Commit {
  readonly #context: EngineContext;
  readonly #operations: SessionOperations;

  constructor(context: EngineContext, operations: SessionOperations) {
    this.#context = context;
    this.#operations = operations;
  }

  /**
   * Idempotent. Synchronous if there is nothing to do.
   *
   * @param success if false, the request does not count as activity and an intended logout does not take place
   */
  commit(state: RequestState, success: boolean): Awaitable<void> {
    if (!success) state.withdraw();
    return this.#start(state, true);
  }

  /**
   * As {@link commit}, without an intended logout, which takes place at the end of the handler.
   *
   * @throws SessionError `ERR_SESSION_ENDED` also where another call has found that, and changes were lost
   */
  save(state: RequestState): Awaitable<void> {
    return this.#start(state, false);
  }

  /** Work in progress may change the state, so the plan is made after it. */
  #start(state: RequestState, concludes: boolean): Awaitable<void> {
    if (state.busy)
      return this.#inTurn(state, () => this.#carryOut(state, this.#plan(state, concludes), concludes));
    const planned = state.state;
    let step: Step;
    try {
      step = this.#plan(state, concludes);
    } catch (error) {
      return this.#inTurn(state, () => {
        throw error;
      });
    }
    if (step.do === 'nothing' && (concludes || !hasLost(state))) return;
    return this.#inTurn(state, () =>
      this.#carryOut(state, state.state === planned ? step : this.#plan(state, concludes), concludes),
    );
  }

  /** Of several calls at once the first finds that the session has ended, and what the others wanted to store is lost with it. */
  async #carryOut(state: RequestState, step: Step, concludes: boolean): Promise<void> {
    await this.#run(state, step, concludes);
    if (!concludes && hasLost(state)) throw sessionEnded();
  }

  #inTurn(state: RequestState, work: () => Promise<void>): Promise<void> {
    return state.inTurn(async () => {
      try {
        await work();
        state.committed();
      } catch (error) {
        state.committed(error);
        throw error;
      }
    });
  }

  /** @throws SessionError if the data cannot be stored */
  #plan(state: RequestState, concludes: boolean): Step {
    const { config, backend } = this.#context;
    const intent: Intent = { active: state.active, logout: concludes ? state.intent : undefined };
    // The data of a session that ends is not written, so it need not be valid.
    const patch = intent.logout ? undefined : state.patch();
    return plan(state.state, intent, patch, state.now(), {
      rollEvery: config.rollEvery,
      rotateEvery: config.rotateEvery,
      cookieArrives: !state.response.tooLateForCookie,
      canMark: !(state.response.detached && backend.cookieIsRecord),
    });
  }

  async #run(state: RequestState, first: Step, concludes: boolean): Promise<void> {
    let step = first;
    let attempts: Attempts | undefined;
    while (step.do === 'save') {
      if (await this.#save(state, step)) return;
      attempts ??= new Attempts('session.commit()', this.#context.config);
      await this.#beforeAnother(state, step, attempts);
      // Another request rotated first, so the new plan, from the reloaded session, contains no rotation.
      step = this.#plan(state, concludes);
    }
    switch (step.do) {
      case 'nothing':
        return;
      case 'create':
        return this.#create(state, step.patch);
      case 'end':
        return this.#end(state, step.end);
    }
  }

  /** A write of nothing that the application changed is left to the next request after too many: as {@link #write} says. */
  async #beforeAnother(state: RequestState, { patch }: SaveStep, attempts: Attempts): Promise<void> {
    try {
      await attempts.again();
    } catch (error) {
      if (patch) throw error;
      state.postponed();
    }
  }

  async #create(state: RequestState, patch: DataPatch): Promise<void> {
    // The cookie of a new session would replace the one that the client just received.
    if (state.superseded) throw sessionEnded();
    state.response.assertReachable();
    const { backend } = this.#context;
    const { now } = await this.#context.time(state);
    const record = this.#context.draft(now, { id: state.id, data: patch.set });
    const { handle } = await backend.create(record, this.#context.ttl(record, now), state.client);
    state.created(handle, patch);
    this.#context.emit(state, { type: 'created' });
  }

  #end(state: RequestState, end: EndRequest): Promise<void> {
    const { state: before } = state;
    if (before.kind !== 'ending' || before.end !== end) state.ending(end);
    return this.#operations.finish(state);
  }

  /** False if the session was reloaded after a conflict, so that a new plan is needed. */
  async #save(state: RequestState, step: SaveStep): Promise<boolean> {
    const outcome = await this.#write(state, step);
    if (outcome === 'saved') return true;
    if (outcome === 'conflict' && conflicts.hasSubscribers) conflicts.publish({ id: state.id });
    if (outcome === 'conflict' && (await this.#operations.tryReload(state))) return false;
    state.gone();
    if (step.patch) throw sessionEnded();
    return true;
  }

  /**
   * A write of nothing that the application changed may fail without failing the request: the session is open and can be
   * read, and the next request tries again. Otherwise a store that is full or read-only would reject every request as
   * soon as a roll is due.
   */
  async #write(state: RequestState, step: SaveStep): Promise<'saved' | 'gone' | 'conflict'> {
    if (step.patch) return this.#writeAll(state, step);
    try {
      return await this.#writeAll(state, step);
    } catch {
      // Only one attempt per request, so that it does not wait twice for a store that hangs.
      state.postponed();
      return 'saved';
    }
  }

  async #writeAll(state: RequestState, step: SaveStep): Promise<'saved' | 'gone' | 'conflict'> {
    const { backend } = this.#context;
    const { live, patch, roll, rotate, mark } = step;
    const { handle } = live;
    // If the cookie is the record, a change without a new cookie would be lost.
    const renewsRecord = backend.cookieIsRecord && (patch !== undefined || roll || mark);
    if (renewsRecord) state.response.assertReachable();
    const now = state.now();
    const change = this.#changeOf(step, now);
    const ttl = roll ? this.#context.ttl({ ...handle.record, ...change.head }, now) : undefined;
    const saved = await backend.save(handle, change, now, ttl);
    if (saved.outcome !== 'saved') return saved.outcome;
    const renewsToken = rotate || (roll && (handle.record.remember || handle.legacy));
    state.saved(saved.handle, patch, renewsToken || renewsRecord);
    if (rotate) this.#context.emit(state, { type: 'rotated' });
    if (roll) this.#context.emit(state, { type: 'rolled' });
    return 'saved';
  }

  #changeOf({ live, patch, roll, rotate, confirm, mark }: SaveStep, now: number): BackendWrite {
    const head = {
      ...(roll && { lastSeenAt: now }),
      ...(rotate && { rotatedAt: now }),
      ...(mark && { factors: suspected(live.handle.record.factors, now) }),
    };
    return {
      ...(patch && { data: patch }),
      ...((roll || mark) && { head }),
      ...(rotate && { rotate: this.#context.rotation(live, true) }),
      ...(confirm && { confirm: { grace: this.#context.config.grace } }),
    };
  }
}

/** Whether changes were dropped because another request ended the session, or renewed it. */
const hasLost = ({ state, losses }: RequestState): boolean => state.kind === 'ended' && losses > 0;
