import { subjectKey, ALL_VERSIONS } from '../../lib/revocations/revocation-list.js';
import type { SessionTerms, SubjectTerms, Revocation } from '../../lib/revocations/revocation-list.js';
import type { SessionRecord } from '../../lib/core/model/record.js';
import type { OpenResult } from '../../lib/core/storage/backend.js';
import type { SealedHandle } from '../../lib/stores/sealed/handle.js';
import type { Content } from '../../lib/stores/sealed/payload.js';
import { Oracle, SessionView, type Actor, type Link, type Token, type Write } from './oracle.js';
import { GRACE } from './scenario.js';

/** The numbers of writes of the list. */
interface ListState {
  /** The last one that each node has read. */
  readonly read: readonly number[];
  /** The last one. */
  head(): number;
}

/**
 * Over sealed cookies. What they do not promise: that of two writes at once both are kept, and that an ending is known to a node before
 * the node has read it. In return the cookie of a response has all that the response acknowledges.
 */
export class SealedOracle extends Oracle {
  readonly #contentOf: (token: Token) => Content;
  readonly #list: ListState;
  /** When each session began, as its revocations compare it. */
  readonly #issuedAt = new Map<string, number>();
  /** The logins that were begun, by the id of the session. */
  readonly #drafts = new Map<string, Actor>();
  /** The last write of the list that the node of a request had read when it opened the session. */
  readonly #knownTo = new Map<Actor, number>();
  /** Who ended sessions that the index listed before their cookies were issued. */
  readonly #endedDrafts = new Map<string, Actor>();
  readonly #ofSubjects: { rank: number; terms: SubjectTerms }[] = [];
  /** Whether a call failed: then an entry of the index may be left until it expires. */
  #hasFailed = false;
  /** The sessions that a cookie opens at the end. */
  readonly #open = new Set<string>();

  constructor(now: () => number, contentOf: (token: Token) => Content, list: ListState) {
    super(now);
    this.#contentOf = contentOf;
    this.#list = list;
  }

  /** What tells the tokens of a session that a rotation separates. */
  static hashOf(version: number): string {
    return `v${version}`;
  }

  override failed(): void {
    this.#hasFailed = true;
  }

  protected override head(): number {
    return this.#list.head();
  }

  // What the nodes do.

  creates(actor: Actor, id: string): void {
    this.#drafts.set(id, actor);
  }

  issues(actor: Actor, { id, record, issuedAt, subject }: Content): void {
    const view = new SessionView(`S${this.sessions.size + 1}`, id, subject, actor, record);
    view.tip.hash = SealedOracle.hashOf(0);
    this.sessions.set(id, view);
    this.#issuedAt.set(id, issuedAt);
    actor.made.add(id);
    actor.epochs.set(id, 0);
    if (actor.op.kind === 'login') view.proofs.push(actor.acted);
    this.#owns(view, record);
    const ender = this.#endedDrafts.get(id);
    if (ender) return this.#ends(ender, view);
    if (!this.#ofSubjects.some(({ rank, terms }) => this.#voids(view, rank, terms))) return;
    view.alive = false;
    if (!this.wasRevoked(actor))
      this.fail('alarms', `${view.name} was revoked before ${actor.name} had proved its user`);
  }

  /** @param before what the request held, and `after` what it gets */
  saved(actor: Actor, before: Content, { id, version, record }: Content): void {
    const view = this.sessions.get(id);
    if (!view) return this.fail('endings', `${actor.name} saved an unknown session`);
    if (view.expired(this.now())) view.extended = this.step;
    view.lastSeenAt = Math.max(view.lastSeenAt, record.lastSeenAt);
    view.startedAt = Math.max(view.startedAt, record.startedAt);
    this.#owns(view, record);
    const link = view.link(SealedOracle.hashOf(version));
    if (!link) return this.fail('successor', `${view.name} got a token that the list does not know`);
    const rotates = version > before.version && (isRenewal(actor) || link.write?.by === actor);
    if (rotates && link.write?.by !== actor)
      this.fail('successor', `${view.name} got a second successor of one token`);
  }

  #owns({ name, subject }: SessionView, { data }: SessionRecord): void {
    for (const text of Object.values(data)) {
      const owner = this.owners.get(text);
      if (owner !== undefined && owner !== subject)
        this.fail('identity', `${name} has ${text}, which belongs to another user`);
    }
  }

  // What the list is told.

