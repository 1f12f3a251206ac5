import { authenticatedAt, provedBy } from '../../../core/model/policy.js';
import type { SessionRecord } from '../../../core/model/record.js';
import type { EndedSession } from '../../../core/storage/backend.js';
import type { Tombstone } from '../../../core/storage/store.js';
import { isId } from '../../../core/token/ids.js';
import { SessionError, unavailable } from '../../../core/util/errors.js';
import type { RevocationList } from '../../../revocations/revocation-list.js';
import { MOST_PER_SUBJECT } from '../../../revocations/revocation-table.js';
import type { SealedContext } from '../context.js';
import type { SealedHandle } from '../handle.js';
import { sessionEntry, subjectEntry } from '../revocation-entries.js';
import { sessionIsLive, verdictOf } from '../verdict.js';

/** Attempts to record a revocation. An attempt fails if another node revokes the same sessions at the same time. */
const ATTEMPTS = 100;

/** Ends the session of a request. Returns its record, or `undefined` if it had already ended. */
export async function endSession(
  context: SealedContext,
  { content }: SealedHandle,
  tombstone?: Tombstone,
): Promise<SessionRecord | undefined> {
  const { list, index } = context;
  await list?.fresh();
  const { id, record } = content;
  const verdict = verdictOf(context, content);
  if (!verdict.live && !sessionIsLive(verdict)) {
    // An earlier attempt may have failed after the list had recorded the end.
    await index.remove(id);
    return undefined;
  }
  const why = tombstone?.reason ?? 'ended';
  const entry = sessionEntry(context, record, { why, grace: context.now() + (tombstone?.ttl ?? 0) });
  const added = list ? await list.add(entry) : true;
  await index.remove(id);
  return added ? record : undefined;
}

/**
 * Ends a session by its id. Without an index it is unknown whose session it is and whether there is one: the entry is
 * recorded, and each node compares. Then the result says that it was recorded and had not been before.
 *
 * @param subject if given, the session is ended only if it belongs to this subject
 * @throws SessionError `ERR_REVOCATION_UNAVAILABLE` without a list
 */
export async function endById(
  context: SealedContext,
  id: string,
  subject: string | undefined,
): Promise<EndedSession[]> {
  const list = context.requireList();
  const { index } = context;
  if (!isId(id)) return [];
  const known = await index.find(id);
  if (known && subject !== undefined && known.subject !== subject) return [];
  if (!known && index.enabled) return [];
  const bySubject = known === undefined && subject !== undefined;
  // The time of the session may be later than now, after a revocation that a copy of some age does not have.
  await (bySubject ? list.sync() : list.fresh());
  const entry = bySubject
    ? subjectEntry(context, list, subject, { only: [id] })
    : sessionEntry(context, known ?? { id }, { why: 'ended', grace: 0 });
  const added = await list.add(entry);
  await index.remove(id);
  return added ? [known ?? { id, ...(subject !== undefined && { subject }) }] : [];
}

/**
 * Ends all sessions of a subject that began before, and refuses its logins in progress.
 *
 * @param keep ids of sessions that are kept
 * @param onEnded called for each session of the index that this call ends; without an index once, with an empty id
 * @throws SessionError `ERR_REVOCATION_UNAVAILABLE` without a list, `ERR_OPTIONS` for too many ids in `keep`
 */
export async function endAll(
  context: SealedContext,
  subject: string,
  keep: readonly string[],
  onEnded: (session: EndedSession) => void,
): Promise<void> {
  const list = context.requireList();
  const { index } = context;
  const except = sessionIds(keep);
  const moment = context.nextMoment();
  await list.sync();
  const at = moment + context.skew;
  await revokeSubject(context, list, subject, at, except);
  if (!index.enabled) return onEnded({ id: '', subject });
  await index.markRevoked(subject, at);
  for (const record of await index.list(subject)) {
    // The index also lists logins that came later.
    if (except.includes(record.id) || !provedBy(record, at)) continue;
    if (mayHaveFollowed(record, at))
      await list.add(sessionEntry(context, record, { why: 'ended', grace: 0 }));
    if (await index.remove(record.id)) onEnded(record);
  }
}

/**
 * Whether it cannot be told if the subject authenticated before or after a time: records have whole milliseconds. If it
 * was after, the revocation of the subject does not void the token, and what leaves the index has to end.
 */
function mayHaveFollowed({ factors }: SessionRecord, at: number): boolean {
  return (authenticatedAt(factors) ?? -Infinity) + 1 > at;
}

/**
 * Records the entry twice. After the first time, every node that reads the list refuses the logins in progress. A node
 * that had read the list before may have issued tokens later than the first entry's time, but only later than entries
 * it knew then, all of which are known here after the first write. The second entry has a higher rank than any of them,
 * so it voids these tokens.
 */
async function revokeSubject(
  context: SealedContext,
  list: RevocationList,
  subject: string,
  at: number,
  except: readonly string[],
): Promise<void> {
  let recorded = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const scope = { except, at: Math.max(at, list.revokedAt(subject)) };
    if (await list.add(subjectEntry(context, list, subject, scope))) recorded++;
    if (recorded === 2) return;
    await list.sync();
  }
  throw unavailable(new Error(`other nodes revoked the same sessions ${ATTEMPTS} times meanwhile`));
}

/** The ones that may be ids of sessions. @throws SessionError `ERR_OPTIONS` for more than one entry may name */
function sessionIds(ids: readonly string[]): string[] {
  const valid = [...new Set(ids)].filter(isId);
  if (valid.length <= MOST_PER_SUBJECT) return valid;
  throw new SessionError(
    'ERR_OPTIONS',
    `revokeAll(): except: with sealed cookies at most ${MOST_PER_SUBJECT} sessions can be kept. Name fewer, or revoke the others one by one.`,
  );
}
