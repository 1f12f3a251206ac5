import { LRUCache } from 'lru-cache';
import { provedBy } from '../model/policy.js';
import type { SessionRecord } from '../model/record.js';
import { nextMoment, TICK } from '../util/clock.js';
import type { EndedSession } from './backend.js';
import type { StoreCalls } from './store-calls.js';
import { atMost } from '../util/lru.js';

/** Maximum number of sessions that one call lists. */
const PAGE = 500;

/** Sessions that are ended concurrently. More would queue behind each other, and each call has its own timeout. */
const AT_ONCE = 50;

/** How long the mark of a revocation is kept at least, in milliseconds: much longer than a store call may take. */
const MARK_TTL = 24 * 60 * 60 * 1000;

/** Maximum number of subjects whose last revocation this node caches. */
const MARKS = 10_000;

/** Revokes sessions in a store that this request did not open: by id, or all of a subject. */
export class StoreRevocation {
  readonly #calls: StoreCalls;
  /** When this node last revoked a subject's sessions. A login called afterwards counts as later, even with clock skew. */
  readonly #marks = new LRUCache<string, number>(atMost(MARKS));

  /** How long the mark of a revocation is kept, in milliseconds. */
  readonly #markTtl: number;

  /** @param longest milliseconds after which a login from before a revocation may still come */
  constructor(calls: StoreCalls, longest = 0) {
    this.#calls = calls;
    this.#markTtl = Math.max(MARK_TTL, longest);
  }

  /** As `SessionBackend.proof`. */
  proof(subject: string): (skew: number) => number {
    const { clock, hasSharedClock } = this.#calls;
    const moment = nextMoment(clock);
    const revoked = (this.#marks.get(subject) ?? -Infinity) + TICK;
    return (skew) => Math.max(revoked, hasSharedClock ? moment + skew : moment);
  }

  async destroyById(id: string, subject?: string): Promise<SessionRecord[]> {
    if (subject !== undefined) {
      const found = await this.#calls.read((store) => store.load(id));
      // The subject of an id never changes, so there is no race between this check and the destroy.
      if (!found || 'ended' in found || found.record.subject !== subject) return [];
    }
    const ended = await this.#calls.write((store) => store.destroy(id));
    return ended ? [ended] : [];
  }

  /**
   * Sets the mark first: from then on a login in progress is either rejected, or its session is in the list. Then ends
   * page by page, each call with its own timeout, until the list has no session that was authenticated before.
   */
  async destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    const since = await this.#mark(subject);
    // Each session is destroyed only once: a store that still lists an ended session would make this loop endless.
    const spared = new Set(except);
    // The kept sessions may come first in every page.
    const limit = PAGE + except.length;
    for (;;) {
      const page = await this.#calls.read((store) => store.list(subject, limit));
      const earlier = page.filter((record) => !spared.has(record.id) && provedBy(record, since));
      if (earlier.length === 0) return;
      for (const { id } of earlier) spared.add(id);
      for (let i = 0; i < earlier.length; i += AT_ONCE)
        for (const record of await this.#destroyEach(earlier.slice(i, i + AT_ONCE))) onEnded(record);
    }
  }

  /** Marks the subject's sessions as revoked, and returns the time of the mark. */
  async #mark(subject: string): Promise<number> {
    const shared = this.#calls.sharedTime();
    const since = shared === undefined ? nextMoment(this.#calls.clock) : await shared;
    await this.#calls.write((store) => store.markRevoked(subject, since, this.#markTtl));
    this.#marks.set(subject, Math.max(since, this.#marks.get(subject) ?? -Infinity));
    return since;
  }

  async #destroyEach(records: readonly SessionRecord[]): Promise<SessionRecord[]> {
    const done = await Promise.all(
      // eslint-disable-next-line @typescript-eslint/await-thenable -- a store may respond synchronously
      records.map(({ id }) => this.#calls.write((store) => store.destroy(id))),
    );
    return done.filter((record) => record !== undefined);
  }
}
