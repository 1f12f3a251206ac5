import type { SessionEvent, StoreAccess, StorePart } from '../../events/events.js';
import type { Clock } from '../../util/clock.js';
import { Complaint } from '../../util/complaint.js';
import { isSessionError } from '../../util/errors.js';
import { isRefusal } from './driver-error.js';
import { causeOf, driverError } from './error-cause.js';
import { PART_NAMES } from './store-names.js';
import type { CallReport } from '../store.js';

/** Least time between two lines about one outage, in milliseconds. */
const EVERY = 60_000;

/** Outages that are logged as they begin, within {@link EVERY}. Further ones are counted: a store may fail now and then. */
const MOST_OUTAGES = 3;

/** What is logged and emitted about a store goes through these. */
export interface HealthContext {
  clock: Clock;
  warn(message: string): void;
  /** @default `warn` */
  error?(message: string): void;
  emit?(event: SessionEvent): void;
}

const PARTICIPLES: Record<StoreAccess, string> = { read: 'read', write: 'written' };

interface Outage {
  /** When its first call failed, in milliseconds since the epoch. */
  readonly since: number;
  /** Calls that have failed. */
  count: number;
  /** Whether a line said that it began. */
  logged: boolean;
}

/**
 * Whether the reads of a store succeed, or its writes. The first failure is logged as an error with its cause; while it
 * lasts one line a minute says how many calls failed since the last one; and one line says when it is over. Holds a few
 * numbers, and no timer: the calls themselves tell the time.
 */
export class AccessHealth implements CallReport {
  readonly #part: StorePart;
  readonly #access: StoreAccess;
  readonly #context: HealthContext;
  readonly #refused: Complaint;
  #outage: Outage | undefined;
  /** Failures that no line has counted. */
  #unlogged = 0;
  /** The latest failure, redacted, for a line that a success writes. */
  #cause = '';
  /** Whether a success has something to do. */
  #troubled = false;
  #loggedAt = -Infinity;
  /** Outages that were logged since {@link windowAt}. */
  #outages = 0;
  #windowAt = -Infinity;

  constructor(part: StorePart, access: StoreAccess, context: HealthContext) {
    this.#part = part;
    this.#access = access;
    this.#context = context;
    this.#refused = new Complaint(
      (message) => context.warn(message),
      (count) =>
        `${PART_NAMES[part]} works, but it refused calls for what they contain, or for a conflict with others: ${count}, the last one with ${this.#cause}. Each was answered with 503.`,
      () => context.clock.now(),
    );
  }

  get failing(): boolean {
    return this.#outage !== undefined;
  }

  succeeded(): void {
    if (this.#troubled) this.#settle();
  }

  failed(error: unknown): void {
    if (isSessionError(error) && error.code !== 'ERR_STORE_UNAVAILABLE') return;
    if (isRefusal(driverError(error))) return this.#refuse(error);
    const now = this.#context.clock.now();
    const begins = this.#outage === undefined;
    const outage = (this.#outage ??= { since: now, count: 0, logged: false });
    this.#troubled = true;
    outage.count++;
    this.#unlogged++;
    const logs = (begins && this.#mayBegin(now)) || this.#isDue(now);
    if (!begins && !logs) return;
    this.#cause = causeOf(error);
    if (begins) this.#emitFailed(now);
    if (logs) this.#logFailing(outage, now);
  }

  #refuse(error: unknown): void {
    this.#cause = causeOf(error);
    this.#refused.note();
  }

  #settle(): void {
    const now = this.#context.clock.now();
    const outage = this.#outage;
    this.#outage = undefined;
    if (outage) this.#emitRecovered(outage, now);
    if (outage?.logged) this.#logRecovered(outage, now);
    else if (this.#isDue(now)) this.#logInterrupted(now);
    this.#troubled = this.#unlogged > 0;
  }

  #mayBegin(now: number): boolean {
    if (isOver(now - this.#windowAt)) {
      this.#windowAt = now;
      this.#outages = 0;
    }
    return ++this.#outages <= MOST_OUTAGES;
  }

  #isDue(now: number): boolean {
    return isOver(now - this.#loggedAt);
  }

  #logFailing(outage: Outage, now: number): void {
    const { logged } = outage;
    outage.logged = true;
    const times =
      logged || this.#unlogged > 1 ? ` ${calls(this.#unlogged)} failed since the last line about it.` : '';
    this.#error(
      `${this.#subject} ${logged ? 'still ' : ''}cannot be ${PARTICIPLES[this.#access]} (${this.#cause}).${times} Requests that need it are answered with 503, and keep their sessions. This is logged once a minute while it lasts.`,
      now,
    );
  }

  #logRecovered(outage: Outage, now: number): void {
    this.#unlogged = 0;
    this.#context.warn(
      `${this.#subject} can be ${PARTICIPLES[this.#access]} again, after ${seconds(outage, now)} s in which ${calls(outage.count)} failed.`,
    );
  }

  #logInterrupted(now: number): void {
    this.#error(
      `${this.#subject} could not be ${PARTICIPLES[this.#access]} now and then (${this.#cause}): ${calls(this.#unlogged)} failed since the last line about it. It works at present.`,
      now,
    );
  }

  #error(message: string, now: number): void {
    this.#loggedAt = now;
    this.#unlogged = 0;
    if (this.#context.error) this.#context.error(message);
    else this.#context.warn(message);
  }

  get #subject(): string {
    return PART_NAMES[this.#part];
  }

  #emitFailed(at: number): void {
    const [part, access, cause] = [this.#part, this.#access, this.#cause];
    this.#context.emit?.({ type: 'store-failed', id: '', at, part, access, cause });
  }

  #emitRecovered({ since, count }: Outage, at: number): void {
    const [part, access] = [this.#part, this.#access];
    const duration = Math.max(0, at - since);
    this.#context.emit?.({ type: 'store-recovered', id: '', at, part, access, count, duration });
  }
}

/** Also if the clock was set back. */
const isOver = (elapsed: number): boolean => elapsed >= EVERY || elapsed < 0;

const calls = (count: number): string => (count === 1 ? '1 call' : `${count} calls`);

const seconds = ({ since }: Outage, now: number): string => (Math.max(0, now - since) / 1000).toFixed(1);
