import { inTime } from '../core/storage/store-calls.js';
import { unavailable } from '../core/util/errors.js';
import type { RevocationContext } from './revocation-list.js';
import { checkedPage, type RevocationPage, type RevocationSource } from './revocation-source.js';

/** Such a list would be read without end. */
const STANDS_STILL = 'the revocation list has more to read, and no higher counter to read from';

/**
 * Reads the changes of a list, page by page and with one query at a time. Knows how far it has read, and how old the
 * copy is that was made of the pages.
 */
export class ListReader {
  readonly #source: RevocationSource;
  readonly #staleness: number;
  readonly #onPage: (page: RevocationPage) => void;
  #epoch = '';
  #cursor = 0;
  #skew = 0;
  /** By the monotonic clock: everything that was written before this time has been read. */
  #currentAt = -Infinity;
  /** The read in progress, and the one that follows it. */
  #reading: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /**
   * @param staleness maximum age of the copy, in milliseconds
   * @param onPage called with each page, in order; the same entries may come again
   */
  constructor(source: RevocationSource, staleness: number, onPage: (page: RevocationPage) => void) {
    this.#source = source;
    this.#staleness = staleness;
    this.#onPage = onPage;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Milliseconds that the list's clock is ahead of this machine's. */
  get skew(): number {
    return this.#skew;
  }

  /** Returns nothing if the copy is current; else a promise that rejects with `ERR_STORE_UNAVAILABLE`. */
  fresh(context: RevocationContext): void | Promise<void> {
    return this.#isCurrent ? undefined : this.#refresh(context);
  }

  /**
   * Reads everything that was written before this call. A read in progress may have queried the list before the latest
   * write, so all callers meanwhile share the one after it. Rejects with `ERR_STORE_UNAVAILABLE`.
   */
  sync(context: RevocationContext): Promise<void> {
    if (!this.#reading) return this.#read(context);
    const following = () => {
      this.#next = undefined;
      return this.#read(context);
    };
    return (this.#next ??= this.#reading.then(following, following));
  }

  get #isCurrent(): boolean {
    return performance.now() - this.#currentAt <= this.#staleness;
  }

  /** A read that was in progress may have started too long ago by the time it ends. */
  async #refresh(context: RevocationContext): Promise<void> {
    await this.#read(context);
    if (!this.#isCurrent) await this.#read(context);
  }

  #read(context: RevocationContext): Promise<void> {
    return (this.#reading ??= this.#catchUp(context).finally(() => (this.#reading = undefined)));
  }

  async #catchUp({ clock, clockInjected, timeout }: RevocationContext): Promise<void> {
    const startedAt = performance.now();
    for (;;) {
      const sentAt = clock.now();
      const now = clockInjected ? sentAt : undefined;
      const page = checkedPage(await inTime(this.#source.changes(this.#cursor, now), timeout));
      this.#measureSkew(page.time, sentAt, clock.now());
      if (this.#wentBack(page)) continue;
      if (page.more && page.cursor === this.#cursor) throw unavailable(new Error(STANDS_STILL));
      this.#onPage(page);
      this.#cursor = page.cursor;
      if (page.more) continue;
      this.#currentAt = startedAt;
      return;
    }
  }

  /**
   * The list read its clock at some time between the query and the reply. A slow reply says little, so the estimate only
   * moves as far as it must: the middle would be wrong by up to half of the delay, by which a node would date a login
   * after a revocation of another node that follows it.
   */
  #measureSkew(time: number, sentAt: number, receivedAt: number): void {
    this.#skew = Math.round(Math.min(Math.max(this.#skew, time - receivedAt), time - sentAt));
  }

  /**
   * True if the list was created again or restored to an earlier state. Then it is read from the beginning; the entries
   * that were read before stay in the copy.
   */
  #wentBack({ epoch, cursor }: RevocationPage): boolean {
    const another = epoch !== this.#epoch;
    const back = another ? this.#cursor > 0 : cursor < this.#cursor;
    this.#epoch = epoch;
    if (back) this.#cursor = 0;
    return back;
  }
}
