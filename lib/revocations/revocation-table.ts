import {
  ALL_VERSIONS,
  subjectKey,
  type Revocation,
  type SealedToken,
  type SessionTerms,
  type SubjectTerms,
  type Verdict,
} from './revocation-list.js';

/** Expired entries are looked for by the minute that they expire in. */
const MINUTE = 60_000;

/**
 * How many revocations of single sessions of one subject are kept apart, and how many sessions a revocation of
 * all others may spare. Beyond it they become one that ends every session of the subject that began before.
 */
export const MOST_PER_SUBJECT = 1_000;

/** What to warn of where a subject had more. */
export const mergedWarning = (): string =>
  `More than ${MOST_PER_SUBJECT} revocations of single sessions of one subject stood at a time, and became one: all sessions of that subject that began before have ended. Somebody may be guessing ids; limit who may call revoke(), and how often.`;

const LIVING: Verdict = { live: true, version: 0 };

/** What is kept of a session or a subject, and the minute in which it is looked at again. */
interface Entry {
  minute: number;
  /** Drops what has expired. Returns when the next part of it does; `undefined` where nothing is left. */
  forget(now: number): number | undefined;
}

/**
 * Revocations in memory: two lookups answer for a token, however many were applied.
 *
 * Applying one only ever widens what is dead: never does it bring a token back, in whatever order and however
 * often the same entries come. So copies that were told the same agree.
 */
export class RevocationTable {
  readonly #sessions = new Map<string, SessionEntry>();
  readonly #subjects = new Map<string, SubjectEntry>();
  /** Each entry is in one of these, whatever is applied to it. */
  readonly #expiring = new Map<number, Set<Entry>>();
  readonly #most: number;
  readonly #onMerged: () => void;
  #ofSubjects = 0;

  /**
   * @param most entries of one subject that are kept apart
   * @param onMerged called when those of a subject were more, and became one that ends all of its sessions
   */
  constructor(most = MOST_PER_SUBJECT, onMerged: () => void = () => undefined) {
    this.#most = most;
    this.#onMerged = onMerged;
  }

  /** Entries held, such as were not swept yet included. */
  get size(): number {
    return this.#sessions.size + this.#ofSubjects;
  }

  /** False if what it ends was revoked already. */
  apply({ rank, until, terms }: Revocation): boolean {
    return terms.kind === 'session'
      ? this.#applyToSession(rank, until, terms)
      : this.#applyToSubject(rank, until, terms);
  }

  check(token: SealedToken, now: number): Verdict {
    const { subject } = token;
    if (subject !== undefined && this.#subjects.size > 0 && this.#voided(token, subject))
      return { live: false, why: 'ended' };
    const entry = this.#sessions.get(token.id);
    if (!entry) return token.version === 0 ? LIVING : { live: true, version: token.version };
    return verdictOf(entry, token.version, now);
  }

  /** The latest time at or before which all tokens of a subject are void, or -Infinity. */
  revokedSince(subject: string): number {
    return this.#subjects.get(subjectKey(subject))?.before ?? -Infinity;
  }

  /** When the latest revocation of a subject's sessions began, or -Infinity. */
  revokedAt(subject: string): number {
    return this.#subjects.get(subjectKey(subject))?.at ?? -Infinity;
  }

  /** Forgets what has expired. */
  sweep(now: number): void {
    for (const [minute, entries] of this.#expiring) {
      if (minute * MINUTE > now) continue;
      this.#expiring.delete(minute);
      for (const entry of entries) this.#forget(entry, now);
    }
  }

  clear(): void {
    this.#sessions.clear();
    this.#subjects.clear();
    this.#expiring.clear();
    this.#ofSubjects = 0;
  }

  #applyToSession(rank: number, until: number, terms: SessionTerms): boolean {
    const there = this.#sessions.get(terms.id);
    if (there) return there.widen(rank, until, terms);
    const entry = new SessionEntry(rank, until, terms);
    this.#sessions.set(terms.id, entry);
    this.#lookAfter(entry, until);
    return true;
  }

