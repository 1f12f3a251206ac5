import { LRUCache } from 'lru-cache';
import { unavailable } from '../core/util/errors.js';
import {
  subjectKey,
  type Revocation,
  type SealedToken,
  type SessionTerms,
  type SubjectTerms,
  type Verdict,
} from './revocation-list.js';
import { SessionEntry } from './session-entry.js';
import { SubjectEntry } from './subject-entry.js';
import { atMost } from '../core/util/lru.js';

/** Entries are grouped by the minute in which they expire, so that a sweep does not visit all of them. */
const MINUTE = 60_000;

/**
 * Maximum number of revocations of single sessions that are kept for one subject, and of sessions that a revocation of
 * all others may spare. More of them are merged into one that ends every earlier session of the subject.
 */
export const MOST_PER_SUBJECT = 1_000;

export const mergedWarning = (): string =>
  `More than ${MOST_PER_SUBJECT} revocations of single sessions of one subject were in force and were merged into one, so all earlier sessions of that subject have ended. A client may be guessing ids: restrict who may call revoke(), and how often.`;

/** Maximum number of subjects whose keys are cached. A key costs one hash, about as much as the rest of a request's check. */
const KEYS = 10_000;

const LIVE: Verdict = { live: true, version: 0 };

type Entry = SessionEntry | SubjectEntry;

/**
 * Revocations in memory. The verdict on a token takes two lookups, however many revocations were applied.
 *
 * Applying a revocation only voids more tokens: it never makes a void one valid, in whatever order and however often
 * the same ones are applied. So copies to which the same revocations were applied are equal.
 */
export class RevocationTable {
  readonly #sessions = new Map<string, SessionEntry>();
  readonly #subjects = new Map<string, SubjectEntry>();
  /** Each entry by the minute in which it is swept: one minute at a time. */
  readonly #expiring = new Map<number, Set<Entry>>();
  readonly #keys = new LRUCache<string, string>(atMost(KEYS));
  readonly #most: number;
  readonly #onMerged: () => void;
  /** Sum of the sizes of {@link #subjects}. */
  #ofSubjects = 0;

  /**
   * @param most maximum number of entries that are kept for one subject
   * @param onMerged called when the entries of a subject exceeded it and were merged
   */
  constructor(most = MOST_PER_SUBJECT, onMerged: () => void = () => undefined) {
    this.#most = most;
    this.#onMerged = onMerged;
  }

  /** Number of entries, including expired ones until the next sweep. */
  get size(): number {
    return this.#sessions.size + this.#ofSubjects;
  }

  /**
   * False if everything that it voids was revoked before.
   *
   * @throws SessionError `ERR_STORE_UNAVAILABLE` if its rank or its expiry is NaN: it would void nothing
   */
  apply({ rank, until, terms }: Revocation): boolean {
    if (Number.isNaN(rank) || Number.isNaN(until))
      throw unavailable(
        new Error('a revocation has no rank or no expiry: check the clock of the application'),
      );
    return terms.kind === 'session'
      ? this.#applyToSession(rank, until, terms)
      : this.#applyToSubject(rank, until, terms);
  }

  check(token: SealedToken, now: number): Verdict {
    const { subject } = token;
    if (subject !== undefined && this.#subjects.size > 0 && this.#voided(token, subject))
      return { live: false, why: 'ended' };
    const entry = this.#sessions.get(token.id);
    if (!entry) return token.version === 0 ? LIVE : { live: true, version: token.version };
    return entry.verdictOf(token.version, now);
  }

  /** The latest time at or before which all tokens of a subject are void, or -Infinity. */
  revokedSince(subject: string): number {
    return this.#subjects.get(this.#keyOf(subject))?.before ?? -Infinity;
  }

  /** When the latest revocation of a subject's sessions began, or -Infinity. */
  revokedAt(subject: string): number {
    return this.#subjects.get(this.#keyOf(subject))?.at ?? -Infinity;
  }

  /**
   * Removes what has expired. Without a time it removes nothing: a clock that fails must not end a revocation.
   */
  sweep(now: number): void {
    for (const [minute, entries] of this.#expiring) {
      if (!(minute * MINUTE <= now)) continue;
      this.#expiring.delete(minute);
      for (const entry of entries) this.#sweepEntry(entry, now);
    }
  }

  #applyToSession(rank: number, until: number, terms: SessionTerms): boolean {
    const known = this.#sessions.get(terms.id);
    if (known) return known.widen(rank, until, terms);
    const entry = new SessionEntry(rank, until, terms);
    this.#sessions.set(terms.id, entry);
    this.#schedule(entry, until);
    return true;
  }

  #applyToSubject(rank: number, until: number, terms: SubjectTerms): boolean {
    let entry = this.#subjects.get(terms.subject);
    if (!entry) this.#subjects.set(terms.subject, (entry = new SubjectEntry(terms.subject)));
    const before = entry.size;
    const wider = terms.only
      ? entry.voidOnly(terms.only, rank, until)
      : entry.voidAllBut(terms.except, rank, until, terms.at);
    if (entry.limitTo(this.#most)) this.#onMerged();
    this.#ofSubjects += entry.size - before;
    this.#schedule(entry, until);
    return wider;
  }

  #voided({ id, issuedAt }: SealedToken, subject: string): boolean {
    return this.#subjects.get(this.#keyOf(subject))?.voids(id, issuedAt) ?? false;
  }

  #keyOf(subject: string): string {
    let key = this.#keys.get(subject);
    if (key === undefined) this.#keys.set(subject, (key = subjectKey(subject)));
    return key;
  }

  /** An entry that was extended meanwhile is found live in its minute, and scheduled again. */
  #schedule(entry: Entry, until: number): void {
    const minute = Math.floor(until / MINUTE) + 1;
    if (minute >= entry.minute) return;
    this.#expiring.get(entry.minute)?.delete(entry);
    entry.minute = minute;
    const group = this.#expiring.get(minute);
    if (group) group.add(entry);
    else this.#expiring.set(minute, new Set([entry]));
  }

  #sweepEntry(entry: Entry, now: number): void {
    const before = entry instanceof SubjectEntry ? entry.size : 0;
    const next = entry.sweep(now);
    if (entry instanceof SubjectEntry) this.#ofSubjects += entry.size - before;
    entry.minute = Infinity;
    if (next !== undefined) this.#schedule(entry, next);
    else if (entry instanceof SubjectEntry) this.#subjects.delete(entry.subject);
    else this.#sessions.delete(entry.id);
  }
}
