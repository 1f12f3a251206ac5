import type { EngineContext } from './engine-context.js';
import { isUnavailable, sessionEnded, SessionError } from '../util/errors.js';
import type { EndReason } from '../events/events.js';
import type { Change, Held } from '../storage/backend.js';
import { proved, Standing } from '../model/policy.js';
import type { SessionRecord } from '../model/record.js';
import type { SessionLimit } from '../storage/store.js';
import { assertSubject } from '../model/subject.js';
import { CookieFate, Lifecycle, type Unit } from './request-state.js';

export interface LoginOptions {
  /** A persistent cookie with the limits of the option `remember`. @default false */
  remember?: boolean;
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** Keys of the anonymous session's data that may cross. @default none */
  keep?: readonly string[];
  /**
   * When the user proved who they are, if that was before this call and elsewhere: a date, or milliseconds since the
   * epoch. The re-login window counts from then, and a revocation of all sessions that came later refuses the login.
   * @default now
   */
  authenticatedAt?: Date | number;
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

  /**
   * Another session in place of the present one. The new one is made first: should the store fail in between, the
   * client still has the old one.
   */
  async login(unit: Unit, subject: string, options: LoginOptions = {}): Promise<void> {
    assertSubject(subject);
    // The user proved themselves before this call: what is revoked from here on includes this login.
    const proof = this.#context.keeper.proof(subject);
    const claimed = timeOf(options.authenticatedAt);
    await this.finish(unit);
    const { remember = false, factor = 'pwd', keep = [] } = options;
    const before = unit.held?.record.subject;
    // What belonged to somebody else never crosses, whatever the list says.
    const data = before === undefined || before === subject ? unit.bag.carry(keep) : {};
    const now = await this.#context.time(unit);
    const provedAt = Math.min(proof(unit.skew!), claimed);
    const draft = this.#context.draft(now, {
      subject,
      factors: { [factor]: Math.min(now, Math.floor(provedAt)) },
      persistent: remember,
      device: unit.device,
      data,
    });
    await this.#replace(unit, draft, keep, {
      provedAt,
      limit: this.#limit(subject, unit.held?.record.id ?? unit.former?.held.record.id),
    });
    this.#context.emit(unit, { type: 'login', factor, remember });
  }

  /** Rotates without grace, and starts the lifetime anew. */
  async relogin(unit: Unit, { factor = 'pwd', subject }: ReloginOptions = {}): Promise<void> {
    if (subject !== undefined && subject !== unit.held?.record.subject)
      return this.login(unit, subject, { factor });
    if (unit.lifecycle !== Lifecycle.Live || unit.held!.record.subject === undefined) throw notLoggedIn();
    // As of this call, however often it takes: what was revoked since includes this session.
    const provedAt = unit.now();
    while (!(await this.#prove(unit, factor, provedAt))) await this.reload(unit);
    unit.fate = CookieFate.Set;
    unit.suspicious = false;
    unit.marks = false;
    this.#context.emit(unit, { type: 'relogin', factor });
    this.#context.emit(unit, { type: 'rotated' });
  }

  async #prove(unit: Unit, factor: string, provedAt: number): Promise<boolean> {
    const { record } = unit.held!;
    const now = unit.now();
    const factors = proved(record.factors, factor, provedAt);
    const head = { factors, createdAt: provedAt, lastSeenAt: now, rotatedAt: now, device: unit.device };
    return this.#rotate(unit, { head }, now);
  }

  /** A new secret, and the old one opens nothing from now on. False where another request was faster. */
  async #rotate(unit: Unit, change: Change, now: number): Promise<boolean> {
    const held = unit.held!;
    const rotate = this.#context.rotation(unit, false);
    const ttl = this.#context.ttl({ ...held.record, ...change.head }, now);
    const saved = await this.#context.keeper.save(held, { ...change, rotate }, now, ttl);
    if (saved.outcome === 'gone') throw this.#lost(unit);
    if (saved.outcome === 'conflict') return false;
    unit.held = saved.held;
    unit.confirms = false;
    return true;
  }

  /** Takes in what others made of the session meanwhile. @throws SessionError `ERR_SESSION_ENDED` */
  async reload(unit: Unit): Promise<void> {
    if (!(await this.catchUp(unit))) throw this.#lost(unit);
  }

  /** As {@link reload}; false where the session is no more. */
  async catchUp(unit: Unit): Promise<boolean> {
    const before = unit.held;
    const held = before && (await this.#context.keeper.reload(before));
    // A login that came between is none of what was reloaded.
    if (unit.held !== before) return unit.held !== undefined;
    if (!held) return false;
    unit.held = held;
    // A rotation that came between is for those to confirm who present its own successor.
    unit.confirms &&= unit.presentsCurrent && held.record.previous?.pending === true;
    unit.bag.rebase(held.record.data);
    return true;
  }

  /**
   * A new secret and clean data in the same record, by one commit: so whoever ends the session meanwhile, by its id
   * or by its subject, ends what comes of it.
   */
  async regenerate(unit: Unit, { keep = [] }: { keep?: readonly string[] } = {}): Promise<void> {
    await this.finish(unit);
    if (unit.lifecycle !== Lifecycle.Live) return startOver(unit, unit.bag.carry(keep));
    while (!(await this.#renew(unit, keep))) await this.reload(unit);
    unit.fate = CookieFate.Set;
    unit.bag.reset(unit.held!.record.data);
    this.#context.emit(unit, { type: 'regenerated' });
    this.#context.emit(unit, { type: 'rotated' });
  }

  /** Only if nobody wrote data meanwhile: a key that is kept is kept as it is last. */
  #renew(unit: Unit, keep: readonly string[]): Promise<boolean> {
    const { data } = unit.held!.record;
    const set = unit.bag.carry(keep);
    for (const [key, text] of Object.entries(set)) if (text !== data[key]) unit.bag.assertValid(key, text);
    const remove = Object.keys(data).filter((key) => !Object.hasOwn(set, key));
    const now = unit.now();
    const head = { lastSeenAt: now, rotatedAt: now };
    return this.#rotate(unit, { data: { set, remove }, head, exclusive: true }, now);
  }

  async #replace(
    unit: Unit,
    draft: SessionRecord,
    keep: readonly string[],
    terms: { provedAt: number; limit: SessionLimit | undefined },
  ): Promise<void> {
    const { keeper } = this.#context;
    const live = unit.lifecycle === Lifecycle.Live ? unit.held : undefined;
    const now = unit.now();
    const issued = await keeper.create(draft, this.#context.ttl(draft, now), unit.client, terms);
    let { held } = issued;
    for (const old of [unit.former?.held, live])
      if (old) held = await this.#succeed(held, old, live, keep, now);
    unit.adopt(held);
    for (const evicted of issued.evicted) this.#context.ended(evicted, 'evicted');
    this.#context.emit(unit, { type: 'created' });
  }

  /** Ends the session whose place the new one takes. */
  async #succeed(
    held: Held,
    old: Held,
    live: Held | undefined,
    keep: readonly string[],
    now: number,
  ): Promise<Held> {
    try {
      const word = { epitaph: 'replaced', linger: this.#context.config.grace } as const;
      // It may have ended meanwhile: the user has proved themselves anew, so this goes on without it.
      const last = await this.#context.destroy(old, 'replaced', word);
      return last && old === live ? await this.#bringOver(held, keep, live.record, last, now) : held;
    } catch (error) {
      // No half success: the new session is nobody's, so it goes too, if the store lets it.
      await this.#context.keeper.destroy(held).catch(() => undefined);
      throw error;
    }
  }

  /** What another request wrote into the old session between our reading and its end. */
  async #bringOver(
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

  /** Ends the session of this request. Idempotent: without one, nothing happens. */
  async end(unit: Unit, reason: 'logout' | 'cleared', everywhere = false): Promise<void> {
    if (unit.lifecycle === Lifecycle.Ended && !unit.held && !unit.former) return;
    unit.conclude({ reason, everywhere });
    await this.finish(unit);
  }

  /**
   * Takes to the store what {@link Unit.conclude} began. Repeated until the store has confirmed it.
   *
   * Whoever has a token that opens the session no more may still end it, so that no logout is answered as if it had
   * succeeded while the session goes on. But a token whose time is over may have been kept by anybody: it ends
   * nothing else.
   *
   * @throws SessionError `ERR_SESSION_ENDED` where `everywhere` was asked for by such a token
   */
  async finish(unit: Unit): Promise<void> {
    const { held, former, conclusion } = unit;
    if (!conclusion || !(held ?? former)) return;
    const subject = held?.record.subject ?? former?.held.record.subject;
    const everywhere = conclusion.everywhere && subject !== undefined;
    const entitled = held?.record.subject !== undefined || (former?.everywhere ?? false);
    const own = [held, former?.held].filter((one) => one !== undefined);
    if (everywhere && entitled) await this.#endOthers(unit, subject, own, conclusion.reason);
    for (const one of own) await this.#context.destroy(one, conclusion.reason);
    unit.held = undefined;
    unit.former = undefined;
    if (everywhere && !entitled) throw sessionEnded();
  }

  /**
   * Before the session of this request. Where it fails the client keeps its cookie, so that asking once more ends the
   * others, and is not answered as a success for want of a session.
   */
  async #endOthers(unit: Unit, subject: string, own: readonly Held[], reason: EndReason): Promise<void> {
    try {
      await this.revokeAll(
        subject,
        own.map(({ record }) => record.id),
        reason,
      );
    } catch (error) {
      // What cannot be done at all is not better for being asked again.
      if (isUnavailable(error)) {
        unit.fate = CookieFate.Keep;
        unit.forget = false;
      }
      throw error;
    }
    unit.fate = CookieFate.Expire;
    unit.forget = reason === 'logout';
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
    let count = 0;
    await this.#context.keeper.destroyAll(subject, except, (session) => {
      count++;
      this.#context.ended(session, reason);
    });
    return count;
  }

  #lost(unit: Unit): SessionError {
    unit.lose();
    return sessionEnded();
  }
}

function startOver(unit: Unit, data: Record<string, string>): void {
  unit.begin();
  for (const [key, text] of Object.entries(data)) unit.bag.proxy[key] = JSON.parse(text) as unknown;
}

/** @throws SessionError `ERR_OPTIONS` for what is no time */
function timeOf(authenticatedAt: Date | number | undefined): number {
  if (authenticatedAt === undefined) return Infinity;
  const time = Number(authenticatedAt);
  if (Number.isFinite(time) && time > 0) return time;
  throw new SessionError(
    'ERR_OPTIONS',
    'login(): authenticatedAt is the time at which the user proved who they are: a Date, or milliseconds since the epoch.',
  );
}

function notLoggedIn(): SessionError {
  return new SessionError(
    'ERR_NOT_LOGGED_IN',
    'relogin() needs a session that is logged in. Call login(subject), or guard the handler with LoginGuard.',
  );
}
