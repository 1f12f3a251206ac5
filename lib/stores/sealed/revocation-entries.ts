import type { SessionRecord } from '../../core/model/record.js';
import type { AnsweredChallenge } from '../../core/storage/backend.js';
import {
  digest,
  revocationOf,
  subjectRevocationOf,
  type Revocation,
  type RevocationList,
  type SessionTerms,
  type SubjectScope,
} from '../../revocations/revocation-list.js';
import type { SealedContext } from './context.js';

/** How long an entry is kept after the last token that it voids has expired, in milliseconds: clocks differ. */
const MARGIN = 60_000;

/** Maximum difference between the clocks of two nodes, each corrected by the clock of the list, in milliseconds. */
const TOLERANCE = 1_000;

/**
 * An entry that voids tokens of one session: all of them, or with `version` the ones of lower versions.
 *
 * It is kept for one idle timeout, not until the session's absolute end: every token of the session, whichever node
 * rolled it, was sealed by now, so it expires within an idle timeout.
 *
 * @param record without `remember` if only its id is known; then the longest idle timeout counts
 */
export function sessionEntry(
  context: SealedContext,
  { id, remember }: Pick<SessionRecord, 'id'> & Partial<SessionRecord>,
  terms: Partial<SessionTerms> & Pick<SessionTerms, 'why' | 'grace'>,
  version?: number,
): Revocation {
  const until =
    remember === undefined ? longestExpiry(context) : expiryOf(context, context.limitsOf({ remember }).idle);
  return revocationOf(id, until, { honoured: false, ...terms }, version);
}

/**
 * An entry that voids the challenges of a session's device up to one that was answered: the time of a challenge is its version, so
 * that a session has one such entry, however often its device answers. No session has this id: others are random.
 */
export function answeredEntry(
  { list }: SealedContext,
  sessionId: string,
  { at, until }: AnsweredChallenge,
): Revocation {
  const kept = Math.ceil(until + (list?.lag ?? 0) + MARGIN);
  return revocationOf(challengesOf(sessionId), kept, { why: 'rotated', grace: 0, honoured: false }, at + 1);
}

/** When the latest challenge was made that was answered, as far as the copy of the list in memory has it; 0 for none. */
export function answeredAt({ list }: SealedContext, sessionId: string): number {
  if (!list) return 0;
  const first = { id: challengesOf(sessionId), version: 0, issuedAt: 0, epoch: list.epoch };
  const verdict = list.check(first);
  return !verdict.live && verdict.why === 'superseded' ? (verdict.version ?? 1) - 1 : 0;
}

const challengesOf = (sessionId: string): string => digest(`nest-sessions/challenges|${sessionId}`);

/**
 * An entry that voids the tokens of a subject which were issued up to now. Its time is slightly ahead, for nodes whose
 * clock is. {@link issueTime} still puts a login that follows after it.
 */
export function subjectEntry(
  context: SealedContext,
  list: RevocationList,
  subject: string,
  scope: SubjectScope,
): Revocation {
  const before = Math.max(context.now() + TOLERANCE, list.revokedSince(subject) + 1);
  return subjectRevocationOf(subject, before, longestExpiry(context), scope);
}

/**
 * The `issuedAt` of a new session: after every known revocation of its subject, even if the clocks differ.
 *
 * @param now milliseconds since the epoch, not later than the query of what is known: a revocation that the query missed
 *   has to void the session, however long the response took
 */
export function issueTime(context: SealedContext, subject: string | undefined, now: number): number {
  return subject === undefined ? now : Math.max(now, (context.list?.revokedSince(subject) ?? 0) + 1);
}

/** When every token that exists now has expired unless it is rolled. */
function longestExpiry(context: SealedContext): number {
  const idles = [true, false].map((remember) => context.limitsOf({ remember }).idle);
  return expiryOf(context, Math.max(...idles));
}

/** Upper bound on the expiry of a token that another node rolled before it received the revocation. */
function expiryOf(context: SealedContext, idle: number): number {
  return context.now() + idle + (context.list?.lag ?? 0) + MARGIN;
}
