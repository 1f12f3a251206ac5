import { withoutValues } from '../../core/storage/driver-error.js';
import { SessionError } from '../../core/util/errors.js';
import type { PredecessorSecret, SessionRecord } from '../../core/model/record.js';
import { byKey } from '../../core/util/texts.js';
import type { PostgresRow } from './pool.js';
import { olderOf } from '../../core/storage/predecessor-format.js';

/** The version of the layout that this module writes. It reads no other. */
export const FORMAT = 1;

type Json = Record<string, unknown>;

/**
 * Texts by key, as jsonb: an object of JSON *texts*. So what comes back is what was put in, byte by byte, where jsonb
 * would sort keys and refuse the NUL and half surrogates that a JSON text may hold.
 */
export function dataText(data: Readonly<Record<string, string>>): string {
  const escaped = Object.entries(data).map(([key, text]) => [escapeKey(key), text]);
  return JSON.stringify(Object.fromEntries(escaped));
}

/** A key as it stands between the quotes of a JSON text: most keys are the same there. */
export function escapeKey(key: string): string {
  return JSON.stringify(key).slice(1, -1);
}

function unescapeKey(key: string): string {
  return key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
}

/** @throws SessionError `ERR_RECORD_CORRUPT` where the row is not one that this version wrote */
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

function readRow(row: PostgresRow): SessionRecord {
  if (Number(row['format']) !== FORMAT) throw new TypeError(`its format is not ${FORMAT}`);
  return {
    id: textOf(row, 'id'),
    secretHash: textOf(row, 'secret_hash'),
    revision: numberOf(row, 'revision'),
    createdAt: numberOf(row, row['began_at'] == null ? 'created_at' : 'began_at'),
    // The column has the name that this had while a re-login moved `createdAt`: nodes of that version go by it.
    startedAt: numberOf(row, 'created_at'),
    lastSeenAt: numberOf(row, 'last_seen_at'),
    rotatedAt: numberOf(row, 'rotated_at'),
    // The column has an older name.
    remember: row['persistent'] === 't',
    factors: byKey(valuesOf(objectOf(row, 'factors'), 'factors', 'number') as SessionRecord['factors']),
    data: readTexts(row, 'data'),
    ...(row['subject'] != null && { subject: row['subject'] }),
    ...(row['device'] != null && { device: objectOf(row, 'device') }),
    ...(row['previous'] != null && { previous: readPrevious(row) }),
    ...(row['extra'] != null && { extra: readTexts(row, 'extra') }),
  };
}

function readTexts(row: PostgresRow, column: 'data' | 'extra'): SessionRecord['data'] {
  const stored = valuesOf(objectOf(row, column), column, 'string') as Record<string, string>;
  const texts = byKey<string>();
  for (const [key, text] of Object.entries(stored)) texts[unescapeKey(key)] = text;
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
    throw new TypeError('"previous" is no secret');
  }
  if (pending !== undefined && pending !== true) throw new TypeError('"previous" is pending or not');
  if (epoch !== undefined && !(Number.isSafeInteger(epoch) && (epoch as number) > 0)) {
    throw new TypeError('the epoch of "previous" is no counter');
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
  if (!Number.isFinite(value)) throw new TypeError(`"${column}" is no number`);
  return value;
}

function objectOf(row: PostgresRow, column: string): Json {
  const value: unknown = JSON.parse(textOf(row, column));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`"${column}" is no object`);
  }
  return value as Json;
}

function valuesOf(object: Json, column: string, type: 'number' | 'string'): Json {
  if (Object.values(object).some((value) => typeof value !== type)) {
    throw new TypeError(`"${column}" holds something else than a ${type}`);
  }
  return object;
}
