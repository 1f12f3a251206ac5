import { epochOf, type PredecessorSecret, type SessionRecord } from './record.js';

/** Maximum number of predecessors whose hashes a record keeps, including the immediate one. */
export const KNOWN_PREDECESSORS = 8;

/** The relation of a genuine token to the record of its session. */
export enum TokenStanding {
  /** The present secret. */
  Present = 'present',
  /** A predecessor that still opens the session. */
  Honoured = 'honoured',
  /** Opens nothing and is not a sign of theft: the client lost a response, or its request is late. */
  Superseded = 'superseded',
  /** Superseded because its successor was not presented within the time that a rotation may be pending. */
  Lapsed = 'lapsed',
  /** A predecessor after its grace, so a copy of it was kept. */
  Reused = 'reused',
  /** Not known as a secret of this session, or newer than the record. */
  Unknown = 'unknown',
}

/**
 * @param hash of the secret in a token that one of our keys signed
 * @param certain whether the signature proves that the secret belonged to this session. A legacy signature does not,
 *   since the application may sign other values with the same key.
 */
export function standingOfToken(
  record: SessionRecord,
  hash: string,
  now: number,
  certain: boolean,
): TokenStanding {
  if (hash === record.secretHash) return TokenStanding.Present;
  const { previous } = record;
  if (previous?.hash === hash) return standingOfPrevious(previous, now);
  const earlier = previous?.earlier?.find((one) => one.hash === hash);
  const limit = earlier ?? (certain ? previous?.rest : undefined);
  // If the record knows all predecessors, this secret is a newer one, which a store lost in a failover.
  if (!limit) return TokenStanding.Unknown;
  return isToCome(limit.until, now) ? TokenStanding.Superseded : TokenStanding.Reused;
}

function standingOfPrevious(previous: PredecessorSecret, now: number): TokenStanding {
  const early = now < previous.until;
  if (previous.pending) {
    if (!previous.honoured) return TokenStanding.Superseded;
    return early ? TokenStanding.Honoured : TokenStanding.Lapsed;
  }
  if (!early) return TokenStanding.Reused;
  return previous.honoured ? TokenStanding.Honoured : TokenStanding.Superseded;
}

/** Without a time the grace has not started yet: it starts when the present secret is presented. */
const isToCome = (until: number | undefined, now: number): boolean => until === undefined || now < until;

export interface RotationTerms {
  /** Hash of the present secret, which is about to be replaced. */
  from: string;
  nonce: string;
  /** Whether the predecessor still opens the session: true for a periodic rotation. */
  honoured: boolean;
  now: number;
  /** Milliseconds after its successor is first presented during which a predecessor is not a sign of theft. */
  grace: number;
  /** Milliseconds for which an honoured predecessor opens the session until its successor is presented. */
  pendingFor: number;
  /** Whether this request presented the present secret, which confirms the previous rotation. */
  presented: boolean;
}

/** What the record keeps of its predecessors after a rotation. */
export function afterRotation(record: SessionRecord, terms: RotationTerms): PredecessorSecret {
  const { from, nonce, honoured, now, grace, pendingFor, presented } = terms;
  const before = presented ? afterConfirmation(record, now, grace) : record.previous;
  const epoch = epochOf(record) + (honoured ? 0 : 1);
  return {
    hash: from,
    // Older versions of this library do not know `pending`. For them the grace of a re-login begins now.
    until: now + (honoured ? pendingFor : grace),
    honoured,
    nonce,
    pending: true,
    ...(epoch > 0 && { epoch }),
    ...earlierThan(before, now, grace),
  };
}

function earlierThan(
  before: PredecessorSecret | undefined,
  now: number,
  grace: number,
): Pick<PredecessorSecret, 'earlier' | 'rest'> {
  if (!before) return {};
  const all = [superseded(before, now, grace), ...(before.earlier ?? [])];
  const earlier = all.slice(0, KNOWN_PREDECESSORS - 1);
  const rest = all.slice(KNOWN_PREDECESSORS - 1).reduce(later, before.rest);
  return { earlier, ...(rest && { rest }) };
}

/** A secret that was valid until now gets another grace in which it is not a sign of theft. */
function superseded({ hash, until, honoured, pending }: PredecessorSecret, now: number, grace: number) {
  if (pending) return { hash };
  const wasValid = honoured && now < until;
  return { hash, until: wasValid ? Math.max(until, now + grace) : until };
}

function later(a: { until?: number } | undefined, b: { until?: number }): { until?: number } {
  if (!a) return withoutHash(b);
  if (a.until === undefined || b.until === undefined) return {};
  return { until: Math.max(a.until, b.until) };
}

const withoutHash = ({ until }: { until?: number }) => (until === undefined ? {} : { until });

/** What the record keeps once the present secret was presented: the grace of its predecessors starts now. */
export function afterConfirmation(
  record: SessionRecord,
  now: number,
  grace: number,
): PredecessorSecret | undefined {
  const { previous } = record;
  if (!previous?.pending) return previous;
  const { pending: _, honoured, until, earlier, rest, ...others } = previous;
  const end = <T extends { until?: number }>(one: T): T => ({ ...one, until: one.until ?? now + grace });
  return {
    ...others,
    until: now + grace,
    // A predecessor whose rotation was pending for too long must not open the session again.
    honoured: honoured && now < until,
    ...(earlier && { earlier: earlier.map(end) }),
    ...(rest && { rest: end(rest) }),
  };
}
