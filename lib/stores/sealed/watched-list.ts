import { observed } from '../../core/diagnostics/observed.js';
import { withoutValues } from '../../core/storage/health/driver-error.js';
import { isSessionError, unavailable } from '../../core/util/errors.js';
import { reported } from '../../core/storage/health/store-health.js';
import type { Awaitable, CallReports } from '../../core/storage/store.js';
import type {
  Revocation,
  RevocationContext,
  RevocationList,
  SealedToken,
  Verdict,
} from '../../revocations/revocation-list.js';

const PART = 'revocations';

/** A list of revocations whose calls are reported, also of an application's own list. A lookup in its memory is no call. */
export class WatchedList implements RevocationList {
  readonly #list: RevocationList;
  readonly #health: CallReports;
  #closed = false;

  constructor(list: RevocationList, health: CallReports) {
    this.#list = list;
    this.#health = health;
  }

  bind(context: RevocationContext): void {
    this.#list.bind(context);
  }

  fresh(): void | Promise<void> {
    const waiting = this.#list.fresh();
    // Mostly there is nothing to wait for.
    return waiting && reported(this.#health.read, Promise.resolve(observed(PART, 'fresh', () => waiting)));
  }

  sync(): void | Promise<void> {
    const waiting = observed(PART, 'sync', () => this.#list.sync());
    return waiting && reported(this.#health.read, waiting);
  }

  get epoch(): string {
    return this.#list.epoch;
  }

  get lag(): number {
    return this.#list.lag;
  }

  get skew(): number {
    return this.#list.skew;
  }

  check(token: SealedToken): Verdict {
    return this.#list.check(token);
  }

  revokedSince(subject: string): number {
    return this.#list.revokedSince(subject);
  }

  revokedAt(subject: string): number {
    return this.#list.revokedAt(subject);
  }

  add(revocation: Revocation): Promise<boolean> {
    const added = observed(PART, 'add', () => this.#list.add(revocation));
    return reported(this.#health.write, Promise.resolve(added)).catch(failAsUnavailable);
  }

  /** Only the first call counts: an application may be closed twice, and another one may go on with the list. */
  close(): Awaitable<void> {
    if (this.#closed) return;
    this.#closed = true;
    return this.#list.close();
  }
}

/** A list of an application's own may reject with the error of its driver. */
function failAsUnavailable(error: unknown): never {
  throw isSessionError(error) ? error : unavailable(withoutValues(error));
}
