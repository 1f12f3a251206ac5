import {
  fieldOf,
  type PredecessorSecret,
  type RecordDelta,
  type SessionRecord,
} from '../../core/model/record.js';
import { DATA, EXTRA, FIELD, FORMAT_VERSION, PREVIOUS_OPTIONAL } from './fields.js';

/** The hash of a record: alternating fields and values, as HSET takes them. */
export function encode(record: SessionRecord): string[] {
  const { subject, previous, device } = record;
  const flat: string[] = [
    ...[FIELD.version, FORMAT_VERSION],
    ...[FIELD.secretHash, record.secretHash],
    ...[FIELD.revision, String(record.revision)],
    ...[FIELD.factors, JSON.stringify(record.factors)],
    ...[FIELD.startedAt, String(record.startedAt)],
    ...[FIELD.createdAt, String(record.createdAt)],
    ...[FIELD.lastSeenAt, String(record.lastSeenAt)],
    ...[FIELD.rotatedAt, String(record.rotatedAt)],
    ...[FIELD.remember, flag(record.remember)],
  ];
  if (subject !== undefined) flat.push(FIELD.subject, subject);
  if (device) flat.push(FIELD.device, JSON.stringify(device));
  if (previous) flat.push(...encodePrevious(previous).set);
  pushTexts(flat, DATA, record.data);
  if (record.extra) pushTexts(flat, EXTRA, record.extra);
  return flat;
}

/** Fields to write: alternating fields and values to set, and fields to remove. */
export interface FieldChanges {
  set: string[];
  remove: string[];
}

/**
 * The fields that a delta writes. Those of `confirm` are apart, because they are written only if the secret is still the
 * same.
 */
export function encodeDelta({
  set = {},
  remove = [],
  head = {},
  rotate,
  confirm,
  key,
}: RecordDelta): FieldChanges & { confirm: FieldChanges } {
  const flat: string[] = [];
  // Must be first: the script detects by it that the start moves.
  if (head.startedAt !== undefined) flat.push(FIELD.startedAt, String(head.startedAt));
  if (head.factors) flat.push(FIELD.factors, JSON.stringify(head.factors));
  if (head.lastSeenAt !== undefined) flat.push(FIELD.lastSeenAt, String(head.lastSeenAt));
  if (head.rotatedAt !== undefined) flat.push(FIELD.rotatedAt, String(head.rotatedAt));
  if (head.device) flat.push(FIELD.device, JSON.stringify(head.device));
  const previous = rotate ? encodePrevious(rotate.previous) : NO_CHANGES;
  if (rotate) flat.push(FIELD.secretHash, rotate.to, ...previous.set);
  pushTexts(flat, DATA, set);
  if (key) pushTexts(flat, EXTRA, fieldOf(key));
  return {
    set: flat,
    remove: [...previous.remove, ...remove.map((key) => DATA + key)],
    confirm: confirm ? encodePrevious(confirm.previous) : NO_CHANGES,
  };
}

const NO_CHANGES: FieldChanges = { set: [], remove: [] };

/** Replaces all fields of the predecessor: optional ones that do not apply are removed. */
function encodePrevious({ hash, until, honoured, nonce, ...rest }: PredecessorSecret): FieldChanges {
  const optional = encodeOptional(rest);
  if (optional.length > 0) optional.push([FIELD.previousScope, hash]);
  const written = new Set(optional.map(([field]) => field));
  return {
    set: [
      ...[FIELD.previousHash, hash],
      ...[FIELD.previousUntil, String(until)],
      ...[FIELD.previousHonoured, flag(honoured)],
      ...[FIELD.previousNonce, nonce],
      ...optional.flat(),
    ],
    remove: PREVIOUS_OPTIONAL.map((name) => FIELD[name]).filter((field) => !written.has(field)),
  };
}

function encodeOptional({
  pending,
  epoch,
  earlier,
  rest,
}: Pick<PredecessorSecret, 'pending' | 'epoch' | 'earlier' | 'rest'>): [string, string][] {
  const pairs: [string, string][] = [];
  if (pending) pairs.push([FIELD.previousPending, '1']);
  if (epoch) pairs.push([FIELD.previousEpoch, String(epoch)]);
  if (earlier || rest) pairs.push([FIELD.previousOlder, JSON.stringify({ earlier, rest })]);
  return pairs;
}

function pushTexts(flat: string[], prefix: string, texts: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(texts)) flat.push(prefix + key, text);
}

const flag = (value: boolean): string => (value ? '1' : '0');
