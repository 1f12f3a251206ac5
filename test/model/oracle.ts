import type { RecordDelta, SessionRecord } from '../../lib/core/model/record.js';
import type { CommitResult, CreateResult, EndedRecord, LoadedRecord } from '../../lib/core/storage/store.js';
import { isSessionError } from '../../lib/core/util/errors.js';
import { GRACE, IDLE, LIFETIME, ROTATE_EVERY, type Op } from './scenario.js';

/** What must hold. */
export type Invariant =
  | 'writes' // acknowledged writes live as long as their session
  | 'counts' // update() counts exactly
  | 'endings' // after an acknowledged ending nothing of the session opens anything
  | 'successor' // one live successor of a rotation, and its predecessor is good for no longer than it should be
  | 'alarms' // no alarm, and no session lost, where every token was pending or within its grace
  | 'theft' // a predecessor after its grace is noticed
  | 'answers' // no 2xx that lies, and no refusal without a reason
  | 'orphans' // a login that failed leaves no session
  | 'listed' // what is alive is listed
  | 'identity'; // nobody gets, reads, lists or ends another's session

export class Violation extends Error {
  constructor(
    readonly invariant: Invariant,
    message: string,
  ) {
    super(`${invariant}: ${message}`);
  }
}

/** The longest that a rotation may be pending, in milliseconds. */
const PENDING = Math.min(IDLE, 24 * 60 * 60 * 1000);

/** One request, as the model knows it. */
export interface Actor {
  name: string;
  op: Op;
  subject: string;
  /** The steps of the scheduler at which it was sent, and acted. */
  start: number;
  acted: number;
  /** What it presented. */
  token: Token | undefined;
  /** What the store said of that token's session. */
  seen: Seen | undefined;
  /** The re-logins and regenerates that each session had when this request last saw it. */
  epochs: Map<string, number>;
  /** Store calls that failed under it. */
  faults: number;
  alarmed: boolean;
  /** It came with a token, genuine whatever its age, of a session that was there. */
  entitled: boolean;
  /** What its writes are to come to if they are acknowledged. */
  attempts: Attempt[];
  /** The sessions that it made. */
  made: Set<string>;
  /** The ids that a revoke names, or spares. */
  named: Set<string>;
  revocation: Revocation | undefined;
  /** When it last began to save, by the clock. */
  savedAt: number;
  /** The data of its session as it was opened. */
  read: Readonly<Record<string, string>> | undefined;
}

export interface Token {
  id: string;
  hash: string;
  /** As in the cookie. */
  value: string;
}

interface Seen {
  record: SessionRecord | undefined;
  step: number;
  /** The link of the present secret at that time. */
  tip: Link | undefined;
}

/** From a step to another; it may have had its effect at any time between. */
export interface Attempt {
  begin: number;
  /** Infinity until it is acknowledged. */
  end: number;
}

export interface Write extends Attempt {
  key: string;
  text: string;
}

export interface Drop extends Attempt {
  kept: ReadonlySet<string>;
}

/** A secret that a session had. Times are milliseconds of the clock. */
export interface Link {
  hash: string;
  index: number;
  since: number;
  replaced?: { at: number; honoured: boolean; step: number };
  /** Of sealed cookies: the number of the list's write that made it, and who wrote it. */
  write?: { seq: number; by: Actor };
  /** When a request that came with it was opened first. */
  presented?: number;
  /** When such a request was answered first without any trouble, so that the store knows. */
  confirmed?: { at: number; step: number; seq: number };
}

/** An ending that was acknowledged: the step, and of sealed cookies the number of the list's last write by then. */
interface Ack {
  step: number;
  seq: number;
}

interface Revocation {
  subject: string;
  begin: number;
  ack: Ack | undefined;
  spared: ReadonlySet<string>;
}

/** All that is known of a session from what went through the store. */
export class SessionView {
  readonly chain: Link[] = [];
  readonly writes: Write[] = [];
  readonly drops: Drop[] = [];
  readonly updates: Attempt[] = [];
  alive = true;
  /** When the ending of this one session was acknowledged. */
  ended: Ack | undefined;
  /** The steps at which its subject proved itself, or tried to. */
  readonly proofs: number[] = [];
  /** What it came out of without a proof. */
  parent: SessionView | undefined;
  epoch = 0;
  /** What it had counted when it was made. */
  base = 0;
  issued = false;
  lastSeenAt: number;
  startedAt: number;
  /** The last step at which a request under way extended it although its time was over. */
  extended = -Infinity;