  #applyToSubject(rank: number, until: number, terms: SubjectTerms): boolean {
    let entry = this.#subjects.get(terms.subject);
    if (!entry) this.#subjects.set(terms.subject, (entry = new SubjectEntry(terms.subject)));
    const before = entry.size;
    const wider = terms.only
      ? entry.voidOnly(terms.only, rank, until)
      : entry.voidAllBut(terms.except, rank, until, terms.at);
    if (entry.bound(this.#most)) this.#onMerged();
    this.#ofSubjects += entry.size - before;
    this.#lookAfter(entry, until);
    return wider;
  }

  #voided({ id, issuedAt }: SealedToken, subject: string): boolean {
    return this.#subjects.get(subjectKey(subject))?.voids(id, issuedAt) ?? false;
  }

  /** What expires later than it is looked at is found alive then, and looked at again. */
  #lookAfter(entry: Entry, until: number): void {
    const minute = Math.floor(until / MINUTE) + 1;
    if (minute >= entry.minute) return;
    this.#expiring.get(entry.minute)?.delete(entry);
    entry.minute = minute;
    const there = this.#expiring.get(minute);
    if (there) there.add(entry);
    else this.#expiring.set(minute, new Set([entry]));
  }

  #forget(entry: Entry, now: number): void {
    const before = entry instanceof SubjectEntry ? entry.size : 0;
    const next = entry.forget(now);
    if (entry instanceof SubjectEntry) this.#ofSubjects += entry.size - before;
    entry.minute = Infinity;
    if (next !== undefined) this.#lookAfter(entry, next);
    else if (entry instanceof SubjectEntry) this.#subjects.delete(entry.subject);
    else if (entry instanceof SessionEntry) this.#sessions.delete(entry.terms.id);
  }
}

/** Of two that end the same versions, the one further to the right decides what the client is told. */
const FINALITY = ['rotated', 'replaced', 'evicted', 'ended'] as const;

class SessionEntry implements Entry {
  minute = Infinity;

  constructor(
    public rank: number,
    public until: number,
    public terms: SessionTerms,
  ) {}

  /**
   * A higher rank spares nothing that this one voids: at most its immediate predecessor, which is not below
   * this rank.
   */
  widen(rank: number, until: number, terms: SessionTerms): boolean {
    this.until = Math.max(this.until, until);
    if (rank > this.rank) {
      this.rank = rank;
      this.terms = terms;
      return true;
    }
    if (rank < this.rank) return false;
    const { confirmed } = this.terms;
    this.terms = stricter(this.terms, terms);
    return this.terms.confirmed !== confirmed;
  }

  forget(now: number): number | undefined {
    return this.until > now ? this.until : undefined;
  }
}

function stricter(a: SessionTerms, b: SessionTerms): SessionTerms {
  const confirmed = earlier(a.confirmed, b.confirmed);
  const older = earlier(a.older, b.older);
  return {
    kind: 'session',
    id: a.id,
    why: FINALITY[Math.max(FINALITY.indexOf(a.why), FINALITY.indexOf(b.why))]!,
    grace: Math.min(a.grace, b.grace),
    honoured: a.honoured && b.honoured,
    ...(confirmed !== undefined && { confirmed }),
    ...(older !== undefined && { older }),
  };
}

/** What has no time is later than all that has one. */
const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

/**
 * All that was revoked of one subject. Revocations of all sessions but some come down to one time for all, and an
 * earlier one for each session that some of them spared: what any of them voids, and nothing else, is void.
 */
class SubjectEntry implements Entry {
  minute = Infinity;
  /** Tokens that were issued at or before it are void. */
  before = -Infinity;
  /** When the latest of them began. */
  at = -Infinity;
  #until = -Infinity;
  /** Sessions for which an earlier time counts than {@link before}. */
  readonly #spared = new Map<string, number>();
  /** Single sessions, for which a later one does. */
  readonly #only = new Map<string, { rank: number; until: number }>();

  constructor(readonly subject: string) {}

