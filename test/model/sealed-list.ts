import { readRevocation, scopeOf, writeRevocation } from '../../lib/revocations/revocation-codec.js';
import type { Revocation } from '../../lib/revocations/revocation-list.js';
import type { Added, RevocationPage } from '../../lib/revocations/revocation-source.js';

interface Entry {
  revocation: Revocation;
}

/** What the nodes share: a list of revocations, with the rules of those in Redis and PostgreSQL. */
export class SharedList {
  readonly #entries = new Map<string, Entry>();
  /** In the order of the writes. One that was replaced stays, and is not read any more. */
  readonly #log: Entry[] = [];

  /** The number of the last write. */
  get head(): number {
    return this.#log.length;
  }

  /** @param now milliseconds since the epoch: what has expired is not read any more */
  changes(cursor: number, now: number): RevocationPage {
    const revocations = this.#log
      .slice(cursor)
      .filter((entry) => entry.revocation.until >= now && this.#entries.get(entry.revocation.key) === entry)
      .map(({ revocation }) => revocation);
    return { epoch: 'model', time: now, cursor: this.head, revocations, unreadable: 0, more: false };
  }

  /** @param onWrite called with what is written, if anything is */
  add(revocation: Revocation, onWrite: (entry: Revocation) => void): Added {
    const entry = stored(revocation);
    const old = this.#entries.get(entry.key)?.revocation;
    if (old && !supersedes(entry, old)) return { added: false, standing: old, crowded: false };
    if (old) take(entry, old);
    this.#dropWhatItVoids(entry);
    const written = { revocation: entry };
    this.#log.push(written);
    this.#entries.set(entry.key, written);
    onWrite(entry);
    return { added: !old || scopeOf(entry).scope !== 'only', standing: entry, crowded: false };
  }

  #dropWhatItVoids(entry: Revocation): void {
    const { scope, subject } = scopeOf(entry);
    if (scope !== 'all') return;
    for (const [key, { revocation }] of this.#entries) {
      if (scopeOf(revocation).subject !== subject || revocation.rank > entry.rank) continue;
      take(entry, revocation);
      this.#entries.delete(key);
    }
  }
}

/** What an entry keeps of one that it replaces. */
function take(entry: Revocation, replaced: Revocation): void {
  entry.until = Math.max(entry.until, replaced.until);
  if (entry.terms.kind !== 'subject' || replaced.terms.kind !== 'subject') return;
  const { at } = replaced.terms;
  if (at !== undefined && entry.terms.at !== undefined) entry.terms.at = Math.max(entry.terms.at, at);
}

/** As it comes back from a server. */
function stored(revocation: Revocation): Revocation {
  const { rank, until, body } = writeRevocation(revocation, '');
  return readRevocation(rank, until, body)!;
}

function supersedes(entry: Revocation, old: Revocation): boolean {
  if (entry.rank !== old.rank) return entry.rank > old.rank;
  const [later, earlier] = [confirmedAt(entry), confirmedAt(old)];
  return later !== undefined && (earlier === undefined || later < earlier);
}

const confirmedAt = ({ terms }: Revocation): number | undefined =>
  terms.kind === 'session' ? terms.confirmed : undefined;
