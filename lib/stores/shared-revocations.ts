import { systemClock, type Clock } from '../core/clock.js';
import { milliseconds, type Duration } from '../core/durations.js';
import { unavailable } from '../core/errors.js';
import { RevocationTable } from '../core/revocation-table.js';
import type {
  Revocation,
  RevocationContext,
  RevocationList,
  SealedToken,
  Verdict,
} from '../core/revocations.js';
import { inTime } from '../core/store-keeper.js';
import type { Awaitable } from '../core/store.js';

export interface SharedRevocationsOptions {
  /**
   * How old the copy in memory may be when a request is answered from it. Within it a cookie that another
   * node revoked may still pass if the feed is cut; as a rule the feed tells of it within milliseconds. The
   * list is asked for what is new three times in this span, and when it could not be asked for longer than
   * this, each request asks it, and is refused with 503 if it does not answer. @default '5s'
   */
  staleness?: Duration;
}

/** What changed in the list since it was last asked. */
export interface Changes {
  /** Made once with the list, and anew when it was lost. */
  epoch: string;
  /** The list's clock, in milliseconds since the epoch. */
  time: number;
  /** Where to go on the next time; it counts the writes. */
  cursor: number;
  /** No more than this many at a time; the rest is told from `cursor` on. */
  revocations: Revocation[];
  more: boolean;
}

/** Where the revocations of all nodes live. Each method rejects if it cannot be asked. */
export interface RevocationSource {
  /**
   * What was written after `cursor`, the earliest first.
   *
   * @param now milliseconds since the epoch, where the application's clock decides instead of the list's own
   */
  changes(cursor: number, now: number | undefined): Promise<Changes>;
  /** Writes where there is nothing of that key with the same rank or a higher one. Returns what stands now. */
  add(revocation: Revocation): Promise<{ added: boolean; standing: Revocation }>;
  /** Hears of writes from now on, through reconnects, until the function that it returns is called. Never throws. */
  listen(onRevocation: (revocation: Revocation) => void): () => void;
}

/**
 * A revocation as a list stores and tells it: rank, time and the rest, apart so that a script can compare
 * them. The nonce tells two writes of the same apart from one that a driver sent twice.
 */
export const writeRevocation = ({ key, rank, until, terms }: Revocation, nonce: string) => ({
  key,
  rank: String(Math.ceil(rank)),
  until: String(Math.ceil(until)),
  body: JSON.stringify([key, terms, nonce]),
});

/** `undefined` for what is not of our form: whoever has access to the feed may write to it. */
export function readRevocation(rank: string, until: string, body: string): Revocation | undefined {
  try {
    const [key, terms] = JSON.parse(body) as [string, Revocation['terms']];
    const revocation = { key, rank: Number(rank), until: Number(until), terms };
    return isRevocation(revocation) ? revocation : undefined;
  } catch {
    return undefined;
  }
}

function isRevocation({ key, rank, until, terms }: Revocation): boolean {
  if (typeof key !== 'string' || !Number.isFinite(rank) || !Number.isFinite(until)) return false;
  if (terms?.kind === 'session') return typeof terms.id === 'string' && Number.isFinite(terms.grace);
  if (terms?.kind !== 'subject') return false;
  const lists = [terms.except, terms.only ?? []];
  return typeof terms.subject === 'string' && lists.every((list) => Array.isArray(list));
}

/** A clock for spans of time, which no adjustment of the machine's clock moves. */
const monotonic = (): number => performance.now();

/**
 * The copy that a node keeps of a list which others write as well. The feed makes it quick; that it is
 * current is known from asking for what is new, so a feed that dies without a word costs no more than the
 * bound.
 */
export class SharedRevocations implements RevocationList {
  readonly #table = new RevocationTable();
  readonly #source: RevocationSource;
  readonly #staleness: number;
  #clock: Clock = systemClock;
  #clockInjected = false;
  #timeout = 2_000;
  #warn: (message: string) => void = () => undefined;
  #users = 0;
  #epoch = '';
  #cursor = 0;
  #skew = 0;
  /** By the monotonic clock: everything that was written before this is in the table. */
  #currentAt = -Infinity;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #troubled = false;