  get size(): number {
    return (this.before === -Infinity ? 0 : 1) + this.#spared.size + this.#only.size;
  }

  voids(id: string, issuedAt: number): boolean {
    if (!(issuedAt > this.#beforeOf(id))) return true;
    const only = this.#only.get(id);
    return only !== undefined && !(issuedAt > only.rank);
  }

  voidAllBut(except: readonly string[], rank: number, until: number, at = -Infinity): boolean {
    const former = this.before;
    const sparedNow = new Set(except);
    let wider = rank > former;
    this.#until = Math.max(this.#until, until);
    this.before = Math.max(former, rank);
    this.at = Math.max(this.at, at);
    for (const [id, time] of this.#spared) {
      if (sparedNow.has(id) || time >= rank) continue;
      this.#spared.set(id, rank);
      wider = true;
    }
    for (const id of sparedNow) if (!this.#spared.has(id)) this.#spared.set(id, former);
    this.#tidy();
    return wider;
  }

  voidOnly(ids: readonly string[], rank: number, until: number): boolean {
    let wider = false;
    for (const id of ids) {
      const there = this.#only.get(id);
      if (rank > this.#beforeOf(id)) {
        wider ||= !there;
        this.#only.set(id, {
          rank: Math.max(rank, there?.rank ?? rank),
          until: Math.max(until, there?.until ?? until),
        });
      } else if (there) there.until = Math.max(until, there.until);
      else this.#until = Math.max(this.#until, until);
    }
    return wider;
  }

  /** Too many become one, which voids what each of them did and what they spared. True if they were too many. */
  bound(most: number): boolean {
    if (this.#only.size <= most && this.#spared.size <= most) return false;
    this.#spared.clear();
    for (const { rank, until } of this.#only.values()) {
      this.before = Math.max(this.before, rank);
      this.#until = Math.max(this.#until, until);
    }
    this.#only.clear();
    return true;
  }

  forget(now: number): number | undefined {
    if (this.#until <= now) {
      this.before = this.#until = this.at = -Infinity;
      this.#spared.clear();
    }
    let next = this.#until === -Infinity ? Infinity : this.#until;
    for (const [id, { until }] of this.#only) {
      if (until <= now) this.#only.delete(id);
      else next = Math.min(next, until);
    }
    return next === Infinity ? undefined : next;
  }

  #beforeOf(id: string): number {
    return this.#spared.get(id) ?? this.before;
  }

  /** Drops what says no more than the rest does. */
  #tidy(): void {
    for (const [id, time] of this.#spared) if (time >= this.before) this.#spared.delete(id);
    for (const [id, { rank, until }] of this.#only) {
      if (rank > this.#beforeOf(id)) continue;
      this.#only.delete(id);
      this.#until = Math.max(this.#until, until);
    }
  }
}

function verdictOf(entry: SessionEntry, version: number, now: number): Verdict {
  const { rank, terms } = entry;
  if (version > rank) return { live: true, version };
  if (version === rank) return { live: true, version, rotation: terms };
  const early = now < terms.grace;
  switch (terms.why) {
    case 'ended':
      return { live: false, why: 'ended' };
    case 'replaced':
      return { live: false, why: early ? 'replaced' : 'ended' };
    case 'evicted':
      return { live: false, why: early ? 'evicted' : 'ended' };
    case 'rotated':
      return rank === ALL_VERSIONS
        ? { live: false, why: 'reused' }
        : verdictOfPredecessor(entry, version, now);
  }
}

function verdictOfPredecessor({ rank, terms }: SessionEntry, version: number, now: number): Verdict {
  const immediate = version === rank - 1;
  const early = now < terms.grace;
  if (immediate && early && terms.honoured) return { live: true, version: rank, rotation: terms };
  const { confirmed } = terms;
  const end = immediate ? confirmed : (terms.older ?? confirmed);
  if (end !== undefined && !(now < end)) return { live: false, why: 'reused' };
  const lately = early || (confirmed !== undefined && now < confirmed);
  return { live: false, why: 'superseded', lately };
}
