import { systemClock, type Clock } from '../core/util/clock.js';
import { milliseconds, type Duration } from '../core/util/durations.js';
import { unavailable } from '../core/util/errors.js';
import { Complaint } from '../core/util/complaint.js';
import { mergedWarning, MOST_PER_SUBJECT, RevocationTable } from './revocation-table.js';
import {
  hashedSubjectRevocationOf,
  type Revocation,
  type RevocationContext,
  type RevocationList,
  type SealedToken,
  type Verdict,
} from './revocation-list.js';
import { inTime } from '../core/storage/store-backend.js';
import type { Awaitable } from '../core/storage/store.js';

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
export interface RevocationPage {
  /** Made once with the list, and anew when it was lost. */
  epoch: string;
  /** The list's clock, in milliseconds since the epoch. */
  time: number;
  /** Where to go on the next time; it counts the writes. */
  cursor: number;
  /** No more than this many at a time; the rest is told from `cursor` on. */
  revocations: Revocation[];
  /** How many entries could not be read, and were left out. */
  unreadable: number;
  more: boolean;
}

/** What became of a revocation that was to be written. */
export interface Added {
  /** Whether it was not recorded already. */
  added: boolean;
  /** What stands now under its key. */
  standing: Revocation;
  /** Whether the list holds more entries of that subject than {@link MOST_PER_SUBJECT}. */
  crowded: boolean;
}

/** Where the revocations of all nodes live. Each method rejects if it cannot be asked. */
export interface RevocationSource {
  /**
   * What was written after `cursor`, the earliest first.
   *
   * @param now milliseconds since the epoch, where the application's clock decides instead of the list's own
   */
  changes(cursor: number, now: number | undefined): Promise<RevocationPage>;
  /**
   * Writes where there is nothing of that key with the same rank or a higher one, or nothing that can be read; and
   * a rotation that is confirmed in place of one of the same rank that is not, or that ends later.
   * One that ends all sessions of a subject takes the place of those of its entries that say no more.
   */
  add(revocation: Revocation): Promise<Added>;
  /**
   * Calls back at each notice that something was written, through reconnects, until the function that it returns
   * is called. Whoever may publish can give notice, so it says nothing that could be believed. Never throws.
   */
  listen(onNotice: () => void): () => void;
}

/**
 * How many notices in a row are followed by a question each at once, and after how many milliseconds each one
 * more: under a flood of them the list is asked 50 times a second, and one at a time.
 */
const NOTICES_AT_ONCE = 25;
const NOTICE_SPACING = 20;

/** A clock for spans of time, which no adjustment of the machine's clock moves. */
const monotonic = (): number => performance.now();

/**
 * The copy that a node keeps of a list which others write as well. The feed makes it quick; that it is
 * current is known from asking for what is new, so a feed that dies without a word costs no more than the
 * bound.
 */
export class SharedRevocations implements RevocationList {
  /** The list sees to the bound; here it is a safeguard, so that nodes do not widen at different times. */
  readonly #table = new RevocationTable(2 * MOST_PER_SUBJECT, () => this.#merged.note());
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
  /** The question that is under way, and the one that follows it. */
  #asking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #noticed = false;
  /** When as many notices as may be followed at once have been paid off, by the monotonic clock. */
  #followedUntil = -Infinity;
  #noticeTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #troubled = false;
  readonly #unreadable = new Complaint(
    (message) => this.#warn(message),
    (count) =>
      `Entries of the revocation list that no version of this library wrote were left out: ${count}. Look who else may write to it.`,
  );
  readonly #merged = new Complaint((message) => this.#warn(message), mergedWarning);

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
    this.#unlisten = this.#source.listen(() => this.#follow());
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

  revokedAt(subject: string): number {
    return this.#table.revokedAt(subject);
  }

  async add(revocation: Revocation): Promise<boolean> {
    const { added, standing, crowded } = await this.#inTime(this.#source.add(revocation));
    this.#table.apply(standing);
    if (crowded) await this.#merge(revocation);
    return added;
  }

  /** What is under way may have been asked before the latest write, so whoever calls meanwhile waits for the next. */
  sync(): Promise<void> {
    if (!this.#asking) return this.#ask();
    return (this.#next ??= this.#asking.catch(ignore).then(() => {
      this.#next = undefined;
      return this.#ask();
    }));
  }

  close(): Awaitable<void> {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    clearTimeout(this.#noticeTimer);
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
    await this.#ask();
    if (!this.#isCurrent) await this.#ask();
  }

  #ask(): Promise<void> {
    return (this.#asking ??= this.#catchUp().finally(() => (this.#asking = undefined)));
  }

  /** Asks for what is new since a notice came; those that come until then are followed by the same question. */
  #follow(): void {
    if (this.#noticed || this.#users <= 0) return;
    this.#noticed = true;
    const now = monotonic();
    const until = Math.max(this.#followedUntil, now) + NOTICE_SPACING;
    const early = until - now - NOTICES_AT_ONCE * NOTICE_SPACING;
    const follow = () => {
      this.#noticed = false;
      this.#followedUntil = until;
      this.#askInBackground();
    };
    if (early <= 0) follow();
    else this.#noticeTimer = setTimeout(follow, early).unref();
  }

  /** The subject has as many entries as it may: one for all of its sessions takes their place. */
  async #merge({ rank, until, terms }: Revocation): Promise<void> {
    if (terms.kind !== 'subject') return;
    this.#merged.note();
    const all = hashedSubjectRevocationOf(terms.subject, rank, until);
    // What was asked for is recorded; the next entry of this subject tries again.
    const merged = await this.#inTime(this.#source.add(all)).catch(() => undefined);
    if (merged) this.#table.apply(merged.standing);
  }

  #poll(): void {
    this.#table.sweep(this.#now());
    this.#askInBackground();
  }

  #askInBackground(): void {
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
      const changes = checked(await this.#inTime(this.#source.changes(cursor, now)));
      // The list was read in between; half the way is as near as it can be known.
      this.#skew = Math.round(changes.time - (sentAt + this.#clock.now()) / 2);
      if (this.#wentBack(changes)) continue;
      for (const revocation of changes.revocations) this.#table.apply(revocation);
      if (changes.unreadable > 0) this.#unreadable.note(changes.unreadable);
      this.#cursor = changes.cursor;
      if (changes.more) continue;
      this.#currentAt = askedAt;
      return;
    }
  }

  /** The list is another, or was restored to what it had been: what we know stays, and all of it is read again. */
  #wentBack({ epoch, cursor }: RevocationPage): boolean {
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

/** @throws SessionError `ERR_STORE_UNAVAILABLE` for an answer that no list gives */
function checked(changes: RevocationPage): RevocationPage {
  const { epoch, time, cursor } = changes;
  if (typeof epoch === 'string' && Number.isFinite(time) && Number.isSafeInteger(cursor)) return changes;
  throw unavailable(new Error('the revocation list answered with an epoch, time or counter that is none'));
}

function ignore(): void {}
