import type { DataChanges } from '../model/data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded } from '../util/errors.js';
import type { Change, Saved } from '../storage/backend.js';
import type { SessionLifecycle } from './operations.js';
import { rollIsDue, suspected } from '../model/policy.js';
import type { Awaitable } from '../storage/store.js';
import { CookieFate, Lifecycle, type Unit } from './request-state.js';

/** Brings a unit of work to the keeper: what the request changed, and what it intends. */
export class Committing {
  readonly #context: EngineContext;
  readonly #lifecycle: SessionLifecycle;

  constructor(context: EngineContext, lifecycle: SessionLifecycle) {
    this.#context = context;
    this.#lifecycle = lifecycle;
  }

  /**
   * Idempotent; with nothing to do it returns at once.
   *
   * @param success only then the request counts as activity, and only then an intended logout takes place
   */
  commit(unit: Unit, success: boolean): Awaitable<void> {
    if (!success) {
      unit.active = false;
      unit.intent = undefined;
    }
    if (!unit.queue && !unit.intent && !this.#pending(unit)) return;
    return unit.inTurn(() => this.#flush(unit, true));
  }

  /** Without what is intended for the end of the handler. */
  save(unit: Unit): Awaitable<void> {
    if (!unit.queue && !this.#pending(unit)) return;
    return unit.inTurn(() => this.#flush(unit, false));
  }

  #pending(unit: Unit): boolean {
    switch (unit.lifecycle) {
      case Lifecycle.New:
        return unit.changed;
      case Lifecycle.Live:
        return unit.changed || unit.confirms || unit.marks || this.#rollDue(unit);
      case Lifecycle.Ended:
        return (unit.held ?? unit.former) !== undefined && unit.conclusion !== undefined;
    }
  }

  async #flush(unit: Unit, concludes: boolean): Promise<void> {
    try {
      await this.#step(unit, concludes);
      unit.failure = undefined;
    } catch (error) {
      unit.failure = error;
      throw error;
    }
  }

  #step(unit: Unit, concludes: boolean): Promise<void> {
    if (unit.intent && concludes) return this.#lifecycle.end(unit, 'logout', unit.intent.everywhere);
    switch (unit.lifecycle) {
      case Lifecycle.New:
        return this.#create(unit);
      case Lifecycle.Live:
        return this.#save(unit);
      case Lifecycle.Ended:
        return this.#lifecycle.finish(unit);
    }
  }

  async #create(unit: Unit): Promise<void> {
    const changes = unit.bag.changes();
    if (!changes) return;
    // The cookie of a new session would take the place of the one that the client just got.
    if (unit.superseded) throw sessionEnded();
    unit.assertReachable();
    const now = await this.#context.time(unit);
    const record = this.#context.draft(now, { id: unit.id, data: changes.set });
    const { held } = await this.#context.keeper.create(record, this.#context.ttl(record, now), unit.client);
    unit.held = held;
    unit.lifecycle = Lifecycle.Live;
    unit.fate = CookieFate.Set;
    unit.bag.settle(changes);
    this.#context.emit(unit, { type: 'created' });
  }

  /** Repeated where another request rotated first: what that left is read, and then there is nothing to rotate. */
  async #save(unit: Unit): Promise<void> {
    for (;;) {
      const changes = unit.bag.changes();
      const roll = this.#rollDue(unit);
      if (!changes && !roll) return this.#note(unit);
      const outcome = await this.#write(unit, changes, roll);
      if (outcome === 'saved') return;
      const gone = outcome === 'gone' || !(await this.#lifecycle.catchUp(unit));
      if (!gone) continue;
      unit.lose();
      if (changes) throw sessionEnded();
      return;
    }
  }

  /**
   * What the request showed without changing anything: that the successor has arrived, or that the client is another.
   * A store that fails here fails nobody: the session was opened, and may be read. The next request shows it again.
   */
  async #note(unit: Unit): Promise<void> {
    // A mark is part of the record, which here no cookie could carry.
    if (unit.detached && this.#context.keeper.cookieIsRecord) unit.marks = false;
    if (!unit.confirms && !unit.marks) return;
    try {
      if ((await this.#write(unit, undefined, false)) === 'gone') unit.lose();
    } catch {
      // Tried once a request: a store that hangs is not waited for again.
      unit.confirms = false;
      unit.marks = false;
    }
  }

  async #write(unit: Unit, changes: DataChanges | undefined, roll: boolean): Promise<Saved['outcome']> {
    const { config, keeper } = this.#context;
    const { marks } = unit;
    // Where the cookie is the record, a change that it cannot be told of would be lost.
    const renewsRecord = keeper.cookieIsRecord && (changes !== undefined || roll || marks);
    if (renewsRecord) unit.assertReachable();
    const held = unit.held!;
    const now = unit.now();
    const rotate = roll && this.#rotationDue(unit);
    const head = {
      ...(roll && { lastSeenAt: now }),
      ...(rotate && { rotatedAt: now }),
      ...(marks && { factors: suspected(held.record.factors, now) }),
    };
    const change: Change = {
      ...(changes && { data: changes }),
      ...((roll || marks) && { head }),
      ...(rotate && { rotate: this.#context.rotation(unit, true) }),
      ...(unit.confirms && !rotate && { confirm: { grace: config.grace } }),
    };
    const ttl = roll ? this.#context.ttl({ ...held.record, ...head }, now) : undefined;
    const saved = await keeper.save(held, change, now, ttl);
    if (saved.outcome !== 'saved') return saved.outcome;
    unit.held = saved.held;
    unit.confirms = false;
    unit.marks = false;
    const renewsToken = rotate || (roll && (held.record.persistent || held.legacy));
    if (renewsToken || renewsRecord) unit.fate = CookieFate.Set;
    if (changes) unit.bag.settle(changes);
    if (rotate) this.#context.emit(unit, { type: 'rotated' });
    if (roll) this.#context.emit(unit, { type: 'rolled' });
    return 'saved';
  }

  #rollDue(unit: Unit): boolean {
    if (!unit.active || unit.lifecycle !== Lifecycle.Live) return false;
    return (
      rollIsDue(unit.held!.record, this.#context.config.rollEvery, unit.now()) || this.#rotationDue(unit)
    );
  }

  /**
   * Not where the new cookie would reach nobody, nor while the rotation before is pending: its predecessor must lead to
   * one successor.
   */
  #rotationDue(unit: Unit): boolean {
    const { rotateEvery } = this.#context.config;
    if (rotateEvery === false || unit.tooLateForCookie) return false;
    const { rotatedAt, previous } = unit.held!.record;
    return unit.now() - rotatedAt >= rotateEvery && (!previous?.pending || unit.presentsCurrent);
  }
}
