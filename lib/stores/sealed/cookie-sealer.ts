import type { SessionRecord } from '../../core/model/record.js';
import type { Client } from '../../core/storage/backend.js';
import { MAX_COOKIE_OCTETS } from '../../core/token/cookie.js';
import { SessionError } from '../../core/util/errors.js';
import { keyShown } from '../../core/util/texts.js';
import { SealedCache } from './cache.js';
import type { SealedCodec } from './formats/format.js';
import { SealedHandle } from './handle.js';
import { readContent, writeContent, type Content } from './payload.js';

/** Seals the content of a session into the value of a cookie, and opens such a value. */
export class CookieSealer {
  readonly #codec: SealedCodec;
  readonly #bindTo: ((client: Client) => string | undefined) | undefined;
  readonly #cookieName: string;
  readonly #cache = new SealedCache();

  constructor(
    codec: SealedCodec,
    bindTo: ((client: Client) => string | undefined) | undefined,
    cookieName: string,
  ) {
    this.#codec = codec;
    this.#bindTo = bindTo;
    this.#cookieName = cookieName;
  }

  /**
   * The content of a value that one of our keys sealed, also if its time is over; `undefined` for any other value.
   *
   * @param binding by {@link bindingOf}, of the client that presents the value
   */
  open(value: string, binding: string | undefined): Content | undefined {
    if (value.length > MAX_COOKIE_OCTETS) return undefined;
    const cached = this.#codec.cacheable ? this.#cache.get(value) : undefined;
    if (cached) return cached;
    const text = this.#codec.open(value, -Infinity, binding);
    const content = text === undefined ? undefined : readContent(text);
    if (content) this.#keep(value, content);
    return content;
  }

  /** Whether the value looks like a sealed cookie, whichever key sealed it. */
  hasForm(value: string): boolean {
    return this.#codec.hasForm(value);
  }

  /**
   * @param before the data as the client has it, to name the keys that grew
   * @throws SessionError `ERR_COOKIE_TOO_LARGE`
   */
  seal(content: Content, binding: string | undefined, before: SessionRecord['data']): SealedHandle {
    const { lastSeenAt, subject } = content.record;
    const envelope = { lastSeenAt, subject, expiresAt: content.expiresAt, binding };
    const value = this.#codec.seal(writeContent(content), envelope);
    const octets = this.#cookieName.length + value.length;
    if (octets > MAX_COOKIE_OCTETS) throw tooLarge(octets, before, content.record.data);
    this.#keep(value, content);
    return new SealedHandle(content, value, binding, false);
  }

  /** The text that the cookies of this client are bound to, if any. */
  bindingOf(client: Client): string | undefined {
    return this.#bindTo?.(client);
  }

  /** As {@link bindingOf}, for a new session. @throws SessionError `ERR_OPTIONS` if `bindTo` returns no text */
  requireBindingOf(client: Client): string | undefined {
    const binding = this.bindingOf(client);
    if (!this.#bindTo || binding) return binding;
    throw new SessionError(
      'ERR_OPTIONS',
      'SealedCookie: bindTo returned nothing for a request that creates a session, so its cookie could not be opened again. Return a text for every request that may log in.',
    );
  }

  #keep(value: string, content: Content): void {
    if (this.#codec.cacheable) this.#cache.set(value, content);
  }
}

/** Names the keys that grew since `before`, the largest growth first. */
function tooLarge(octets: number, before: SessionRecord['data'], after: SessionRecord['data']): SessionError {
  const grown = Object.entries(after)
    .map(([key, text]) => ({ key, by: text.length - (before[key]?.length ?? -key.length) }))
    .filter(({ by }) => by > 0)
    .sort((a, b) => b.by - a.by)
    .map(({ key, by }) => `${keyShown(key)} (+${by})`);
  return new SessionError(
    'ERR_COOKIE_TOO_LARGE',
    `The session cookie would have ${octets} octets, and browsers keep ${MAX_COOKIE_OCTETS} (RFC 6265bis §5.6). ` +
      `${grown.length > 0 ? `What grew: ${grown.slice(0, 10).join(', ')}. ` : ''}Keep less in session.data, or keep sessions in a store.`,
  );
}