  /** @param savedAt when the save began that called the list, if one did */
  revoked(actor: Actor, { rank, terms }: Revocation, seq: number, savedAt: number): void {
    if (terms.kind === 'subject') return this.#revokedAll(actor, rank, terms);
    const view = this.sessions.get(terms.id);
    if (!view) {
      if (rank === ALL_VERSIONS && this.#drafts.has(terms.id)) this.#endedDrafts.set(terms.id, actor);
      return;
    }
    if (rank === ALL_VERSIONS) this.#ends(actor, view);
    else if (rank > view.tip.index) this.#rotated({ actor, seq, savedAt }, view, rank, terms);
  }

  #revokedAll(actor: Actor, rank: number, terms: SubjectTerms): void {
    this.#ofSubjects.push({ rank, terms });
    for (const view of this.sessions.values()) if (this.#voids(view, rank, terms)) this.#ends(actor, view);
  }

  #voids({ id, subject }: SessionView, rank: number, { subject: key, except, only }: SubjectTerms): boolean {
    if (subject === undefined || subjectKey(subject) !== key) return false;
    return this.#issuedAt.get(id)! <= rank && (only ? only.includes(id) : !except.includes(id));
  }

  #ends(actor: Actor, view: SessionView): void {
    if (!view.alive) return;
    view.alive = false;
    this.endedBy(actor, view);
  }

  #rotated(
    { actor, seq, savedAt }: { actor: Actor; seq: number; savedAt: number },
    view: SessionView,
    rank: number,
    { honoured }: SessionTerms,
  ): void {
    const { tip } = view;
    if (rank !== tip.index + 1) this.fail('successor', `${view.name} skipped a version`);
    // A renewal that takes very long ends with a periodic rotation, of a token that nobody has.
    if (honoured && isRenewal(actor) && tip.write?.by !== actor)
      this.fail('endings', `the predecessor of a ${actor.op.kind} of ${view.name} is honoured`);
    tip.replaced = { at: savedAt, honoured, step: this.step };
    const hash = SealedOracle.hashOf(rank);
    view.chain.push({ hash, index: rank, since: this.now(), write: { seq, by: actor } });
    if (!honoured) view.epoch++;
  }

  // What requests come with.

  openedOn(node: number, actor: Actor, result: OpenResult<SealedHandle>): void {
    const { token } = actor;
    const view = token && this.sessions.get(token.id);
    const link = view?.link(token!.hash);
    if (!view || !link) return;
    this.#knownTo.set(actor, this.#list.read[node]!);
    const { record } = this.#contentOf(token);
    const isOver = this.#isExpired(token);
    const live = result.kind === 'live';
    const renewed = live && result.renewed;
    actor.seen = { record, step: this.step, tip: renewed ? view.tip : undefined };
    actor.read = live ? result.handle.record.data : undefined;
    actor.epochs.set(view.id, renewed ? view.epoch : epochOf(view, link));
    actor.entitled = view.alive && !isOver;
    const tip = this.#tipOn(node, view);
    if (live && isOver)
      this.fail('endings', `${actor.name} opened ${view.name} with a cookie that has expired`);
    if (live) this.#judgeOpen(node, actor, view, link, tip);
    else if (view.alive && !isOver) this.#judgeRejected(node, actor, view, link, tip, result.why);
  }

  /** The latest version that a node has read of. */
  #tipOn(node: number, { chain }: SessionView): Link {
    const known = this.#list.read[node]!;
    return chain.findLast(({ write }) => !write || write.seq <= known)!;
  }

  #judgeOpen(node: number, actor: Actor, view: SessionView, link: Link, tip: Link): void {
    link.presented ??= this.now();
    if (this.mustBeDead(view, actor.start, this.#list.read[node]))
      this.fail('endings', `${actor.name} opened ${view.name}, whose ending was acknowledged before`);
    if (link.index < tip.index && !this.#isHonoured(view, link, tip))
      this.fail('successor', `${actor.name} opened a session with ${told(view, link)}`);
  }

  #judgeRejected(node: number, actor: Actor, view: SessionView, link: Link, tip: Link, why: string): void {
    if (link === view.tip || this.#isHonoured(view, link, view.tip))
      this.fail('alarms', `${actor.name} was refused with ${told(view, link)}`);
    const isReused =
      tip === view.tip &&
      tip.confirmed !== undefined &&
      tip.confirmed.seq <= this.#list.read[node]! &&
      this.isSurelyReused(tip, actor.start);
    if (link !== tip && why !== 'reused' && isReused)
      this.fail('theft', `${actor.name} reused ${told(view, link)}, and nobody noticed`);
  }

  #isHonoured(view: SessionView, link: Link, tip: Link): boolean {
    const isLast = link.index === tip.index - 1 && link.replaced!.honoured;
    return isLast && this.now() < this.honouredTill(view, link);
  }

  /** From the rotation, whether or not the successor was presented. */
  protected override honouredTill(_view: SessionView, { replaced }: Link): number {
    return replaced!.at + GRACE;
  }

  override opened(actor: Actor, record: SessionRecord | undefined, failure: unknown): void {
    if (failure !== undefined) {
      if (actor.faults === 0) this.fail('answers', `${actor.name} was refused: ${String(failure)}`);
      return;
    }
    this.identifies(actor, record);
  }

  #isExpired(token: Token): boolean {
    const { expiresAt, endsAt } = this.#contentOf(token);
    return this.now() >= expiresAt || this.now() >= endsAt;
  }

  /** Only a node that knew of the rotation when it opened the session writes down that it is confirmed. */
  protected override confirms(actor: Actor, { write }: Link): boolean {
    return write === undefined || write.seq <= (this.#knownTo.get(actor) ?? -1);
  }

  protected override mayRefuse(actor: Actor, id: string, code: string | undefined): boolean {
    // Of a handshake no response could carry the cookie.
    if (code === 'ERR_NO_RESPONSE') return actor.op.kind === 'socket';
    if (code === 'ERR_SESSION_ENDED' && this.#isOutdated(actor, id)) return true;
    return super.mayRefuse(actor, id, code);
  }

  /** The time of its token is over by now. */
  #isOutdated({ token }: Actor, id: string): boolean {
    const view = this.sessions.get(id);
    const link = token?.id === id ? view?.link(token.hash) : undefined;
    return link?.replaced !== undefined && !this.#isHonoured(view!, link, view!.tip);
  }

  /** A cookie that has expired ends nothing, even if the session goes on in a later one. */
  protected override mayClaim(actor: Actor, view: SessionView): boolean {
    return super.mayClaim(actor, view) && (actor.op.kind === 'revoke' || actor.entitled);
  }

  // What a response acknowledges is in its cookie.

  /** Unless the session ended or was renewed meanwhile. */
  protected override keeps(actor: Actor, { key, text }: Write, issued: Token | undefined): boolean {
    if (issued) return this.#contentOf(issued).record.data[key] === text;
    const { token } = actor;
    return token !== undefined && (!this.sessions.get(token.id)?.alive || this.#isOutdated(actor, token.id));
  }

  override acknowledged(actor: Actor, issued?: Token): void {
    super.acknowledged(actor, issued);
    const { op, read } = actor;
    if (!issued || !read) return;
    const { data } = this.#contentOf(issued).record;
    if (op.kind === 'update' || op.kind === 'write+update') {
      const count = Number(read['n'] ?? '0') + 1;
      if (Number(data['n']) !== count)
        this.fail('counts', `${actor.name} counted ${String(data['n'])} in its cookie, after ${count - 1}`);
    }
    if (op.kind !== 'regenerate') return;
    const kept = op.keep ? ['a', 'n'] : [];
    for (const key of ['a', 'b', 'n'])
      if (data[key] !== (kept.includes(key) ? read[key] : undefined))
        this.fail('writes', `${actor.name} has ${String(data[key])} under ${key} after its regenerate`);
  }

  // At the end.

  /** @param opens whether a node that knows everything opens it */
  probed(token: Token, opens: boolean): void {
    const view = this.sessions.get(token.id);
    const link = view?.link(token.hash);
    if (!view || !link) return;
    if (opens) {
      this.#open.add(view.id);
      if (!view.alive) this.fail('endings', `${told(view, link)} opens it, and it has ended`);
      return this.opensAtTheEnd(token);
    }
    if (view.alive && link === view.tip && !this.#isExpired(token))
      this.fail('alarms', `${told(view, link)} is refused without a cause`);
  }

  /** @param listed the ids that the index has */
  settledWith(listed: ReadonlySet<string>): void {
    for (const id of this.#open) {
      const view = this.sessions.get(id)!;
      if (view.subject !== undefined && !listed.has(id)) this.fail('listed', `${view.name} is not listed`);
    }
    for (const id of listed) {
      const maker = this.#drafts.get(id);
      const view = this.sessions.get(id);
      // One that was revoked while its login was under way may be listed until its entry expires.
      const wasRevoked = view !== undefined && !view.alive;
      if (!view?.issued && !wasRevoked && maker && maker.faults < 2)
        this.fail('orphans', `${view?.name ?? 'a session'} was left by ${maker.name}`);
      if (view && this.mustBeDead(view, Infinity) && !this.#hasFailed)
        this.fail('listed', `${view.name} is listed although its ending was acknowledged`);
    }
  }
}

const isRenewal = ({ op }: Actor): boolean => op.kind === 'relogin' || op.kind === 'regenerate';

/** How many re-logins and regenerates came before a token. */
const epochOf = ({ chain }: SessionView, { index }: Link): number =>
  chain.slice(0, index).filter(({ replaced }) => replaced && !replaced.honoured).length;

const told = ({ name, tip }: SessionView, { index }: Link): string =>
  `token ${index} of ${name}, where ${tip.index} is the present one`;
