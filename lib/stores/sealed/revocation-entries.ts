import type { SessionRecord } from '../../core/model/record.js';
import {
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
