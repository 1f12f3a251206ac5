import { Committing } from './request/commit.js';
import { expireCookie, setCookie } from './token/cookie.js';
import type { DataHooks, DataValidator } from './model/data.js';
import { EngineContext, type EngineConfig } from './request/engine-context.js';
import { sessionEnded, SessionError } from './util/errors.js';
import type { EventHub } from './events/events.js';
import type { Client, Keeper } from './storage/backend.js';
import { SessionLifecycle, type LoginOptions, type ReloginOptions } from './request/operations.js';
import { Opening } from './request/open.js';
import type { SessionRecord } from './model/record.js';
import type { Awaitable } from './storage/store.js';
import { CookieFate, Lifecycle, type Unit } from './request/request-state.js';
import { Updating } from './request/update.js';

/** Opens, changes, commits and ends sessions. Knows neither Nest nor HTTP beyond the cookie. */
export class SessionEngine {
  readonly #context: EngineContext;
  readonly #opening: Opening;
  readonly #committing: Committing;
  readonly #lifecycle: SessionLifecycle;
  readonly #updating: Updating;

  constructor(config: EngineConfig, keeper: Keeper, events: EventHub) {
    const context = new EngineContext(config, keeper, events);
    this.#context = context;
    this.#lifecycle = new SessionLifecycle(context);
    this.#committing = new Committing(context, this.#lifecycle);
    this.#updating = new Updating(context, this.#lifecycle);
    this.#opening = new Opening(context, (unit) => new UnitHooks(unit, context));
    keeper.subscribe((event) => events.emit({ ...event, remote: true }));
  }

  get config(): EngineConfig {
    return this.#context.config;
  }

  get events(): EventHub {
    return this.#context.events;
  }

  /** The unit of work for a Cookie header. At once, where the store has the value at hand. */
  open(cookieHeader: string | undefined, client: Client): Awaitable<Unit> {
    return this.#opening.open(cookieHeader, client);
  }

  /** As {@link open}, where no response can take a cookie. It is a presentation of the token all the same. */
  async openDetached(cookieHeader: string | undefined, client: Client): Promise<Unit> {
    const unit = await this.open(cookieHeader, client);
    unit.detached = true;
    if (unit.confirms) await this.commit(unit, false);
    return unit;
  }

  /** The unit of work of a request whose session could not be asked for. */
  refuse(client: Client, refusal: Error): Unit {
    return this.#opening.refuse(client, refusal);
  }

  /** At the end of a handler or of the response: stores what changed and does what is intended. Idempotent. */
  commit(unit: Unit, success: boolean): Awaitable<void> {
    return this.#committing.commit(unit, success);
  }

  /** In the middle of a handler: stores what changed. Whether the handler succeeds is not known yet. */
  save(unit: Unit): Awaitable<void> {
    return this.#committing.save(unit);
  }

  /** The Set-Cookie header that the response owes, if any. */
  cookieOf(unit: Unit): string | undefined {
    switch (unit.fate) {
      case CookieFate.Keep:
        return undefined;
      case CookieFate.Expire:
        return expireCookie(this.config.cookie);
      case CookieFate.Set: {
        const { record, token } = unit.held!;
        // Others rotated it meanwhile, and their responses carry the cookie.
        if (token === undefined) return undefined;
        return setCookie(
          this.config.cookie,
          token,
          record.persistent ? this.expiryOf(unit) - unit.now() : undefined,
        );
      }
    }
  }

  async login(unit: Unit, subject: string, options?: LoginOptions): Promise<void> {
    unit.assertAnswerable();
    return unit.inTurn(() => this.#lifecycle.login(unit, subject, options));
  }

  async relogin(unit: Unit, options?: ReloginOptions): Promise<void> {
    unit.assertAnswerable();
    return unit.inTurn(() => this.#lifecycle.relogin(unit, options));
  }

  async regenerate(unit: Unit, options?: { keep?: readonly string[] }): Promise<void> {
    unit.assertAnswerable();
    return unit.inTurn(() => this.#lifecycle.regenerate(unit, options));
  }

  async end(unit: Unit, reason: 'logout' | 'cleared', everywhere?: boolean): Promise<void> {
    unit.assertChangeable();
    return unit.inTurn(() => this.#lifecycle.end(unit, reason, everywhere));
  }

  async update(unit: Unit, key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    assertWritable(unit);
    await this.save(unit);
    return this.#updating.update(unit, key, fn);
  }

  list(subject: string): Promise<SessionRecord[]> {
    return this.#lifecycle.list(subject);
  }

  revoke(id: string, subject?: string): Promise<number> {
    return this.#lifecycle.revoke(id, subject);
  }

  revokeAll(subject: string, except: readonly string[] = []): Promise<number> {
    return this.#lifecycle.revokeAll(subject, except);
  }

  expiryOf(unit: Unit): number {
    return this.#context.expiryOf(unit);
  }

  /** When the session of a record ends, in milliseconds since the epoch. */
  recordExpiry(record: SessionRecord): number {
    return this.#context.recordExpiry(record);
  }

  close(): Awaitable<void> {
    return this.#context.keeper.close();
  }
}

/** What the data of a unit has to tell, or to ask before it changes. */
class UnitHooks implements DataHooks {
  readonly #unit: Unit;
  readonly #context: EngineContext;

  constructor(unit: Unit, context: EngineContext) {
    this.#unit = unit;
    this.#context = context;
  }

  get validate(): DataValidator | undefined {
    return this.#context.config.validate;
  }

  beforeChange(): void {
    assertWritable(this.#unit);
  }

  onCorrupt(key: string, cause: unknown): never {
    this.#unit.conclude({ reason: 'corrupt', everywhere: false });
    throw new SessionError(
      'ERR_RECORD_CORRUPT',
      `What is stored under "${key}" is no JSON. The session was ended.`,
      { cause },
    );
  }

  onDropped(keys: string[]): void {
    this.#context.emit(this.#unit, { type: 'data-dropped', keys });
  }
}

function assertWritable(unit: Unit): void {
  unit.assertChangeable();
  if (unit.lifecycle === Lifecycle.Ended) throw sessionEnded();
}
