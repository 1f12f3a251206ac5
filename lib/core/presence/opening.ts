import type { ClosingReason } from '../storage/backend.js';

/**
 * Something whose session is being loaded. The response of the store may be older than an event that comes before it, so the
 * `ended` events that arrive meanwhile are kept until it is attached.
 */
export class Opening {
  readonly #ended = new Map<string, ClosingReason>();
  readonly #done: (opening: Opening) => void;

  constructor(done: (opening: Opening) => void) {
    this.#done = done;
  }

  ended(id: string, reason: ClosingReason): void {
    this.#ended.set(id, reason);
  }

  endOf(id: string): { reason: ClosingReason } | undefined {
    const reason = this.#ended.get(id);
    return reason && { reason };
  }

  /** It is attached, or will not be. */
  done(): void {
    this.#done(this);
    this.#ended.clear();
  }
}
