import type { SessionRecord } from '../../core/model/record.js';
import type { CreateResult, SessionLimit } from '../../core/storage/store.js';
import { readableRecords } from './sql/rows.js';
import type { RunStatement, SessionTable } from './session-table.js';

/** Maximum number of sessions above a limit that one call ends. */
const EVICT_BATCH = 500;

/** The sessions that were ended, and whether others remain above the limit. */
export interface Evicted {
  evicted: SessionRecord[];
  more: boolean;
}

const NONE: Evicted = { evicted: [], more: false };

/** Creates a session under the limit of its subject. Logins of one subject are serialised. */
export function createWithinLimit(
  table: SessionTable,
  record: SessionRecord,
  subject: string,
  ttl: number,
  limit: SessionLimit,
  provedAt: number | undefined,
): Promise<CreateResult> {
  const rejects = limit.onExceeded === 'reject';
  return table.transaction(async (run): Promise<CreateResult> => {
    const [locked] = await run((sql) => sql.lockSubject(subject, provedAt));
    // Before any session is evicted for one that is rejected.
    if (locked!['revoked'] === 't') return { outcome: 'revoked' };
    if (rejects && (await isFull(run, subject, limit))) return { outcome: 'rejected' };
    const { evicted, more } = rejects ? NONE : await evict(run, subject, limit, limit.max - 1);
    await run((sql) => sql.create(record, ttl));
    return { outcome: 'created', evicted, ...(more && { more }) };
  });
}

/** Ends the oldest sessions of a subject above its limit. */
export function evictAboveLimit(table: SessionTable, subject: string, limit: SessionLimit): Promise<Evicted> {
  return table.transaction(async (run) => {
    await run((sql) => sql.lockSubject(subject));
    return evict(run, subject, limit, limit.max);
  });
}

async function isFull(run: RunStatement, subject: string, { replaces, max }: SessionLimit): Promise<boolean> {
  const others = await run((sql) => sql.contenders(subject, replaces, max));
  return others.length >= max;
}

/** Ends the oldest sessions until at most `room` remain, or a full batch was ended. */
async function evict(
  run: RunStatement,
  subject: string,
  { replaces, tombstoneTtl }: SessionLimit,
  room: number,
): Promise<Evicted> {
  const rows = await run((sql) => sql.oldest(subject, replaces, EVICT_BATCH));
  const surplus = Math.max(0, Number(rows[0]?.['total'] ?? 0) - room);
  if (surplus === 0) return NONE;
  const ids = rows.slice(0, surplus).map((row) => row['id']);
  const ended = await run((sql) => sql.evict(ids, tombstoneTtl));
  return { evicted: readableRecords(ended), more: surplus > EVICT_BATCH };
}
