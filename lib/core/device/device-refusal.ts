import type { UnprovedReason } from './device-policy.js';

/** Why a request of a device-bound session, or one of a device itself, was refused. */
export type DeviceRefusal =
  | UnprovedReason
  /** A registration or refresh without a session that is logged in. */
  | 'no-session'
  /** A refresh without the header `Sec-Secure-Session-Id`, which only a browser itself can send. */
  | 'no-session-id'
  /** A registration without a signed challenge. */
  | 'no-proof'
  /** What is signed has not the form of the protocol. */
  | 'malformed'
  /** Signed by an algorithm that the option `deviceBound.algorithms` does not name, or `none`. */
  | 'algorithm'
  /** No key of the algorithm: another curve, a point that is not on it, too short. */
  | 'key'
  /** The signature does not fit the key. At a refresh it ends the session. */
  | 'signature'
  /** The challenge is not of this session and key, too old, or was answered before. */
  | 'challenge'
  /** The session is bound already. */
  | 'bound';

/** Why a browser did not refresh, as it says. */
export type SkipReason = 'quota_exceeded' | 'unreachable' | 'server_error' | 'other';

const SKIPS: ReadonlySet<string> = new Set<SkipReason>(['quota_exceeded', 'unreachable', 'server_error']);

/**
 * The reason in `Secure-Session-Skipped: unreachable;session_identifier="…"`. A page's script can send this header, so it
 * grants nothing.
 */
export function skipReasonOf(header: string | string[] | undefined): SkipReason | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return undefined;
  const [reason = ''] = text.split(';', 1);
  const known = reason.trim().replace(/^"(.*)"$/, '$1');
  return SKIPS.has(known) ? (known as SkipReason) : 'other';
}
