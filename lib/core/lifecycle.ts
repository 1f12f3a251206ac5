import type { EngineContext } from './engine-context.js';
import { sessionEnded, SessionError } from './errors.js';
import type { EndReason } from './events.js';
import { proved, Standing } from './policy.js';
import type { Held } from './keeper.js';
import type { SessionRecord } from './record.js';
import type { SessionLimit } from './store.js';
import { assertSubject } from './subject.js';
import { CookieFate, Lifecycle, type Unit } from './unit.js';

export interface LoginOptions {
  /** A persistent cookie with the limits of the option `remember`. @default false */
  remember?: boolean;
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** Keys of the anonymous session's data that may cross. @default none */
  keep?: readonly string[];
}

export interface ReloginOptions {
  /** @default 'pwd' */
  factor?: string;
  /** Who proved themselves. If it is somebody else, this is a login of theirs, with none of the old data. */
  subject?: string;
}

/** How long an evicted session's holder can still be told why: 24 hours in milliseconds. */
const EVICTED_LINGER = 24 * 60 * 60 * 1000;

/** Everything that begins, replaces or ends a session. */
export class SessionLifecycle {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  async login(unit: Unit, subject: string, options: LoginOptions = {}): Promise<void> {
    assertSubject(subject);
    await this.finish(unit);
    const { remember = false, factor = 'pwd', keep = [] } = options;
    const before = unit.held?.record.subject;
    // What belonged to somebody else never crosses, whatever the list says.
    const data = before === undefined || before === subject ? unit.bag.carry(keep) : {};
    const now = await this.#context.time(unit);
    const factors = { [factor]: now };
    const draft = this.#context.draft(now, {
      subject,
      factors,
      persistent: remember,
      device: unit.device,
      data,
    });
    await this.#replace(unit, draft, keep, {
      proven: true,
      limit: this.#limit(subject, unit.held?.record.id),
    });
    this.#context.emit(unit, { type: 'login', factor, remember });
  }

  /** Rotates without grace, and starts the lifetime anew. */
  async relogin(unit: Unit, { factor = 'pwd', subject }: ReloginOptions = {}): Promise<void> {
    if (subject !== undefined && subject !== unit.held?.record.subject)
      return this.login(unit, subject, { factor });
    if (unit.lifecycle !== Lifecycle.Live || unit.held!.record.subject === undefined) throw notLoggedIn();
    while (!(await this.#prove(unit, factor))) await this.reload(unit);
    unit.fate = CookieFate.Set;
    unit.suspicious = false;
    unit.marks = false;
    this.#context.emit(unit, { type: 'relogin', factor });
    this.#context.emit(unit, { type: 'rotated' });
  }

  async #prove(unit: Unit, factor: string): Promise<boolean> {
    const { record } = unit.held!;
    const now = unit.now();
    const factors = proved(record.factors, factor, now);
    const head = { factors, createdAt: now, lastSeenAt: now, rotatedAt: now, device: unit.device };
    const rotate = { grace: this.#context.config.grace, honoured: false };
    const saved = await this.#context.keeper.save(
      unit.held!,
      { head, rotate },
      now,
      this.#context.ttl({ ...record, ...head }, now),
    );
    if (saved.outcome === 'gone') throw this.#lost(unit);
    if (saved.outcome === 'saved') unit.held = saved.held;
    return saved.outcome === 'saved';
  }

  /** Takes in what others made of the session meanwhile. */
  async reload(unit: Unit): Promise<void> {
    const opened = await this.#context.keeper.reload(unit.held!);
    if (opened.kind !== 'live') throw this.#lost(unit);
    unit.held = opened.held;
    unit.bag.rebase(opened.held.record.data);
  }

  /** A clean session under a new id, of the same subject with the same times. */
  async regenerate(unit: Unit, { keep = [] }: { keep?: readonly string[] } = {}): Promise<void> {
    await this.finish(unit);
    const data = unit.bag.carry(keep);
    if (unit.lifecycle !== Lifecycle.Live) return startOver(unit, data);
    const { subject, factors, createdAt, persistent, device } = unit.held!.record;
    const draft = this.#context.draft(unit.now(), { subject, factors, createdAt, persistent, device, data });
    await this.#replace(unit, draft, keep, { proven: false });
  }

  /**
   * Another session in place of the present one. The new one is made first: should the store fail in
   * between, the client still has the old one.
   */
  async #replace(
    unit: Unit,
    draft: SessionRecord,
    keep: readonly string[],
    { proven, limit }: Replacing,
  ): Promise<void> {
    const { keeper } = this.#context;
    const old = unit.lifecycle === Lifecycle.Live ? unit.held : undefined;
    const now = unit.now();
    const issued = await keeper.create(draft, this.#context.ttl(draft, now), unit.client, limit);
    let { held } = issued;
    if (old) {
      const last = await this.#retire(old, held);
      // A logout that came first stands; only a login, which proves the user anew, goes on without the old one.
      if (!last && !proven) {
        await keeper.destroy(held);
        throw this.#lost(unit);
      }
      if (last) held = await this.#catchUp(held, keep, old.record, last, now);
    }
    unit.adopt(held);
    for (const evicted of issued.evicted) this.#context.ended(evicted, 'evicted');
    this.#context.emit(unit, { type: 'created' });
  }

  async #retire(old: Held, successor: Held): Promise<SessionRecord | undefined> {
    try {
      return await this.#context.destroy(old, 'replaced', {
        epitaph: 'replaced',
        linger: this.#context.config.grace,
      });
    } catch (error) {
      // No half success: the new session is nobody's, so it goes too, if the store lets it.
      await this.#context.keeper.destroy(successor).catch(() => undefined);
      throw error;
    }
  }

  /** Brings over what another request wrote into the old session between our reading and its end. */
  async #catchUp(
    held: Held,
    keep: readonly string[],
    read: SessionRecord,
    last: SessionRecord,
    now: number,
  ): Promise<Held> {
    const carried = held.record.data;
    const late = keep.filter((key) => last.data[key] !== read.data[key] && carried[key] === read.data[key]);
    if (late.length === 0 || (read.subject !== undefined && read.subject !== held.record.subject))
      return held;
    const set: Record<string, string> = {};
    for (const key of late) if (last.data[key] !== undefined) set[key] = last.data[key];
    const remove = late.filter((key) => last.data[key] === undefined);
    const saved = await this.#context.keeper.save(held, { data: { set, remove } }, now);
    return saved.outcome === 'saved' ? saved.held : held;
  }

  #limit(subject: string, replaces: string | undefined): SessionLimit | undefined {
    const max = this.#context.config.maxSessions?.(subject);
    if (max === undefined) return undefined;
    return { max, onExceeded: this.#context.config.onExceeded, replaces, linger: EVICTED_LINGER };
  }

  /** Ends the session of this request. Idempotent: without one, only the cookie is taken away. */
  async end(unit: Unit, reason: 'logout' | 'cleared', everywhere = false): Promise<void> {
    if (unit.lifecycle === Lifecycle.Ended && !unit.held) return;
    unit.conclude({ reason, everywhere });
    await this.finish(unit);
  }

  /** Takes to the store what {@link Unit.conclude} began. Repeated until the store has confirmed it. */
  async finish(unit: Unit): Promise<void> {
    const { held, conclusion } = unit;
    if (!held || !conclusion) return;
    const { subject } = held.record;
    await this.#context.destroy(held, conclusion.reason);
    if (conclusion.everywhere && subject !== undefined) await this.revokeAll(subject, [], conclusion.reason);
    unit.held = undefined;
  }

  /** The live sessions of a subject, the latest first. */
  async list(subject: string): Promise<SessionRecord[]> {
    assertSubject(subject);
    const [records, now] = await Promise.all([
      this.#context.keeper.list(subject),
      this.#context.keeper.now(),
    ]);
    return records
      .filter((record) => this.#context.standing(record, now) === Standing.Live)
      .sort((a, b) => b.lastSeenAt - a.lastSeenAt);
  }

  /** Ends the session of an id; with `subject` only if it is theirs. */
  async revoke(id: string, subject?: string): Promise<number> {
    const ended = await this.#context.keeper.destroyById(id, subject);
    for (const session of ended) this.#context.ended(session, 'revoked');
    return ended.length;
  }

  async revokeAll(
    subject: string,
    except: readonly string[],
    reason: EndReason = 'revoked',
  ): Promise<number> {
    assertSubject(subject);
    const ended = await this.#context.keeper.destroyAll(subject, except);
    for (const session of ended) this.#context.ended(session, reason);
    return ended.length;
  }

  #lost(unit: Unit): SessionError {
    unit.lose();
    return sessionEnded();
  }
}

interface Replacing {
  /** Whether the user proved themselves just now, so that the old session need not be alive any more. */
  proven: boolean;
  limit?: SessionLimit;
}

function startOver(unit: Unit, data: Record<string, string>): void {
  unit.begin();
  for (const [key, text] of Object.entries(data)) unit.bag.proxy[key] = JSON.parse(text) as unknown;
}

function notLoggedIn(): SessionError {
  return new SessionError(
    'ERR_NOT_LOGGED_IN',
    'relogin() needs a session that is logged in. Call login(subject), or guard the handler with LoginGuard.',
  );
}