  /** @throws SessionError `ERR_OPTIONS` for a staleness that is no duration */
  constructor(source: RevocationSource, { staleness = '5s' }: SharedRevocationsOptions = {}) {
    this.#source = source;
    this.#staleness = milliseconds(staleness, 'staleness');
  }

  bind({ clock, clockInjected, timeout, warn }: RevocationContext): void {
    this.#clock = clock;
    this.#clockInjected = clockInjected;
    this.#timeout = timeout;
    this.#warn = warn;
    if (this.#users++ > 0) return;
    this.#unlisten = this.#source.listen((revocation) => this.#table.apply(revocation));
    this.#timer = setInterval(() => this.#poll(), this.#staleness / 3).unref();
    this.#poll();
  }

  get epoch(): string {
    return this.#epoch;
  }

  get skew(): number {
    return this.#skew;
  }

  get lag(): number {
    return this.#staleness;
  }

  /** Entries in the memory of this node, such as were not swept yet included. */
  get size(): number {
    return this.#table.size;
  }

  fresh(): void | Promise<void> {
    if (this.#isCurrent) return;
    return this.#refresh();
  }

  check(token: SealedToken): Verdict {
    return this.#table.check(token, this.#now());
  }

  revokedSince(subject: string): number {
    return this.#table.revokedSince(subject);
  }

  async add(revocation: Revocation): Promise<boolean> {
    const { added, standing } = await this.#inTime(this.#source.add(revocation));
    this.#table.apply(standing);
    return added;
  }

  sync(): Promise<void> {
    return (this.#asking ??= this.#catchUp().finally(() => (this.#asking = undefined)));
  }

  close(): Awaitable<void> {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    this.#unlisten?.();
  }

  get #isCurrent(): boolean {
    return monotonic() - this.#currentAt <= this.#staleness;
  }

  #now(): number {
    return this.#clock.now() + (this.#clockInjected ? 0 : this.#skew);
  }

  /** What was under way already may have been asked too long ago by the time it is answered. */
  async #refresh(): Promise<void> {
    await this.sync();
    if (!this.#isCurrent) await this.sync();
  }

  #poll(): void {
    this.#table.sweep(this.#now());
    this.sync().then(
      () => this.#tell(undefined),
      (error: unknown) => this.#tell(error),
    );
  }

  async #catchUp(): Promise<void> {
    const askedAt = monotonic();
    for (;;) {
      const cursor = this.#cursor;
      const sentAt = this.#clock.now();
      const now = this.#clockInjected ? sentAt : undefined;
      const changes = await this.#inTime(this.#source.changes(cursor, now));
      // The list was read in between; half the way is as near as it can be known.
      this.#skew = Math.round(changes.time - (sentAt + this.#clock.now()) / 2);
      if (this.#wentBack(changes)) continue;
      for (const revocation of changes.revocations) this.#table.apply(revocation);
      this.#cursor = changes.cursor;
      if (changes.more) continue;
      this.#currentAt = askedAt;
      return;
    }
  }

  /** The list is another, or was restored to what it had been: what we know stays, and all of it is read again. */
  #wentBack({ epoch, cursor }: Changes): boolean {
    const another = epoch !== this.#epoch;
    const back = another ? this.#cursor > 0 : cursor < this.#cursor;
    this.#epoch = epoch;
    if (back) this.#cursor = 0;
    return back;
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return inTime(answer, this.#timeout).catch((error: unknown) => {
      throw unavailable(error);
    });
  }

  #tell(error: unknown): void {
    const troubled = error !== undefined;
    if (troubled && !this.#troubled) {
      this.#warn(
        `The revocation list did not answer (${causeOf(error)}). While that lasts, requests with a session are refused with 503 after ${this.#staleness} ms. Told once.`,
      );
    }
    this.#troubled = troubled;
  }
}

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Error ? cause.message : String(error);
}
