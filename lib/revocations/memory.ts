import { randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../core/util/clock.js';
import type { StoreFinding } from '../core/storage/store.js';
import { checkOptions } from '../core/util/options.js';
import { Complaint } from '../core/util/complaint.js';
import { mergedWarning, MOST_PER_SUBJECT, RevocationTable } from './revocation-table.js';
import type {
  Revocation,
  RevocationContext,
  RevocationList,
  SealedToken,
  Verdict,
} from './revocation-list.js';

/** How often expired entries are removed, in milliseconds. */
const SWEEP_EVERY = 60_000;

/**
 * Revocations in the memory of this process, for a single node. Each process has an epoch, every cookie contains it, and
 * a cookie of another epoch is rejected. So a restart ends all sessions that were issued before it, and no revoked
 * cookie becomes valid again.
 */
export class MemoryRevocations implements RevocationList {
  readonly epoch = randomBytes(6).toString('base64url');
  readonly skew = 0;
  readonly lag = 0;
  readonly #table = new RevocationTable(MOST_PER_SUBJECT, () => this.#merged.note());
  readonly #merged = new Complaint((message) => this.#warn(message), mergedWarning);
  #clock: Clock = systemClock;
  #warn: (message: string) => void = () => undefined;
  #users = 0;
  #sweeper: NodeJS.Timeout | undefined;

  /** @throws SessionError `ERR_OPTIONS` for any option: there are none */
  constructor(options: Record<string, never> = {}) {
    checkOptions('MemoryRevocations', options, {});
  }

  bind({ clock, warn }: RevocationContext): void {
    this.#clock = clock;
    this.#warn = warn;
    this.#users++;
    if (process.env['NODE_ENV'] === 'production' && this.#users === 1) {
      warn(
        'Revocations are kept in the memory of this process: a restart ends all sessions, and other nodes reject its cookies. For more than one node give SealedCookie a RedisRevocations or PostgresRevocations.',
      );
    }
    this.#sweeper ??= setInterval(() => this.sweep(), SWEEP_EVERY).unref();
  }

  /** In production it is a warning, and elsewhere as it should be. */
  examine(): StoreFinding[] {
    const finding =
      'it is kept in the memory of this process: a restart ends all sessions, and other nodes reject its cookies.';
    if (process.env['NODE_ENV'] !== 'production') return [{ level: 'ok', finding }];
    const remedy = 'With more than one node give SealedCookie a RedisRevocations or a PostgresRevocations.';
    return [{ level: 'warning', finding, remedy }];
  }

  /** Number of entries, including expired ones until the next sweep. */
  get size(): number {
    return this.#table.size;
  }

  fresh(): void {
    // The table is the list, so it is always current.
  }

  sync(): void {
    // As above.
  }

  check(token: SealedToken): Verdict {
    return this.#table.check(token, this.#clock.now());
  }

  revokedSince(subject: string): number {
    return this.#table.revokedSince(subject);
  }

  revokedAt(subject: string): number {
    return this.#table.revokedAt(subject);
  }

  async add(revocation: Revocation): Promise<boolean> {
    return this.#table.apply(revocation);
  }

  /** Removes expired entries. Called once a minute. */
  sweep(): void {
    this.#table.sweep(this.#clock.now());
  }

  close(): void {
    if (--this.#users > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}
