import { createHmac, timingSafeEqual } from 'node:crypto';

/** Text or octets. */
export type Key = string | Uint8Array;

export const listed = <T>(one: T | readonly T[]): readonly T[] =>
  Array.isArray(one) ? (one as T[]) : [one as T];

/** Compares two texts without telling by its time where they differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * The value of `value.signature`, where the signature is an HMAC in base64 without padding: the format of
 * cookie-signature, and of @fastify/cookie. Any of the keys may have signed it.
 */
export function unsigned(signed: string, keys: readonly Key[], algorithm = 'sha256'): string | undefined {
  const dot = signed.lastIndexOf('.');
  if (dot < 1) return undefined;
  const value = signed.slice(0, dot);
  const signature = signed.slice(dot + 1);
  const genuine = keys.some((key) =>
    sameText(createHmac(algorithm, key).update(value).digest('base64').replace(/=+$/, ''), signature),
  );
  return genuine ? value : undefined;
}
