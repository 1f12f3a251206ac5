import { cookieValues } from './cookie.js';
import type { DataHooks } from './data.js';
import type { EngineContext, ProtectionVerdict } from './engine-context.js';
import type { EndReason } from './events.js';
import { GuessCounter } from './guess-counter.js';
import { Dead, type Client, type Held, type Opened } from './keeper.js';
import { isSuspect, Standing } from './policy.js';
import type { Awaitable } from './store.js';
import { CookieFate, Unit } from './unit.js';

/** More cookies of our name than this are nobody's browser. */
const MAX_CANDIDATES = 8;

/** From the Cookie header to the unit of work. */
export class Opening {
  readonly #context: EngineContext;
  readonly #hooks: (unit: Unit) => DataHooks;
  readonly #guesses: GuessCounter;

  constructor(context: EngineContext, hooks: (unit: Unit) => DataHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#guesses = new GuessCounter(context.config.clock);
  }

  /** The session that a Cookie header stands for. Of several cookies the live one counts, and of those the newest. */
  open(cookieHeader: string | undefined, client: Client): Awaitable<Unit> {
    const values = cookieValues(cookieHeader, this.#context.config.cookie.name);
    if (values.length === 0) return this.#unit(client);
    const opened =
      values.length === 1 ? this.#context.keeper.open(values[0]!, client) : this.#openBest(values, client);
    return opened instanceof Promise
      ? opened.then((found) => this.#admit(found, client))
      : this.#admit(opened, client);
  }

  /** In place of a session that could not be asked for: neither anonymous nor logged in. */
  refuse(client: Client, refusal: Error): Unit {
    const unit = this.#unit(client);
    unit.refusal = refusal;
    unit.accessed = true;
    return unit;
  }

  async #openBest(values: string[], client: Client): Promise<Opened> {
    const distinct = [...new Set(values)];
    if (distinct.length > MAX_CANDIDATES) return { kind: 'dead', why: Dead.Tampered, id: '' };
    const all = await Promise.all(distinct.map(async (value) => this.#context.keeper.open(value, client)));
    return all.reduce((best, one) => (this.#outranks(one, best) ? one : best));
  }

  /** An order that does not depend on that of the header: alive before dead, then the newer, then by id. */
  #outranks(one: Opened, other: Opened): boolean {
    const [left, right] = [this.#live(one), this.#live(other)];
    if (!left || !right) return left !== undefined || (!right && deadRank(one) > deadRank(other));
    if (left.createdAt !== right.createdAt) return left.createdAt > right.createdAt;
    return left.id > right.id;
  }

  #live(opened: Opened) {
    if (opened.kind === 'dead') return undefined;
    const { record } = opened.held;
    return this.#context.standing(record, opened.now) === Standing.Live ? record : undefined;
  }

  #admit(opened: Opened, client: Client): Awaitable<Unit> {
    if (opened.kind === 'dead') return this.#refuse(opened, client);
    const { held, now } = opened;
    const standing = this.#context.standing(held.record, now);
    if (standing !== Standing.Live) return this.#discard(held, standing, client);
    const unit = this.#unit(client, held);
    unit.skew = now - this.#context.config.clock.now();
    if (opened.renewed) unit.fate = CookieFate.Set;
    return this.#protect(unit, held);
  }

  #protect(unit: Unit, held: Held): Awaitable<Unit> {
    const verdict = this.#verdict(unit);
    const known = isSuspect(held.record.factors);
    unit.suspicious = known;
    if (verdict === 'ok') return unit;
    this.#context.emit(unit, { type: 'suspicious', verdict });
    if (verdict === 'end') return this.#discard(held, 'protection', unit.client);
    unit.suspicious = true;
    unit.marks = !known;
    return unit;
  }

  #verdict(unit: Unit): ProtectionVerdict {
    const { protect } = this.#context.config;
    const then = unit.held!.record.device;
    return protect && then ? protect(unit.device, then) : 'ok';
  }

  /** An anonymous unit in place of a session that is over, with its cookie taken away. */
  async #discard(held: Held, reason: EndReason, client: Client): Promise<Unit> {
    await this.#context.destroy(held, reason);
    const unit = this.#unit(client);
    unit.fate = CookieFate.Expire;
    return unit;
  }

  #refuse(dead: Opened & { kind: 'dead' }, client: Client): Unit {
    const unit = this.#unit(client);
    // Superseded a moment ago: the client may have the new cookie by now, and would lose that one.
    if (dead.why !== Dead.Superseded) unit.fate = CookieFate.Expire;
    if (dead.why === Dead.Evicted) unit.farewell = 'evicted';
    this.#report(dead, client);
    return unit;
  }

  #report({ why, id, ended }: Opened & { kind: 'dead' }, client: Client): void {
    const who = {
      id,
      at: this.#context.config.clock.now(),
      ...(ended?.subject !== undefined && { subject: ended.subject }),
    };
    switch (why) {
      case Dead.Tampered:
        this.#context.events.emit({ type: 'tampered', ...who });
        return this.#countGuess(client);
      case Dead.Unknown:
        return this.#countGuess(client);
      case Dead.Reused:
        this.#context.events.emit({ type: 'reused', ...who });
        return ended && this.#context.ended(ended, 'reused');
      case Dead.Corrupt:
        return this.#context.ended({ id }, 'corrupt');
      case Dead.Superseded:
      case Dead.Evicted:
        return;
    }
  }

  #countGuess({ ip }: Client): void {
    const count = ip === undefined ? undefined : this.#guesses.count(ip);
    if (count === undefined) return;
    this.#context.events.emit({
      type: 'guessing',
      id: '',
      at: this.#context.config.clock.now(),
      ip: ip!,
      count,
    });
  }

  #unit(client: Client, held?: Held): Unit {
    return new Unit(this.#context.config.clock, client, held, this.#hooks);
  }
}

const deadRank = (opened: Opened): number =>
  opened.kind === 'dead'
    ? [Dead.Tampered, Dead.Unknown, Dead.Corrupt, Dead.Evicted, Dead.Superseded, Dead.Reused].indexOf(
        opened.why,
      )
    : -1;
