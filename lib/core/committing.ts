import type { DataChanges } from './data.js';
import type { EngineContext } from './engine-context.js';
import { sessionEnded } from './errors.js';
import type { Change } from './keeper.js';
import type { SessionLifecycle } from './lifecycle.js';
import { rollIsDue, suspected } from './policy.js';
import type { Awaitable } from './store.js';
import { CookieFate, Lifecycle, type Unit } from './unit.js';

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
    if (!unit.queue && !this.#pending(unit)) return;
    const turn = (unit.queue ?? Promise.resolve()).then(() => this.#flush(unit));
    unit.queue = turn.catch(() => undefined);
    return turn;
  }

  #pending(unit: Unit): boolean {
    if (unit.intent) return true;
    switch (unit.lifecycle) {
      case Lifecycle.New:
        return unit.changed;
      case Lifecycle.Live:
        return unit.changed || unit.marks || this.#rollDue(unit);
      case Lifecycle.Ended:
        return unit.held !== undefined;
    }
  }

  async #flush(unit: Unit): Promise<void> {
    try {
      await this.#step(unit);
      unit.failure = undefined;
    } catch (error) {
      unit.failure = error;
      throw error;
    }
  }

  #step(unit: Unit): Promise<void> {
    if (unit.intent) return this.#lifecycle.end(unit, 'logout', unit.intent.everywhere);
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

  async #save(unit: Unit): Promise<void> {
    const changes = unit.bag.changes();
    const roll = this.#rollDue(unit);
    if (!changes && !roll) return this.#mark(unit);
    const saved = await this.#write(unit, changes, roll, roll && this.#rotationDue(unit));
    if (!saved) {
      unit.lose();
      if (changes) throw sessionEnded();
      return;
    }
    if (changes) unit.bag.settle(changes);
    if (roll) this.#context.emit(unit, { type: 'rolled' });
  }

  /** A store that fails here fails nobody: this request counts as suspicious, and the next one marks. */
  async #mark(unit: Unit): Promise<void> {
    if (!unit.marks || (unit.detached && this.#context.keeper.cookieIsRecord)) return;
    try {
      if (!(await this.#write(unit, undefined, false, false))) unit.lose();
    } catch {
      // The session was opened, and may be read.
    }
  }

  async #write(
    unit: Unit,
    changes: DataChanges | undefined,
    roll: boolean,
    rotate: boolean,
  ): Promise<boolean> {
    // Where the cookie is the record, a change that it cannot be told of would be lost.
    if (this.#context.keeper.cookieIsRecord) unit.assertReachable();
    const held = unit.held!;
    const now = unit.now();
    const head = {
      ...(roll && { lastSeenAt: now }),
      ...(rotate && { rotatedAt: now }),
      ...(unit.marks && { factors: suspected(held.record.factors, now) }),
    };
    const change: Change = {
      data: changes,
      head: roll || unit.marks ? head : undefined,
      rotate: rotate ? { grace: this.#context.config.grace, honoured: true } : undefined,
    };
    const ttl = roll ? this.#context.ttl({ ...held.record, ...head }, now) : undefined;
    const saved = await this.#context.keeper.save(held, change, now, ttl);
    // Another request rotated first: its secret stands, and ours is honoured.
    if (saved.outcome === 'conflict' && rotate) return this.#write(unit, changes, roll, false);
    if (saved.outcome !== 'saved') return false;
    unit.held = saved.held;
    unit.marks = false;
    if (rotate || this.#context.keeper.cookieIsRecord || (roll && held.record.persistent))
      unit.fate = CookieFate.Set;
    if (rotate) this.#context.emit(unit, { type: 'rotated' });
    return true;
  }

  #rollDue(unit: Unit): boolean {
    if (!unit.active || unit.lifecycle !== Lifecycle.Live) return false;
    return (
      rollIsDue(unit.held!.record, this.#context.config.rollEvery, unit.now()) || this.#rotationDue(unit)
    );
  }

  #rotationDue(unit: Unit): boolean {
    const { rotateEvery } = this.#context.config;
    return rotateEvery !== false && unit.now() - unit.held!.record.rotatedAt >= rotateEvery;
  }
}
