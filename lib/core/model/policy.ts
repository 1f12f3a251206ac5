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
 * The limit that has passed, if any. A time that is missing or not a number counts as passed, so the check fails
 * closed.
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
 * Marks, among a record's factors and with a negative time, a session that `protection: 'basic'` saw with a different
 * client: until the next re-login no proof counts as fresh. The mark is a factor because every store keeps factors
 * unchanged, and because nodes of version 0.1.0 do not accept a negative time as a recent proof.
 */
export const SUSPECT = '~suspect';

/** Whether a different client was seen since the last proof. */
export const isSuspect = (factors: Factors): boolean => Object.hasOwn(factors, SUSPECT);

/** @param now milliseconds since the epoch */
export const suspected = (factors: Factors, now: number): Factors => ({ ...factors, [SUSPECT]: -now });

/** The factors after a proof, which also removes the mark of a different client. */
export function proved(factors: Factors, factor: string, now: number): Factors {
  const { [SUSPECT]: _mark, ...proofs } = factors;
  return { ...proofs, [factor]: now };
}

type Factors = SessionRecord['factors'];

/**
 * When the subject last authenticated, by the given factor or by any, in milliseconds since the epoch. `undefined` if
 * it never did, or if a stored time is not a finite number.
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

/** As the time of a login whose time is unknown: the oldest possible one, so that no window accepts it. */
export const UNKNOWN_TIME = 0;

/** As {@link authenticatedAt}, and `undefined` where the time is unknown. */
export function knownProof(factors: Factors, factor?: string): Date | undefined {
  const at = authenticatedAt(factors, factor);
  return at === undefined || at === UNKNOWN_TIME ? undefined : new Date(at);
}

/**
 * Whether the subject authenticated no later than `time`, in milliseconds since the epoch. True for a session without a
 * valid time of authentication.
 */
export function provedBy({ factors }: Pick<SessionRecord, 'factors'>, time: number): boolean {
  const provedAt = authenticatedAt(factors);
  return provedAt === undefined || provedAt <= time;
}

/**
 * The last millisecond in which the last proof is at most `within` milliseconds old. `undefined` if it is older, missing, or
 * in the future, and for a session that a different client used.
 */
export function freshUntil(
  factors: Readonly<Record<string, number>>,
  within: number,
  now: number,
  factor?: string,
): number | undefined {
  if (isSuspect(factors)) return undefined;
  const at = authenticatedAt(factors, factor);
  return at !== undefined && at <= now && now - at <= within ? at + within : undefined;
}
