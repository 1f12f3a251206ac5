import { applyDelta } from '../../../core/model/record.js';
import type { BackendWrite, Rotation, SaveResult } from '../../../core/storage/backend.js';
import type { SessionTerms } from '../../../revocations/revocation-list.js';
import type { SealedContext } from '../context.js';
import type { SealedHandle } from '../handle.js';
import type { Content } from '../payload.js';
import { sessionEntry } from '../revocation-entries.js';
import { isPending, readBeforeRotation, sessionIsLive, verdictOf } from '../verdict.js';
import { withDevice } from '../with-device.js';

/**
 * Seals a new cookie with a change. A rotation that voids the cookies before it is recorded in the list first.
 *
 * @param ttl milliseconds from now until the cookie expires; without it the expiry is unchanged
 * @throws SessionError `ERR_COOKIE_TOO_LARGE`
 */
export async function saveSession(
  context: SealedContext,
  before: SealedHandle,
  change: BackendWrite,
  now: number,
  ttl?: number,
): Promise<SaveResult<SealedHandle>> {
  const { content } = before;
  const rotation = enforced(context, change.rotate);
  await (rotation ? readBeforeRotation(context, content) : context.list?.fresh());
  const verdict = verdictOf(context, content);
  if (!verdict.live) return { outcome: 'gone' };
  const { version } = verdict;
  // Another request rotated first, and this one holds the predecessor within its grace.
  if (rotation && version !== content.version) return { outcome: 'conflict' };
  const current = withDevice(before, verdict);
  const after = changed(context, current, change, rotation ? version + 1 : version, now, ttl);
  if (rotation) {
    const older = olderGrace(verdict.rotation, before.presented, now, rotation.grace);
    if (!(await rotate(context, after.content, rotation, now, older))) return { outcome: 'conflict' };
  } else {
    await confirm(context, before, verdict.rotation, change, now);
  }
  const listed =
    (await context.index.update(after.record, change.head, ttl)) || (await listAgain(context, after, now));
  return listed ? { outcome: 'saved', handle: after } : { outcome: 'gone' };
}

/**
 * For a session without an entry in the index: it ended, or the entry expired while this request was in progress, and
 * the session goes on in the new cookie. False if it ended.
 */
async function listAgain(context: SealedContext, { content }: SealedHandle, now: number): Promise<boolean> {
  const { list, index } = context;
  await list?.sync();
  if (!verdictOf(context, content).live) return false;
  await index.relist(content.record, content.expiresAt - now);
  // Who ended the session in the meantime may have removed its entry before this one was added.
  await list?.sync();
  const verdict = verdictOf(context, content);
  if (verdict.live) return true;
  if (!sessionIsLive(verdict)) await index.remove(content.id);
  return false;
}

/** The rotation if it voids the cookies before it: at a re-login always, else only with `enforceRotation`. */
function enforced(
  { enforceRotation }: SealedContext,
  rotation: BackendWrite['rotate'],
): BackendWrite['rotate'] {
  return rotation && (!rotation.honoured || enforceRotation) ? rotation : undefined;
}

function changed(
  context: SealedContext,
  before: SealedHandle,
  change: BackendWrite,
  version: number,
  now: number,
  ttl?: number,
): SealedHandle {
  // A confirmation alone is recorded in the list and needs no new cookie.
  if (!(change.data ?? change.head ?? change.rotate)) return before;
  const { content, binding } = before;
  // If another request rotated, the new cookie is not due for a rotation.
  const head = { ...(version !== content.version && { rotatedAt: now }), ...change.head };
  const record = applyDelta(content.record, { ...change.data, head });
  const next: Content = {
    ...content,
    version,
    record,
    expiresAt: ttl === undefined ? content.expiresAt : now + ttl,
    endsAt:
      head.startedAt === undefined ? content.endsAt : record.startedAt + context.limitsOf(record).lifetime,
  };
  return context.sealer.seal(next, binding, content.record.data);
}

/** Records the rotation. False if another request recorded one first. */
async function rotate(
  context: SealedContext,
  { record, version }: Content,
  { honoured, grace }: Rotation,
  now: number,
  older: number | undefined,
): Promise<boolean> {
  const terms = {
    why: 'rotated',
    grace: now + grace,
    honoured,
    ...(older !== undefined && { older }),
  } as const;
  return context.list ? context.list.add(sessionEntry(context, record, terms, version)) : true;
}

/**
 * Starts the grace of the predecessors, because their successor was presented. A failing list does not fail the
 * request: the next one that presents the successor tries again.
 */
async function confirm(
  context: SealedContext,
  { content, presented }: SealedHandle,
  rotation: SessionTerms | undefined,
  change: BackendWrite,
  now: number,
): Promise<void> {
  const confirmation = change.confirm ?? change.rotate;
  if (!confirmation || !presented || !isPending(rotation)) return;
  const confirmed = Math.ceil(now + confirmation.grace);
  const terms = { ...rotation, confirmed, older: rotation.older ?? confirmed };
  const entry = sessionEntry(context, content.record, terms, content.version);
  await context.list!.add(entry).catch(() => undefined);
}

/**
 * Until when a token older than the predecessor of the next rotation is not a sign of theft: the tokens that are valid
 * now get another grace. `undefined` if this starts with the presentation of the successor, as for the predecessor.
 *
 * @param rotation the previous one, if the list still holds it; otherwise all older tokens have expired: see
 *   {@link readBeforeRotation}
 */
export function olderGrace(
  rotation: SessionTerms | undefined,
  presented: boolean,
  now: number,
  grace: number,
): number | undefined {
  if (!rotation) return 0;
  const end = rotation.confirmed ?? (presented ? now + grace : undefined);
  if (end === undefined) return undefined;
  const wasValid = rotation.honoured && now < rotation.grace;
  return Math.max(end, rotation.older ?? 0, wasValid ? now + grace : 0);
}
