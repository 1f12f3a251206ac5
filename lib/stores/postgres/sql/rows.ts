import { withoutValues } from '../../../core/storage/health/driver-error.js';
import { isSessionError, SessionError } from '../../../core/util/errors.js';
import type { PredecessorSecret, SessionRecord } from '../../../core/model/record.js';
import { byKey } from '../../../core/util/texts.js';
import type { PostgresRow } from '../connection/pool.js';
import { olderOf } from '../../../core/storage/predecessor-format.js';
import type { ExpiredSession } from '../../../core/storage/store.js';

/** The version of the layout that this module reads and writes. */
export const FORMAT = 1;

type Json = Record<string, unknown>;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Texts by key, as jsonb: an object of JSON *texts*. A text is read back unchanged, whereas jsonb itself would sort keys
 * and reject the NUL and half surrogates that a JSON text may contain.
 */
export function dataText(data: Readonly<Record<string, string>>): string {
  const escaped = Object.entries(data).map(([key, text]) => [escapeKey(key), text]);
  return JSON.stringify(Object.fromEntries(escaped));
}

/** A key as it is between the quotes of a JSON text; most keys are unchanged. */
export function escapeKey(key: string): string {
  return JSON.stringify(key).slice(1, -1);
}

function unescapeKey(key: string): string {
  return key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
}

/** @throws SessionError `ERR_RECORD_CORRUPT` if this version did not write the row */
export function recordOf(row: PostgresRow): SessionRecord {
  try {
    return readRow(row);
  } catch (cause) {
    throw new SessionError(
      'ERR_RECORD_CORRUPT',
      'The row of a session cannot be read: another version wrote it, or it was altered. The session ends.',
      { cause: withoutValues(cause) },
    );
  }
}

/** What is reported of a session that has expired. The columns are those of every version. */
export const expiredOf = (row: PostgresRow): ExpiredSession => ({
  id: row['id'] ?? '',
  ...(row['subject'] != null && { subject: row['subject'] }),
  startedAt: Number(row['created_at']),
  lastSeenAt: Number(row['last_seen_at']),
  remember: row['persistent'] === 't',
});

/** Skips rows that cannot be read. Such a session ends when its cookie is presented, and must not hide the others. */
export function readableRecords(rows: readonly PostgresRow[]): SessionRecord[] {
  return rows.flatMap((row) => {
    try {
      return [recordOf(row)];
    } catch (error) {
      if (isSessionError(error)) return [];
      throw error;
    }
  });
}

function readRow(row: PostgresRow): SessionRecord {
  if (Number(row['format']) !== FORMAT) throw new TypeError(`its format is not ${FORMAT}`);
  const record: Writable<SessionRecord> = {
    id: textOf(row, 'id'),
    secretHash: textOf(row, 'secret_hash'),
    revision: numberOf(row, 'revision'),
    createdAt: numberOf(row, row['began_at'] == null ? 'created_at' : 'began_at'),
    // The first name of `startedAt`: earlier versions start the lifetime from this column.
    startedAt: numberOf(row, 'created_at'),
    lastSeenAt: numberOf(row, 'last_seen_at'),
    rotatedAt: numberOf(row, 'rotated_at'),
    // The first name of `remember`.
    remember: row['persistent'] === 't',
    factors: readFactors(row),
    data: readTexts(row, 'data'),
  };
  if (row['subject'] != null) record.subject = row['subject'];
  if (row['device'] != null) record.device = objectOf(row, 'device');
  if (row['previous'] != null) record.previous = readPrevious(row);
  if (row['extra'] != null) record.extra = readTexts(row, 'extra');
  return record;
}

function readFactors(row: PostgresRow): SessionRecord['factors'] {
  const stored = objectOf(row, 'factors');
  const factors = byKey<number>();
  for (const factor of Object.keys(stored)) {
    const time = stored[factor];
    if (typeof time !== 'number') throw new TypeError('"factors" holds something else than a number');
    factors[factor] = time;
  }
  return factors;
}

function readTexts(row: PostgresRow, column: 'data' | 'extra'): SessionRecord['data'] {
  const stored = objectOf(row, column);
  const texts = byKey<string>();
  for (const key of Object.keys(stored)) {
    const text = stored[key];
    if (typeof text !== 'string') throw new TypeError(`"${column}" holds something else than a string`);
    texts[unescapeKey(key)] = text;
  }
  return texts;
}

function readPrevious(row: PostgresRow): PredecessorSecret {
  const { hash, until, honoured, nonce, pending, epoch, ...older } = objectOf(row, 'previous');
  if (
    typeof hash !== 'string' ||
    hash === '' ||
    !Number.isFinite(until) ||
    typeof honoured !== 'boolean' ||
    typeof nonce !== 'string'
  ) {
    throw new TypeError('"previous" is not a secret');
  }
  if (pending !== undefined && pending !== true) throw new TypeError('"pending" of "previous" is not true');
  if (epoch !== undefined && !(Number.isSafeInteger(epoch) && (epoch as number) > 0)) {
    throw new TypeError('"epoch" of "previous" is not a counter');
  }
  return {
    hash,
    until: until as number,
    honoured,
    nonce,
    ...(pending && { pending }),
    ...(epoch !== undefined && { epoch: epoch as number }),
    ...olderOf(older),
  };
}

function textOf(row: PostgresRow, column: string): string {
  const value = row[column];
  if (typeof value !== 'string' || value === '') throw new TypeError(`"${column}" is empty`);
  return value;
}

function numberOf(row: PostgresRow, column: string): number {
  const value = Number(textOf(row, column));
  if (!Number.isFinite(value)) throw new TypeError(`"${column}" is not a number`);
  return value;
}

function objectOf(row: PostgresRow, column: string): Json {
  const value: unknown = JSON.parse(textOf(row, column));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`"${column}" is not an object`);
  }
  return value as Json;
}
