import type { SessionHandle } from '../../core/storage/backend.js';
import type { SessionRecord } from '../../core/model/record.js';
import type { Content } from './payload.js';

/** A session with the cookie that holds it. Private fields keep the value out of logs. */
export class SealedHandle implements SessionHandle {
  readonly legacy = false;
  /** True if the client presented this value; false if the response is about to set it. */
  readonly presented: boolean;
  readonly #content: Content;
  readonly #value: string;
  readonly #binding: string | undefined;

  constructor(content: Content, value: string, binding: string | undefined, presented: boolean) {
    this.presented = presented;
    this.#content = content;
    this.#value = value;
    this.#binding = binding;
  }

  get record(): SessionRecord {
    return this.#content.record;
  }

  get token(): string {
    return this.#value;
  }

  get content(): Content {
    return this.#content;
  }

  get binding(): string | undefined {
    return this.#binding;
  }
}
