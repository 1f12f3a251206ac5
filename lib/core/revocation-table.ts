import {
  ALL_VERSIONS,
  subjectKey,
  type Revocation,
  type SealedToken,
  type SessionTerms,
  type SubjectTerms,
  type Verdict,
} from './revocations.js';

/** Expired entries are looked for by the minute that they expire in. */
const MINUTE = 60_000;

interface SessionEntry {
  rank: number;
  until: number;
  terms: SessionTerms;
}

interface SubjectEntry {
  rank: number;
  until: number;
  terms: SubjectTerms;
}

const LIVING: Verdict = { live: true, version: 0 };

/** Revocations in memory: two lookups answer for a token. */
export class RevocationTable {
  readonly #sessions = new Map<string, SessionEntry>();
  readonly #subjects = new Map<string, Map<string, SubjectEntry>>();
  readonly #expiring = new Map<number, Revocation[]>();
  #size = 0;

  /** Entries held, such as were not swept yet included. */
  get size(): number {
    return this.#size;
  }

  /** False if there is an entry of the same key already that goes as far. */
  apply(revocation: Revocation): boolean {
    const { rank, until, terms } = revocation;
    const entries = terms.kind === 'session' ? this.#sessions : this.#ofSubject(terms.subject);
    const key = terms.kind === 'session' ? terms.id : revocation.key;
    const before = entries.get(key);
    if (before && before.rank >= rank) return false;
    if (!before) this.#size++;
    // What the former entry voided is voided by this one, for as long.
    const entry = { rank, until: Math.max(until, before?.until ?? 0), terms };
    (entries as Map<string, { rank: number; until: number; terms: unknown }>).set(key, entry);
    this.#expire(revocation, entry.until);
    return true;
  }

  check(token: SealedToken, now: number): Verdict {
    const { subject } = token;
    if (subject !== undefined && this.#subjects.size > 0 && this.#voided(token, subject))
      return { live: false, why: 'ended' };
    const entry = this.#sessions.get(token.id);
    if (!entry) return token.version === 0 ? LIVING : { live: true, version: token.version };
    return verdictOf(entry, token.version, now);
  }

  revokedSince(subject: string): number {
    const entries = this.#subjects.get(subjectKey(subject));
    return Math.max(-Infinity, ...[...(entries?.values() ?? [])].map(({ rank }) => rank));
  }

  /** Forgets what has expired. */
  sweep(now: number): void {
    for (const [minute, revocations] of this.#expiring) {
      if (minute * MINUTE > now) continue;
      this.#expiring.delete(minute);
      for (const revocation of revocations) this.#forget(revocation, now);
    }
  }

  clear(): void {
    this.#sessions.clear();
    this.#subjects.clear();
    this.#expiring.clear();
    this.#size = 0;
  }

  #voided(token: SealedToken, subject: string): boolean {
    for (const { rank, terms } of this.#subjects.get(subjectKey(subject))?.values() ?? []) {
      const meant = terms.only ? terms.only.includes(token.id) : !terms.except.includes(token.id);
      if (meant && !(token.issuedAt > rank)) return true;
    }
    return false;
  }

  #ofSubject(subject: string): Map<string, SubjectEntry> {
    const there = this.#subjects.get(subject);
    if (there) return there;
    const entries = new Map<string, SubjectEntry>();
    this.#subjects.set(subject, entries);
    return entries;
  }

  #expire(revocation: Revocation, until: number): void {
    const minute = Math.floor(until / MINUTE) + 1;
    const there = this.#expiring.get(minute);
    if (there) there.push(revocation);
    else this.#expiring.set(minute, [revocation]);
  }

  #forget({ key, terms }: Revocation, now: number): void {
    const entries = terms.kind === 'session' ? this.#sessions : this.#subjects.get(terms.subject);
    const name = terms.kind === 'session' ? terms.id : key;
    const entry = entries?.get(name);
    // Another revocation of the same key may have made it live longer.
    if (!entry || entry.until > now) return;
    entries!.delete(name);
    this.#size--;
    if (terms.kind === 'subject' && entries!.size === 0) this.#subjects.delete(terms.subject);
  }
}

function verdictOf({ rank, terms }: SessionEntry, version: number, now: number): Verdict {
  if (version >= rank) return { live: true, version };
  const early = now < terms.grace;
  switch (terms.why) {
    case 'ended':
      return { live: false, why: 'ended' };
    case 'replaced':
      return { live: false, why: early ? 'superseded' : 'ended' };
    case 'evicted':
      return { live: false, why: early ? 'evicted' : 'ended' };
    case 'rotated':
      if (rank === ALL_VERSIONS || !early) return { live: false, why: 'reused' };
      // The grace is for the immediate predecessor alone.
      if (version !== rank - 1) return { live: false, why: 'reused' };
      return terms.honoured ? { live: true, version: rank } : { live: false, why: 'superseded' };
  }
}
