import type { SessionRecord } from '../../../core/model/record.js';
import type { Client, CreateTerms, IssueResult } from '../../../core/storage/backend.js';
import { isSettled, isTimeout } from '../../../core/storage/store-calls.js';
import { loginRevoked } from '../../../core/util/errors.js';
import type { SealedContext } from '../context.js';
import type { SealedHandle } from '../handle.js';
import type { Content } from '../payload.js';
import { issueTime, sessionEntry } from '../revocation-entries.js';

/**
 * Seals the first cookie of a session.
 *
 * @param ttl the idle timeout, in milliseconds
 * @throws SessionError `ERR_LOGIN_REVOKED`, `ERR_SESSION_LIMIT`, `ERR_COOKIE_TOO_LARGE`
 */
export async function createSession(
  context: SealedContext,
  draft: SessionRecord,
  ttl: number,
  client: Client,
  terms: CreateTerms,
): Promise<IssueResult<SealedHandle>> {
  const { sealer } = context;
  const askedAt = context.now();
  await syncFor(context, draft.subject);
  assertProvedSince(context, draft.subject, terms.provedAt);
  const handle = sealer.seal(firstContent(context, draft, ttl, askedAt), sealer.requireBindingOf(client), {});
  await evictSurplus(context, draft, terms);
  // Concurrent logins may have been added in the meantime, so the index counts again.
  const removed = await addToIndex(context, draft, ttl, terms);
  await evictRemoved(context, removed, draft.id, terms);
  return { handle };
}

/**
 * A session of a subject is issued only with all revocations known that were recorded up to now. Otherwise its
 * {@link issueTime} could be before that of an earlier revocation, which would void the new session; and a session that
 * replaces a revoked one would not be voided with it.
 */
function syncFor({ list }: SealedContext, subject: string | undefined): void | Promise<void> {
  return subject === undefined ? list?.fresh() : list?.sync();
}

/** @throws SessionError `ERR_LOGIN_REVOKED` if the subject's sessions were revoked after it authenticated */
function assertProvedSince(
  { list }: SealedContext,
  subject: string | undefined,
  provedAt: number | undefined,
): void {
  if (!list || subject === undefined || provedAt === undefined) return;
  if (!(provedAt > list.revokedAt(subject))) throw loginRevoked();
}

function firstContent(context: SealedContext, draft: SessionRecord, ttl: number, askedAt: number): Content {
  const { id, subject } = draft;
  return {
    id,
    version: 0,
    ...(subject !== undefined && { subject }),
    issuedAt: issueTime(context, subject, askedAt),
    epoch: context.list?.epoch ?? '',
    record: draft,
    expiresAt: draft.lastSeenAt + ttl,
    endsAt: draft.startedAt + context.limitsOf(draft).lifetime,
  };
}

/**
 * Evicts the sessions above the limit. Each is revoked first and removed from the index afterwards: whichever step
 * fails, the index lists every live session, so that it can still be revoked by its id.
 */
async function evictSurplus(context: SealedContext, draft: SessionRecord, terms: CreateTerms): Promise<void> {
  const { index } = context;
  for (const record of await index.surplus(draft, terms.limit)) {
    await evict(context, record, terms);
    await index.remove(record.id);
  }
}

/** Returns the sessions that the index removed for this one. */
async function addToIndex(
  { index }: SealedContext,
  draft: SessionRecord,
  ttl: number,
  terms: CreateTerms,
): Promise<SessionRecord[]> {
  try {
    return await index.add(draft, ttl, terms);
  } catch (error) {
    // The entry may be stored although the call failed, and no client gets the cookie.
    if (isTimeout(error)) void index.remove(draft.id).catch(ignore);
    else if (!isSettled(error)) await index.remove(draft.id).catch(ignore);
    throw error;
  }
}

/**
 * Evicts the sessions that the index itself removed because of concurrent logins. If one cannot be revoked, it stays
 * live and is listed again.
 */
async function evictRemoved(
  context: SealedContext,
  removed: readonly SessionRecord[],
  newId: string,
  terms: CreateTerms,
): Promise<void> {
  const { index } = context;
  const left = [...removed];
  try {
    for (; left.length > 0; left.shift()) await evict(context, left[0]!, terms);
  } catch (error) {
    for (const record of left) await index.restore(record, context.limitsOf(record).idle).catch(ignore);
    await index.remove(newId).catch(ignore);
    throw error;
  }
}

/** Emits nothing if a concurrent login evicted it first, and emitted the event. */
async function evict(
  context: SealedContext,
  record: SessionRecord,
  { limit, onEvicted }: CreateTerms,
): Promise<void> {
  const grace = context.now() + (limit?.tombstoneTtl ?? 0);
  const added = await context.list?.add(sessionEntry(context, record, { why: 'evicted', grace }));
  if (added !== false) onEvicted?.(record);
}

function ignore(): void {}
