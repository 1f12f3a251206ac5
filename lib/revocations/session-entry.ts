import { ALL_VERSIONS, type SessionTerms, type Verdict } from './revocation-list.js';

/** Of two entries that void the same versions, the reason further to the right stands. */
const STRICTNESS = ['rotated', 'replaced', 'evicted', 'ended'] as const;

/** What was revoked of one session: its tokens of a version below the rank. */
export class SessionEntry {
  /** The minute in which the table looks whether it has expired. */
  minute = Infinity;
  #rank: number;
  #until: number;
  #terms: SessionTerms;

  constructor(rank: number, until: number, terms: SessionTerms) {
    this.#rank = rank;
    this.#until = until;
    this.#terms = terms;
  }

  get id(): string {
    return this.#terms.id;
  }

  /**
   * Merges another entry of the same session. The one of the higher rank stands: it voids everything that this one
   * voids, because it spares at most the version just below its own rank, which is not below this rank.
   *
   * @returns false if it adds nothing
   */
  widen(rank: number, until: number, terms: SessionTerms): boolean {
    this.#until = Math.max(this.#until, until);
    if (rank > this.#rank) {
      this.#rank = rank;
      this.#terms = terms;
      return true;
    }
    if (rank < this.#rank) return false;
    const { confirmed } = this.#terms;
    this.#terms = stricter(this.#terms, terms);
    return this.#terms.confirmed !== confirmed;
  }

  /** Returns when it expires; `undefined` if it has. */
  sweep(now: number): number | undefined {
    return this.#until > now ? this.#until : undefined;
  }

  verdictOf(version: number, now: number): Verdict {
    const rank = this.#rank;
    const terms = this.#terms;
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
          : verdictOfPredecessor(rank, terms, version, now);
    }
  }
}

function verdictOfPredecessor(rank: number, terms: SessionTerms, version: number, now: number): Verdict {
  const immediate = version === rank - 1;
  const early = now < terms.grace;
  if (immediate && early && terms.honoured) return { live: true, version: rank, rotation: terms };
  const { confirmed } = terms;
  const end = immediate ? confirmed : (terms.older ?? confirmed);
  if (end !== undefined && !(now < end)) return { live: false, why: 'reused' };
  const lately = early || (confirmed !== undefined && now < confirmed);
  return { live: false, why: 'superseded', lately, version: rank };
}

/** @param a the one that stands: only it binds, since a rotation that came second was refused */
function stricter(a: SessionTerms, b: SessionTerms): SessionTerms {
  const confirmed = earlier(a.confirmed, b.confirmed);
  const older = earlier(a.older, b.older);
  return {
    kind: 'session',
    id: a.id,
    why: STRICTNESS[Math.max(STRICTNESS.indexOf(a.why), STRICTNESS.indexOf(b.why))]!,
    grace: Math.min(a.grace, b.grace),
    honoured: a.honoured && b.honoured,
    ...(confirmed !== undefined && { confirmed }),
    ...(older !== undefined && { older }),
    ...(a.device !== undefined && { device: a.device }),
  };
}

/** A missing time counts as later than any time. */
const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