  constructor(
    readonly name: string,
    readonly id: string,
    readonly subject: string | undefined,
    readonly maker: Actor,
    record: SessionRecord,
  ) {
    this.lastSeenAt = record.lastSeenAt;
    this.startedAt = record.startedAt;
    this.chain.push({ hash: record.secretHash, index: 0, since: record.createdAt });
  }

  get tip(): Link {
    return this.chain[this.chain.length - 1]!;
  }

  link(hash: string): Link | undefined {
    return this.chain.find((link) => link.hash === hash);
  }

  after({ index }: Link): Link[] {
    return this.chain.slice(index + 1);
  }

  expired(now: number): boolean {
    return now >= this.lastSeenAt + IDLE || now >= this.startedAt + LIFETIME;
  }
}

/** Watches the store, the requests and their answers, and holds the first thing that must not be. */
export class Oracle {
  readonly sessions = new Map<string, SessionView>();
  protected readonly revocations: Revocation[] = [];
  /** Writes to sessions that are not there yet, by id. */
  readonly #early = new Map<string, { writes: Write[]; updates: Attempt[] }>();
  protected readonly stored = new Set<string>();
  /** Whose session a text was written to first. */
  protected readonly owners = new Map<string, string>();
  protected readonly now: () => number;
  violation: Violation | undefined;
  step = 0;

  constructor(now: () => number) {
    this.now = now;
  }

  fail(invariant: Invariant, message: string): void {
    this.violation ??= new Violation(invariant, message);
  }

  /** A call fails. */
  failed(): void {
    // The requests know it.
  }

  nameOf(id: string): string {
    return this.sessions.get(id)?.name ?? (id === '' ? 'nobody' : 'an unknown session');
  }

  // What goes through the store.

  created(actor: Actor, record: SessionRecord, { outcome }: CreateResult): void {
    if (outcome !== 'created') return;
    if (this.sessions.has(record.id)) {
      this.fail('endings', `${this.nameOf(record.id)} was created a second time`);
      return;
    }
    const view = new SessionView(`S${this.sessions.size + 1}`, record.id, record.subject, actor, record);
    this.sessions.set(record.id, view);
    actor.made.add(record.id);
    actor.epochs.set(record.id, 0);
    if (actor.op.kind === 'login') view.proofs.push(actor.acted);
    if (actor.op.kind === 'regenerate' && actor.token) {
      view.parent = this.sessions.get(actor.token.id);
      view.proofs.push(...(view.parent?.proofs ?? []));
    }
    const early = this.#early.get(record.id);
    if (early) {
      view.writes.push(...early.writes);
      view.updates.push(...early.updates);
    }
    this.#wrote(actor, view, record.data);
  }

