import { MAX_COOKIE_OCTETS } from '../../core/token/cookie.js';
import { SessionError } from '../../core/util/errors.js';
import type { SessionHandle } from '../../core/storage/backend.js';
import type { SessionRecord } from '../../core/model/record.js';
import type { Content } from './payload.js';

/** A session with the cookie that holds it. Shows its value to nobody but the cookie. */
export class SealedHandle implements SessionHandle {
  readonly legacy = false;
  /** Whether the client came with this value, rather than being about to get it. */
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

/** Names the keys that grew since `before`, the largest growth first. */
export function tooLarge(
  octets: number,
  before: SessionRecord['data'],
  after: SessionRecord['data'],
): SessionError {
  const grown = Object.entries(after)
    .map(([key, text]) => ({ key, by: text.length - (before[key]?.length ?? -key.length) }))
    .filter(({ by }) => by > 0)
    .sort((a, b) => b.by - a.by)
    .map(({ key, by }) => `${key} (+${by})`);
  return new SessionError(
    'ERR_COOKIE_TOO_LARGE',
    `The session cookie would have ${octets} octets, and browsers keep ${MAX_COOKIE_OCTETS} (RFC 6265bis §5.6). ` +
      `${grown.length > 0 ? `What grew: ${grown.join(', ')}. ` : ''}Keep less in session.data, or keep sessions in a store.`,
  );
}
