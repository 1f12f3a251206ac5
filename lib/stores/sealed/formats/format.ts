import { hkdfSync, type KeyObject } from 'node:crypto';

/** What a format knows of a token besides its content. */
export interface Envelope {
  /** Milliseconds since the epoch. */
  lastSeenAt: number;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  subject: string | undefined;
  /** What ties the cookie to its bearer, where the format has a place for it. */
  binding: string | undefined;
}

/** Turns a session's content into a cookie value and back. Knows nothing of what the content says. */
export interface SealedCodec {
  /** Whether it is for the value alone to say what it opens to, so that this may be remembered. */
  readonly byValueAlone: boolean;
  /** Confidential, authentic, and different each time. */
  seal(content: string, envelope: Envelope): string;
  /** Whether the value looks like one of this format, whoever sealed it. */
  hasForm(value: string): boolean;
  /**
   * The content, or `undefined` for whatever this codec did not seal itself, whatever is wrong with it. Never
   * throws.
   *
   * @param now milliseconds since the epoch
   */
  open(value: string, now: number, binding: string | undefined): string | undefined;
}

/** A secret and what it is kept as: text in the options, a key object here. */
export type KeyRing = readonly KeyObject[];

/** Bytes for one purpose (RFC 5869), so that no key serves two. */
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
 * The bytes of unpadded base64url, or `undefined` if these bytes would be written in another way: Node
 * overlooks foreign characters and stray bits at the end, so that altered text would give the same bytes.
 */
export function decodeStrictly(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