  /** What a login or regenerate took over counts as written by it. */
  #wrote(
    actor: Actor,
    view: SessionView,
    set: Readonly<Record<string, string>>,
    remove: readonly string[] = [],
  ): void {
    if (actor.made.has(view.id)) {
      if (remove.includes('n')) view.base = 0;
      const rest = view.writes.filter(({ key, begin }) => begin !== actor.start || !remove.includes(key));
      view.writes.splice(0, Infinity, ...rest);
    }
    for (const [key, text] of Object.entries(set)) {
      this.stored.add(text);
      const owner = this.owners.get(text);
      if (owner !== undefined && owner !== view.subject)
        this.fail('identity', `${view.name} has ${text}, which belongs to another user`);
      if (!actor.made.has(view.id) || (actor.op.kind !== 'login' && actor.op.kind !== 'regenerate')) continue;
      if (key === 'n') view.base = Number(text);
      else view.writes.push({ key, text, begin: actor.start, end: this.step });
    }
  }

  loaded(actor: Actor, id: string, found: LoadedRecord | EndedRecord | undefined): void {
    if (actor.seen || actor.token?.id !== id) return;
    const view = this.sessions.get(id);
    const record = found && 'record' in found ? found.record : undefined;
    actor.seen = { record, step: this.step, tip: view?.tip };
    if (!view) return;
    actor.epochs.set(id, view.epoch);
    // The model hears of a handshake when its confirmation is done, and that may take any time.
    const link = actor.op.kind === 'socket' ? view.link(actor.token.hash) : undefined;
    if (link) link.presented ??= this.now();
  }

  /** @param calledAt when the store was called, which is when what it was told was true */
  committed(actor: Actor, id: string, delta: RecordDelta, { outcome }: CommitResult, calledAt: number): void {
    if (outcome !== 'saved') return;
    const view = this.sessions.get(id);
    if (!view?.alive)
      return this.fail('endings', `a commit was saved in ${this.nameOf(id)}, which had ended`);
    const known = actor.epochs.get(id);
    if (known !== undefined && known !== view.epoch) {
      this.fail(
        'endings',
        `${actor.name} wrote into ${view.name} although its token was replaced by a re-login or regenerate`,
      );
    }
    if (delta.head?.lastSeenAt !== undefined) view.lastSeenAt = delta.head.lastSeenAt;
    if (delta.head?.startedAt !== undefined) view.startedAt = delta.head.startedAt;
    this.#wrote(actor, view, delta.set ?? {}, delta.remove);
    if (delta.rotate) this.#rotated(actor, view, delta.rotate, calledAt);
  }

  #rotated(actor: Actor, view: SessionView, rotate: NonNullable<RecordDelta['rotate']>, at: number): void {
    const { tip } = view;
    const { honoured } = rotate.previous;
    if (rotate.from !== tip.hash) this.fail('successor', `${view.name} got a second successor of one secret`);
    if (honoured && (actor.op.kind === 'relogin' || actor.op.kind === 'regenerate'))
      this.fail('endings', `the predecessor of a ${actor.op.kind} of ${view.name} is honoured`);
    if (honoured && at - tip.since < ROTATE_EVERY)
      this.fail('successor', `${view.name} was rotated ${at - tip.since} ms after the rotation before`);
    if (honoured && tip.index > 0 && tip.presented === undefined)
      this.fail('successor', `${view.name} was rotated while the rotation before was pending`);
    tip.replaced = { at, honoured, step: this.step };
    view.chain.push({ hash: rotate.to, index: tip.index + 1, since: at });
    if (honoured) return;
    view.epoch++;
    actor.epochs.set(view.id, view.epoch);
  }

  destroyed(actor: Actor, id: string, last: SessionRecord | undefined): void {
    const view = this.sessions.get(id);
    if (!last || !view) return;
    view.alive = false;
    this.endedBy(actor, view);
  }

  protected endedBy(actor: Actor, view: SessionView): void {
    if (this.mayEnd(actor, view)) return;
    const foreign = view.subject !== actor.subject && actor.token?.id !== view.id;
    this.fail(foreign ? 'identity' : 'alarms', `${actor.name} ended ${view.name} without a cause`);
  }

  protected mayEnd(actor: Actor, view: SessionView): boolean {
    const { op, token, made, named, subject } = actor;
    const own = token?.id === view.id;
    const expired = own && actor.seen?.record !== undefined && this.isExpired(actor.seen.record);
    if (expired || view.expired(this.now()) || made.has(view.id)) return true;
    const link = own ? view.link(token.hash) : undefined;
    if (link && this.alarmIsDue(view, link, actor.seen?.step ?? this.step)) return true;
    switch (op.kind) {
      case 'logout':
      case '@Logout':
      case 'clear':
      case 'login':
        return own;
      case 'everywhere':
      case '@Logout everywhere':
        return own || view.subject === subject;
      case 'revoke':
        return named.has(view.id) && view.subject === subject;
      case 'revokeAll':
      case 'others':
        return view.subject === subject && !named.has(view.id);
      case 'regenerate':
        // Whether it may be another record is for the other invariants to say.
        return own;
      default:
        return false;
    }
  }

  protected isExpired({ lastSeenAt, startedAt }: SessionRecord): boolean {
    return this.now() >= lastSeenAt + IDLE || this.now() >= startedAt + LIFETIME;
  }

  // What requests come with, and what comes of it.

  alarm(actor: Actor | undefined, id: string): void {
    const view = this.sessions.get(id);
    if (!actor || !view || actor.token?.id !== id)
      return this.fail('alarms', `an alarm about ${this.nameOf(id)} that nobody presented`);
    actor.alarmed = true;
    const link = view.link(actor.token.hash);
    if (!link || !this.alarmIsDue(view, link, actor.seen?.step ?? this.step))
      this.fail(
        'alarms',
        `${actor.name} was taken for a thief with token ${String(link?.index)} of ${view.name}`,
      );
  }

  /**
   * Whether what followed was presented and the grace is over, and the token was not valid within the last grace.
   *
   * @param step when the request read the session: a rotation that came later gives no other grace
   */
  protected alarmIsDue(view: SessionView, link: Link, step: number): boolean {
    const now = this.now();
    const presented = view.after(link).map((one) => one.presented ?? Infinity);
    if (!(now >= Math.min(...presented) + GRACE)) return false;
    const { replaced } = link;
    const next = view.chain[link.index + 1]?.replaced;
    if (!replaced?.honoured || !next || next.step > step) return true;
    const goodTill = this.honouredTill(view, link);
    return next.at >= goodTill || now >= next.at + GRACE;
  }

  /** Till when a predecessor opens the session at least, if no other rotation comes. */
  protected honouredTill(view: SessionView, { replaced, index }: Link): number {
    const lapse = replaced!.at + PENDING;
    const { presented } = view.chain[index + 1]!;
    return presented !== undefined && presented < lapse ? presented + GRACE : lapse;
  }

  /** @param record of the session that was opened, if one was */
  opened(actor: Actor, record: SessionRecord | undefined, failure: unknown): void {
    const { token } = actor;
    const live = record !== undefined;
    const view = token && this.sessions.get(token.id);
    this.identifies(actor, record);
    if (failure !== undefined) {
      if (actor.faults === 0) this.fail('answers', `${actor.name} was refused: ${String(failure)}`);
      return;
    }
    if (!token || !view) return;
    if (live && this.mustBeDead(view, actor.start))
      this.fail('endings', `${actor.name} opened ${view.name}, whose ending was acknowledged before`);
    const link = view.link(token.hash);
    if (!link) return;
    actor.entitled = actor.seen?.record !== undefined && !this.isExpired(actor.seen.record);
    this.#judge(actor, view, link, live);
    if (!live) return;
    link.presented ??= this.now();
  }

  protected identifies({ name, token }: Actor, record: SessionRecord | undefined): void {
    const view = token && this.sessions.get(token.id);
    if (record && (record.id !== token?.id || record.subject !== view?.subject))
      this.fail('identity', `${name} opened ${this.nameOf(record.id)}, which is not that of its token`);
  }

  #judge(actor: Actor, view: SessionView, link: Link, live: boolean): void {
    const { seen } = actor;
    if (!seen?.record || !seen.tip || this.isExpired(seen.record)) return;
    const tip = seen.tip;
    const which = `token ${link.index} of ${view.name}, where ${tip.index} is the present one`;
    if (live && !this.#mayOpen(view, link, tip, seen.step))
      this.fail('successor', `${actor.name} opened a session with ${which}`);
    // A handshake tells the store that it came, so it may hear that the session is over, or has another token by now.
    const changed = !view.alive || actor.epochs.get(view.id) !== view.epoch;
    const overtaken = actor.op.kind === 'socket' && changed;
    if (!live && !overtaken && this.#mustOpen(view, link, tip))
      this.fail('alarms', `${actor.name} was refused with ${which}`);
    if (!live && link !== tip && !actor.alarmed && this.isSurelyReused(tip, seen.step))
      this.fail('theft', `${actor.name} reused ${which}, and nobody noticed`);
  }

  #mustOpen(view: SessionView, link: Link, tip: Link): boolean {
    if (link === tip) return true;
    if (link.index !== tip.index - 1 || !link.replaced!.honoured) return false;
    return this.now() < this.honouredTill(view, link);
  }

  #mayOpen(view: SessionView, link: Link, tip: Link, step: number): boolean {
    if (link === tip) return true;
    const { replaced } = link;
    if (link.index !== tip.index - 1 || !replaced?.honoured) return false;
    if (tip.presented === undefined) return this.now() < replaced.at + PENDING;
    return !this.isSurelyReused(tip, step);
  }

  protected isSurelyReused({ confirmed, since }: Link, step: number): boolean {
    return (
      confirmed !== undefined && confirmed.step < step && this.now() >= Math.max(confirmed.at, since) + GRACE
    );
  }

  /** @param known the last write of the list that the node has read, of sealed cookies */
  mustBeDead(view: SessionView, step: number, known = Infinity): boolean {
    const isOver = (ack: Ack | undefined): boolean =>
      ack !== undefined && ack.step < step && ack.seq <= known;
    if (isOver(view.ended)) return true;
    if (view.parent && this.mustBeDead(view.parent, step, known)) return true;
    const proved = Math.max(-Infinity, ...view.proofs);
    return this.revocations.some(
      ({ subject, begin, ack, spared }) =>
        subject === view.subject && isOver(ack) && proved < begin && !spared.has(view.id),
    );
  }

  /** The number of the last write of the list, of sealed cookies. */
  protected head(): number {
    return 0;
  }

  // What requests do.

  writes(actor: Actor, id: string, key: string, text: string): void {
    const write: Write = { key, text, begin: actor.start, end: Infinity };
    actor.attempts.push(write);
    this.owners.set(text, actor.subject);
    (this.sessions.get(id) ?? this.#toCome(id)).writes.push(write);
  }

  updates(id: string): Attempt {
    const update = { begin: this.step, end: Infinity };
    (this.sessions.get(id) ?? this.#toCome(id)).updates.push(update);
    return update;
  }

  #toCome(id: string): { writes: Write[]; updates: Attempt[] } {
    let early = this.#early.get(id);
    if (!early) this.#early.set(id, (early = { writes: [], updates: [] }));
    return early;
  }

  drops(actor: Actor, id: string, kept: readonly string[]): void {
    const drop: Drop = { begin: this.step, end: Infinity, kept: new Set(kept) };
    actor.attempts.push(drop);
    this.sessions.get(id)?.drops.push(drop);
  }

  proves(id: string): void {
    this.sessions.get(id)?.proofs.push(this.step);
  }

  revokes(actor: Actor, spared: readonly string[] = []): void {
    for (const id of spared) actor.named.add(id);
    actor.revocation = { subject: actor.subject, begin: this.step, ack: undefined, spared: new Set(spared) };
    this.revocations.push(actor.revocation);
  }

  /** A revoke found no session: it claims nothing of one whose time was over meanwhile, which a request under way may still extend. */
  revokedNone(actor: Actor, id: string): void {
    const view = this.sessions.get(id);
    if (view && (view.expired(this.now()) || view.extended >= actor.start)) actor.named.delete(id);
  }

  /** A 2xx: what it says must be so. @param issued the token in its cookie */
  acknowledged(actor: Actor, issued?: Token): void {
    for (const attempt of actor.attempts) {
      attempt.end = this.step;
      if ('text' in attempt && !this.keeps(actor, attempt as Write, issued))
        this.fail('answers', `${actor.name} was told that its write is stored`);
    }
    if (actor.revocation && (actor.entitled || actor.op.kind === 'revokeAll'))
      actor.revocation.ack = { step: this.step, seq: this.head() };
    for (const id of this.#endedBy(actor)) {
      const view = this.sessions.get(id);
      if (!view || !this.mayClaim(actor, view)) continue;
      view.ended ??= { step: this.step, seq: this.head() };
      if (view.alive && !view.expired(this.now()))
        this.fail('answers', `${actor.name} was told that ${view.name} has ended`);
    }
  }

  /** A revoke of another's session is answered as one of a session that is not there. */
  protected mayClaim({ op, subject }: Actor, view: SessionView): boolean {
    return op.kind !== 'revoke' || view.subject === subject;
  }

  /** Whether an acknowledged write is kept. */
  protected keeps(_actor: Actor, { text }: Write, _issued: Token | undefined): boolean {
    return this.stored.has(text);
  }

  #endedBy({ op, token, named }: Actor): string[] {
    switch (op.kind) {
      case 'logout':
      case '@Logout':
      case 'clear':
      case 'everywhere':
      case '@Logout everywhere':
      case 'login':
        return token ? [token.id] : [];
      case 'revoke':
        return [...named];
      default:
        return [];
    }
  }

  answered(actor: Actor, issued: Token | undefined, live: boolean): void {
    const view = issued && this.sessions.get(issued.id);
    if (view) {
      view.issued = true;
      if (view.id !== actor.token?.id && !actor.made.has(view.id))
        this.fail(
          'identity',
          `${actor.name} was given a token of ${view.name}, which it neither had nor made`,
        );
      if (!view.link(issued.hash))
        this.fail('successor', `${actor.name} was given a token that ${view.name} never had`);
    }
    const own = actor.token && this.sessions.get(actor.token.id);
    const link = own?.link(actor.token!.hash);
    if (!own || !link || !live || actor.faults > 0) return;
    if (link === own.tip && this.confirms(actor, link))
      link.confirmed ??= { at: this.now(), step: this.step, seq: this.head() };
    if (
      own.chain[link.index + 1] === own.tip &&
      actor.seen?.tip === own.tip &&
      !issued &&
      actor.op.kind !== 'socket'
    )
      this.fail(
        'successor',
        `${actor.name} came with the predecessor and was not given the successor of ${own.name}`,
      );
  }

  /** Whether a response without any trouble means that the rotation to this token is confirmed. */
  protected confirms(_actor: Actor, _link: Link): boolean {
    return true;
  }

  refused(actor: Actor, id: string, error: unknown): void {
    const code = isSessionError(error) ? error.code : undefined;
    if (!this.mayRefuse(actor, id, code))
      this.fail(
        'answers',
        `${actor.name} was refused without a reason: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
      );
  }

  protected mayRefuse(actor: Actor, id: string, code: string | undefined): boolean {
    switch (code) {
      case 'ERR_STORE_UNAVAILABLE':
        return actor.faults > 0;
      case 'ERR_LOGIN_REVOKED':
        return this.wasRevoked(actor);
      case 'ERR_SESSION_ENDED': {
        const view = this.sessions.get(id);
        if (!view?.alive || view.expired(this.now())) return true;
        if (actor.epochs.get(id) !== view.epoch) return true;
        // Everywhere, by a token whose time is over.
        return actor.op.kind.endsWith('everywhere') && view.tip.hash !== actor.token?.hash;
      }
      default:
        return false;
    }
  }

  /** A token opens its session, and nothing is under way. */
  opensAtTheEnd({ id, hash }: Token): void {
    const view = this.sessions.get(id);
    if (view && this.mustBeDead(view, Infinity))
      this.fail(
        'endings',
        `token ${String(view.link(hash)?.index)} of ${view.name} opens it although its ending was acknowledged`,
      );
  }

  /** A session is in the list of a subject. */
  belongs(id: string, subject: string): void {
    const view = this.sessions.get(id);
    if (view && view.subject !== subject)
      this.fail('identity', `${view.name} is in the list of another user`);
  }

  /** Whether all sessions of its user were ended while it was under way. */
  protected wasRevoked(actor: Actor): boolean {
    return this.revocations.some(
      ({ subject, ack }) => subject === actor.subject && (ack === undefined || ack.step >= actor.acted),
    );
  }

  // At the end.

  /** @param listed whether the subject's list has it */
  settled(view: SessionView, record: SessionRecord | undefined, listed: boolean): void {
    if (!record) {
      if (view.alive && !view.expired(this.now()))
        this.fail('alarms', `${view.name} is gone without a cause`);
      return;
    }
    if (!view.alive) return this.fail('endings', `${view.name} is back`);
    if (this.isExpired(record)) return;
    if (this.mustBeDead(view, Infinity))
      this.fail('endings', `${view.name} lives although its ending was acknowledged`);
    if (view.subject !== undefined && !listed) this.fail('listed', `${view.name} is not listed`);
    if (!view.issued && view.maker.faults < 2)
      this.fail('orphans', `${view.name} was left by ${view.maker.name}`);
    for (const key of ['a', 'b']) this.#checkWrites(view, key, record.data[key]);
    this.#checkCount(view, Number(record.data['n'] ?? '0'));
  }

  #checkWrites(view: SessionView, key: string, text: string | undefined): void {
    const writes = view.writes.filter((write) => write.key === key);
    const drops = view.drops.filter(({ kept }) => !kept.has(key));
    const last = writes.find((write) => write.text === text);
    if (text !== undefined && !last) return;
    for (const write of writes) {
      if (write === last || write.end === Infinity) continue;
      const isOver = (later: Attempt): boolean => later.end >= write.begin;
      if (last ? !isOver(last) && !drops.some(isOver) : !drops.some(isOver))
        this.fail(
          'writes',
          `${view.name} lost ${write.text}, which was acknowledged, and has ${String(text)} under ${key}`,
        );
    }
    if (last && drops.some((drop) => drop.end < Infinity && last.end < drop.begin))
      this.fail('writes', `${view.name} has ${String(text)} under ${key} although a regenerate dropped it`);
  }

  #checkCount(view: SessionView, count: number): void {
    const drops = view.drops.filter(({ kept }) => !kept.has('n'));
    const dropped = Math.max(
      -Infinity,
      ...drops.filter(({ end }) => end < Infinity).map(({ begin }) => begin),
    );
    const mayDrop = Math.max(-Infinity, ...drops.map(({ end }) => end));
    const base = (when: number): number => (when > -Infinity ? 0 : view.base);
    const least =
      base(mayDrop) + view.updates.filter(({ begin, end }) => end < Infinity && begin > mayDrop).length;
    const most = base(dropped) + view.updates.filter(({ end }) => end >= dropped).length;
    if (count < least || count > most)
      this.fail(
        'counts',
        `${view.name} counted ${count}; from ${least} to ${most} were acknowledged or may have taken place`,
      );
  }
}
