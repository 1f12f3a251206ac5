import { causeOf } from '../core/storage/health/error-cause.js';
import type { Awaitable, StoreFinding, StoreProblem } from '../core/storage/store.js';
import { inTime } from '../core/storage/store-calls.js';
import { systemClock } from '../core/util/clock.js';
import { Complaint } from '../core/util/complaint.js';
import { MAX_DELAY, milliseconds, type Duration } from '../core/util/durations.js';
import { ListReader } from './list-reader.js';
import { NoticeLimiter } from './notice-limiter.js';
import {
  hashedSubjectRevocationOf,
  type Revocation,
  type RevocationContext,
  type RevocationList,
  type SealedToken,
  type Verdict,
} from './revocation-list.js';
import type { RevocationPage, RevocationSource } from './revocation-source.js';
import { mergedWarning, MOST_PER_SUBJECT, RevocationTable } from './revocation-table.js';

export type { Added, RevocationPage, RevocationSource } from './revocation-source.js';

/** What the lists of revocations that several nodes share have in common. */
export interface SharedRevocationsOptions {
  /**
   * Maximum age of the copy in memory that decides a request. If notices are interrupted, a cookie that another node
   * revoked may be accepted for this long; normally a notice arrives within milliseconds. The list is queried three
   * times in this span. If it could not be queried for longer than this, each request queries it, and is rejected with
   * 503 if it does not respond. @default '5s'
   */
  staleness?: Duration;
}

/**
 * The copy that a node keeps of a list which several nodes write. A notice makes the copy current within milliseconds;
 * without notices the polling does within the staleness.
 */
export class SharedRevocations implements RevocationList {
  readonly #source: RevocationSource;
  readonly #staleness: number;
  /** The list enforces the limit per subject. This one is higher, so that nodes do not merge entries at different times. */
  readonly #table = new RevocationTable(2 * MOST_PER_SUBJECT, () => this.#merged.note());
  readonly #reader: ListReader;
  readonly #notices = new NoticeLimiter(() => this.#readInBackground());
  #context: RevocationContext = {
    clock: systemClock,
    clockInjected: false,
    timeout: 2_000,
    warn: () => undefined,
  };
  /** Modules that use the list. */
  #users = 0;
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #failing = false;
  readonly #unreadable = new Complaint(
    (message) => this.#context.warn(message),
    (count) =>
      `Entries of the revocation list that no version of this library wrote were left out: ${count}. Check what else may write to it.`,
  );
  readonly #merged = new Complaint((message) => this.#context.warn(message), mergedWarning);

  /** @throws SessionError `ERR_OPTIONS` for a staleness that is not a duration */
  constructor(source: RevocationSource, { staleness = '5s' }: SharedRevocationsOptions = {}) {
    this.#source = source;
    this.#staleness = milliseconds(staleness, 'staleness');
    this.#reader = new ListReader(source, this.#staleness, (page) => this.#applyPage(page));
  }

  bind(context: RevocationContext): void {
    this.#context = context;
    if (this.#users++ > 0) return;
    this.#unlisten = this.#source.listen(() => {
      if (this.#users > 0) this.#notices.notice();
    });
    this.#timer = setInterval(() => this.#poll(), Math.min(this.#staleness / 3, MAX_DELAY)).unref();
    this.#poll();
  }

  get epoch(): string {
    return this.#reader.epoch;
  }

  get skew(): number {
    return this.#reader.skew;
  }

  get lag(): number {
    return this.#staleness;
  }

  /** Number of entries in the memory of this node, including expired ones until the next sweep. */
  get size(): number {
    return this.#table.size;
  }

  fresh(): void | Promise<void> {
    return this.#reader.fresh(this.#context);
  }

  sync(): Promise<void> {
    return this.#reader.sync(this.#context);
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
    const { added, standing, crowded } = await inTime(this.#source.add(revocation), this.#context.timeout);
    this.#table.apply(standing);
    if (crowded) await this.#merge(revocation);
    return added;
  }

  async diagnose(): Promise<StoreProblem[]> {
    return (await this.#source.diagnose?.(this.#context)) ?? [];
  }

  async examine(): Promise<StoreFinding[]> {
    return (await this.#source.examine?.()) ?? [];
  }

  close(): Awaitable<void> {
    if (--this.#users > 0) return;
    clearInterval(this.#timer);
    this.#notices.stop();
    this.#unlisten?.();
  }

  #now(): number {
    const { clock, clockInjected } = this.#context;
    return clock.now() + (clockInjected ? 0 : this.skew);
  }

  #applyPage({ revocations, unreadable }: RevocationPage): void {
    for (const revocation of revocations) this.#table.apply(revocation);
    if (unreadable > 0) this.#unreadable.note(unreadable);
  }

  /** Replaces the entries of a subject that has too many by one for all of its sessions. */
  async #merge({ rank, until, terms }: Revocation): Promise<void> {
    if (terms.kind !== 'subject') return;
    this.#merged.note();
    // With a time, so that it takes over the latest one of what it replaces.
    const all = hashedSubjectRevocationOf(terms.subject, rank, until, { at: terms.at ?? 0 });
    // The revocation itself is recorded, so a failure is ignored: the next entry of this subject tries again.
    const merged = await inTime(this.#source.add(all), this.#context.timeout).catch(() => undefined);
    if (merged) this.#table.apply(merged.standing);
  }

  #poll(): void {
    this.#table.sweep(this.#now());
    this.#readInBackground();
  }

  #readInBackground(): void {
    this.sync().then(
      () => this.#readSucceeded(),
      (error: unknown) => this.#readFailed(error),
    );
  }

  #readSucceeded(): void {
    this.#failing = false;
    this.#context.health?.read.succeeded();
  }

  /** A query that is in progress at the close may fail with the client, which the application closes next. */
  #readFailed(error: unknown): void {
    if (this.#users === 0) return;
    const { health } = this.#context;
    if (health) health.read.failed(error);
    else this.#warnFailing(error);
  }

  /** For a list that is used without the module. Warns once, until the list responds again. */
  #warnFailing(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#context.warn(
      `The revocation list failed or did not respond in time (${causeOf(error)}). If this lasts longer than ${this.#staleness} ms, requests with a session are rejected with 503. Logged once.`,
    );
  }
}
