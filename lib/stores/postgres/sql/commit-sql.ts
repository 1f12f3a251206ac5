import {
  DEVICE_CHALLENGE,
  DEVICE_KEY,
  fieldOf,
  type KeyChange,
  type RecordDelta,
  type RecordHead,
} from '../../../core/model/record.js';
import { dataText, escapeKey } from './rows.js';

/** The server's clock, so that all nodes agree. */
export const NOW = 'statement_timestamp()';

/** The time that many milliseconds from now. */
export function after(milliseconds: string): string {
  return `${NOW} + ${milliseconds}::double precision * interval '1 millisecond'`;
}

/** The columns of the fields that a commit may replace. `created_at` is the first name of `startedAt`. */
const HEAD_COLUMNS = {
  factors: 'factors',
  startedAt: 'created_at',
  lastSeenAt: 'last_seen_at',
  rotatedAt: 'rotated_at',
  device: 'device',
} as const satisfies Record<keyof RecordHead, string>;

/**
 * What a commit assigns to the row `kept`.
 *
 * @param value adds a value to the statement and returns its placeholder
 */
export function assignments(delta: RecordDelta, value: (one: unknown) => string): string[] {
  const { set, remove, head = {}, rotate, confirm, key, ttl } = delta;
  const changes: string[] = [];
  if (set || remove) {
    const written = `kept.data || ${value(dataText(set ?? {}))}::jsonb`;
    const removed = `${value((remove ?? []).map(escapeKey))}::text[]`;
    changes.push('revision = kept.revision + 1', `data = (${written}) - ${removed}`);
  }
  for (const [field, column] of Object.entries(HEAD_COLUMNS)) {
    const given = head[field as keyof RecordHead];
    if (given === undefined) continue;
    changes.push(`${column} = ${value(typeof given === 'object' ? JSON.stringify(given) : given)}`);
  }
  if (rotate) {
    changes.push(`secret_hash = ${value(rotate.to)}`, `previous = ${value(JSON.stringify(rotate.previous))}`);
  }
  if (confirm) {
    const same = `kept.secret_hash = ${value(confirm.secretHash)} AND kept.previous ->> 'pending' = 'true'`;
    const previous = value(JSON.stringify(confirm.previous));
    changes.push(`previous = CASE WHEN ${same} THEN ${previous}::json ELSE kept.previous END`);
  }
  if (key) changes.push(`extra = coalesce(kept.extra, '{}') || ${value(dataText(fieldOf(key)))}::jsonb`);
  if (ttl !== undefined) changes.push(`expires_at = ${after(value(ttl))}`);
  return changes.length > 0 ? changes : ['revision = kept.revision'];
}

/** What must hold of the row `found` for a change of the key: the opposite of `keyConflicts`. */
export function keyCondition(key: KeyChange, value: (one: unknown) => string): string {
  if ('bind' in key)
    return `coalesce(found.extra ->> '${DEVICE_KEY}', ${value(key.bind)}) = ${value(key.bind)}`;
  return `coalesce(found.extra ->> '${DEVICE_CHALLENGE}', '0')::double precision < ${value(key.challenge)}`;
}
