import type { ClosingReason } from '../storage/backend.js';

/**
 * Something whose session is being loaded. The response of the store may be older than an event that comes before it, so the
 * `ended` events that arrive meanwhile are kept until it is attached.
 */
export class Opening {
  readonly #ended = new Map<string, ClosingReason>();
  /** Subjects some of whose sessions ended, and it is not known which. */
  readonly #endedOf = new Set<string | undefined>();
  readonly #done: (opening: Opening) => void;

  constructor(done: (opening: Opening) => void) {
    this.#done = done;
  }

  ended(id: string, reason: ClosingReason): void {
    this.#ended.set(id, reason);
  }

  endedOf(subject: string | undefined): void {
    this.#endedOf.add(subject);
  }

  /** Whether the session has to be looked at again. */
  mayHaveEnded(subject: string | undefined): boolean {
    return this.#endedOf.has(subject);
  }

  endOf(id: string): { reason: ClosingReason } | undefined {
    const reason = this.#ended.get(id);
    return reason && { reason };
  }

  /** It is attached, or will not be. */
  done(): void {
    this.#done(this);
    this.#ended.clear();
    this.#endedOf.clear();
  }
}
