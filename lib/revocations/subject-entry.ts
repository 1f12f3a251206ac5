/**
 * What was revoked of one subject. Several revocations of all sessions but some are merged into one time for all, and
 * an earlier one for each session that some of them spared: together these void exactly what any of them voids.
 */
export class SubjectEntry {
  /** The minute in which the table looks whether parts of it have expired. */
  minute = Infinity;
  #before = -Infinity;
  #at = -Infinity;
  #until = -Infinity;
  /** Sessions to which an earlier time applies than {@link before}. */
  readonly #spared = new Map<string, number>();
  /** Sessions that were revoked singly, to which a later time applies. */
  readonly #single = new Map<string, { rank: number; until: number }>();

  /** @param subject its key in the list */
  constructor(readonly subject: string) {}

  /** Tokens that were issued at or before this time are void. */
  get before(): number {
    return this.#before;
  }

  /** When the latest revocation of all sessions began. */
  get at(): number {
    return this.#at;
  }

  get size(): number {
    return (this.#before === -Infinity ? 0 : 1) + this.#spared.size + this.#single.size;
  }

  voids(id: string, issuedAt: number): boolean {
    if (!(issuedAt > this.#beforeOf(id))) return true;
    const single = this.#single.get(id);
    return single !== undefined && !(issuedAt > single.rank);
  }

  /** @returns false if all of it was void before */
  voidAllBut(except: readonly string[], rank: number, until: number, at = -Infinity): boolean {
    const former = this.#before;
    const sparedNow = new Set(except);
    let wider = rank > former;
    this.#until = Math.max(this.#until, until);
    this.#before = Math.max(former, rank);
    this.#at = Math.max(this.#at, at);
    for (const [id, time] of this.#spared) {
      if (sparedNow.has(id) || time >= rank) continue;
      this.#spared.set(id, rank);
      wider = true;
    }
    for (const id of sparedNow) if (!this.#spared.has(id)) this.#spared.set(id, former);
    this.#dropRedundant();
    return wider;
  }

  /** @returns false if each of the sessions was revoked before */
  voidOnly(ids: readonly string[], rank: number, until: number): boolean {
    let wider = false;
    for (const id of ids) {
      const known = this.#single.get(id);
      if (rank > this.#beforeOf(id)) {
        wider ||= !known;
        this.#single.set(id, {
          rank: Math.max(rank, known?.rank ?? rank),
          until: Math.max(until, known?.until ?? until),
        });
      } else if (known) known.until = Math.max(until, known.until);
      else this.#until = Math.max(this.#until, until);
    }
    return wider;
  }

  /**
   * Merges more parts than `most` into one time for all sessions. It voids what each of the parts voids, and what they
   * spared.
   *
   * @returns whether there were more
   */
  limitTo(most: number): boolean {
    if (this.#single.size <= most && this.#spared.size <= most) return false;
    this.#spared.clear();
    for (const { rank, until } of this.#single.values()) {
      this.#before = Math.max(this.#before, rank);
      this.#until = Math.max(this.#until, until);
    }
    this.#single.clear();
    return true;
  }

  /** Drops the parts that have expired. Returns when the next one expires; `undefined` if none is left. */
  sweep(now: number): number | undefined {
    if (this.#until <= now) {
      this.#before = this.#until = this.#at = -Infinity;
      this.#spared.clear();
    }
    let next = this.#until === -Infinity ? Infinity : this.#until;
    for (const [id, { until }] of this.#single) {
      if (until <= now) this.#single.delete(id);
      else next = Math.min(next, until);
    }
    return next === Infinity ? undefined : next;
  }

  #beforeOf(id: string): number {
    return this.#spared.get(id) ?? this.#before;
  }

  /** Drops times that are not earlier, or not later, than the one for all sessions. */
  #dropRedundant(): void {
    for (const [id, time] of this.#spared) if (time >= this.#before) this.#spared.delete(id);
    for (const [id, { rank, until }] of this.#single) {
      if (rank > this.#beforeOf(id)) continue;
      this.#single.delete(id);
      this.#until = Math.max(this.#until, until);
    }
  }
}
