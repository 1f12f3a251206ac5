import type { RejectReason } from './reject-reason.js';
import type { SessionRecord } from './record.js';

/** The time limits of a session, in milliseconds. */
export interface Limits {
  idle: number;
  lifetime: number;
}

export type Timeout = Extract<RejectReason, 'idle' | 'lifetime'>;

/** expiry = min(last seen + idle, start + lifetime) */
export function expiryOf(record: Pick<SessionRecord, 'lastSeenAt' | 'startedAt'>, limits: Limits): number {
  return Math.min(record.lastSeenAt + limits.idle, record.startedAt + limits.lifetime);
}

/**
 * Which limit has ended the session, if one has. A time that is missing, not a number or negative counts as passed: it
 * fails closed.
 */
export function timeoutOf(record: SessionRecord, limits: Limits, now: number): Timeout | undefined {
  if (!(now < record.startedAt + limits.lifetime)) return 'lifetime';
  if (!(now < record.lastSeenAt + limits.idle)) return 'idle';
  return undefined;
}

/** Whether the idle timeout should be extended by this request. */
export function rollIsDue(record: SessionRecord, rollEvery: number, now: number): boolean {
  return now - record.lastSeenAt >= rollEvery;
}

/**
 * Stands among a record's factors, with a negative time, where `protection: 'basic'` saw another client: till the next
 * re-login no proof counts as fresh. There, so that every store keeps it as it is; and for nodes of versions before 0.2,
 * to whom a negative time is no recent proof.
 */
export const SUSPECT = '~suspect';

/** Whether another client was seen since the last proof. */
export const isSuspect = (factors: Factors): boolean => Object.hasOwn(factors, SUSPECT);

/** @param now milliseconds since the epoch */
export const suspected = (factors: Factors, now: number): Factors => ({ ...factors, [SUSPECT]: -now });

/** The factors after a proof: whoever was seen before, this is the subject. */
export function proved({ ...factors }: Factors, factor: string, now: number): Factors {
  delete (factors as Record<string, number>)[SUSPECT];
  return { ...factors, [factor]: now };
}

type Factors = SessionRecord['factors'];

/**
 * When the subject last proved itself, by the given factor or by any; `undefined` if it never did,
 * or if what is stored is no time.
 */
export function authenticatedAt(
  factors: Readonly<Record<string, number>>,
  factor?: string,
): number | undefined {
  const times = Object.entries(factors)
    .filter(([name]) => name !== SUSPECT && (factor === undefined || name === factor))
    .map(([, time]) => time);
  if (times.length === 0 || !times.every((time) => Number.isFinite(time))) return undefined;
  return Math.max(...times);
}

/**
 * Whether the proof is recent. At an age of exactly `within` it is; a missing time or one in the
 * future is not.
 */
export function isFresh(
  factors: Readonly<Record<string, number>>,
  within: number,
  now: number,
  factor?: string,
): boolean {
  if (isSuspect(factors)) return false;
  const at = authenticatedAt(factors, factor);
  return at !== undefined && at <= now && now - at <= within;
}
