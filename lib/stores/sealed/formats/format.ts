import { hkdfSync, type KeyObject } from 'node:crypto';

/** What a format may store beside the content. */
export interface Envelope {
  /** Milliseconds since the epoch. */
  lastSeenAt: number;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  subject: string | undefined;
  /** The text that the cookie is bound to, in formats that support it. */
  binding: string | undefined;
}

/** Turns a session's content into a cookie value and back. The content is an opaque text. */
export interface SealedCodec {
  /** True if the result of {@link open} depends only on the value, not on time or binding, so that it can be cached. */
  readonly cacheable: boolean;
  /** Encrypts and authenticates. The result differs each time, also for the same content. */
  seal(content: string, envelope: Envelope): string;
  /** Whether the value has the form of this format, whichever key sealed it. */
  hasForm(value: string): boolean;
  /**
   * The content, or `undefined` for any value that this codec did not seal with one of its keys. Never throws.
   *
   * @param now milliseconds since the epoch
   */
  open(value: string, now: number, binding: string | undefined): string | undefined;
}

/** The secrets of the application as key objects; the first seals, all of them open. */
export type KeyRing = readonly KeyObject[];

/** Derives a key for one purpose by HKDF-SHA256 (RFC 5869), so that no key serves two. */
export function derive(
  secret: KeyObject,
  purpose: string,
  length: number,
  salt: Uint8Array = NO_SALT,
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, purpose, length));
}

const NO_SALT = new Uint8Array(0);

/**
 * The bytes of a text in unpadded base64url; `undefined` if the text is not their only encoding. Node ignores foreign
 * characters and surplus bits at the end, so that an altered text could decode to the same bytes.
 */
export function decodeStrictly(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
