import { withoutValues } from '../../core/storage/health/driver-error.js';
import { olderOf } from '../../core/storage/predecessor-format.js';
import type { EndedRecord, TombstoneReason } from '../../core/storage/store.js';
import { SessionError } from '../../core/util/errors.js';
import { byKey } from '../../core/util/texts.js';
import type { Device, PredecessorSecret, SessionRecord } from '../../core/model/record.js';
import { DATA, EXTRA, FIELD, FORMAT_VERSION, PREVIOUS_OPTIONAL, type FieldName } from './fields.js';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The text of each field, `undefined` where the hash lacks it. */
type HeadTexts = Record<FieldName, string | undefined>;

interface HashTexts {
  head: HeadTexts;
  data: Record<string, string>;
  extra: Record<string, string> | undefined;
}

/**
 * The record or tombstone that a hash holds; `undefined` for an empty one.
 *
 * @param flat alternating fields and values, as HGETALL replies
 * @throws SessionError `ERR_RECORD_CORRUPT`
 */
export function decode(id: string, flat: readonly string[]): SessionRecord | EndedRecord | undefined {
  if (flat.length === 0) return undefined;
  const texts = collect(flat);
  const { reason } = texts.head;
  if (reason !== undefined) return { ended: reason as TombstoneReason };
  try {
    return decodeRecord(id, texts);
  } catch (error) {
    throw corrupt(id, error);
  }
}

export function corrupt(id: string, cause?: unknown): SessionError {
  return new SessionError(
    'ERR_RECORD_CORRUPT',
    `The record of the session ${id} in Redis cannot be read: another version or another program wrote it. The session ends.`,
    cause === undefined ? {} : { cause: withoutValues(cause) },
  );
}

const NAMES: ReadonlyMap<string, FieldName> = new Map(
  Object.entries(FIELD).map(([name, field]) => [field, name as FieldName]),
);

const NO_TEXTS = Object.fromEntries(Object.keys(FIELD).map((name) => [name, undefined])) as HeadTexts;

/** One pass over the hash: every session that is loaded goes through here. */
function collect(flat: readonly string[]): HashTexts {
  const texts: HashTexts = { head: { ...NO_TEXTS }, data: byKey<string>(), extra: undefined };
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const field = flat[i]!;
    const text = flat[i + 1]!;
    const name = NAMES.get(field);
    if (name !== undefined) texts.head[name] = text;
    else if (field.startsWith(DATA)) texts.data[field.slice(DATA.length)] = text;
    else if (field.startsWith(EXTRA)) (texts.extra ??= byKey<string>())[field.slice(EXTRA.length)] = text;
  }
  return texts;
}

function decodeRecord(id: string, { head, data, extra }: HashTexts): SessionRecord {
  const version = required(head, 'version');
  if (version !== FORMAT_VERSION) throw new Error(`its format is ${version}, not ${FORMAT_VERSION}`);
  const record: Writable<SessionRecord> = {
    id,
    secretHash: required(head, 'secretHash'),
    revision: number(head, 'revision'),
    factors: factorsOf(required(head, 'factors')),
    createdAt: number(head, head.createdAt === undefined ? 'startedAt' : 'createdAt'),
    startedAt: number(head, 'startedAt'),
    lastSeenAt: number(head, 'lastSeenAt'),
    rotatedAt: number(head, 'rotatedAt'),
    remember: bool(head, 'remember'),
    data,
  };
  const previous = decodePrevious(head);
  if (extra !== undefined) record.extra = extra;
  if (head.subject !== undefined) record.subject = head.subject;
  if (head.device !== undefined) record.device = deviceOf(head.device);
  if (previous !== undefined) record.previous = previous;
  return record;
}

function decodePrevious(head: HeadTexts): PredecessorSecret | undefined {
  const hasOptional = PREVIOUS_OPTIONAL.some((name) => head[name] !== undefined);
  if (head.previousHash === undefined) {
    if (hasOptional) throw new Error('its predecessor has no hash');
    return undefined;
  }
  const previous: PredecessorSecret = {
    hash: required(head, 'previousHash'),
    until: number(head, 'previousUntil'),
    honoured: bool(head, 'previousHonoured'),
    nonce: required(head, 'previousNonce'),
  };
  // An earlier version that rotated the session left these fields behind; then they belong to an older predecessor.
  if (hasOptional && required(head, 'previousScope') === previous.hash) decodeOptional(previous, head);
  return previous;
}

function decodeOptional(previous: PredecessorSecret, head: HeadTexts): void {
  const { previousPending, previousEpoch, previousOlder } = head;
  if (previousPending !== undefined) previous.pending = pendingOf(previousPending);
  if (previousEpoch !== undefined) previous.epoch = epochOf(required(head, 'previousEpoch'));
  if (previousOlder !== undefined) Object.assign(previous, olderOf(objectOf(previousOlder)));
}

function pendingOf(text: string): true {
  if (text !== '1') throw new Error(`the field ${FIELD.previousPending} is not 1`);
  return true;
}

/** Digits without a leading zero, because the commit script compares the text. */
function epochOf(text: string): number {
  const epoch = Number(text);
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(epoch)) throw new Error('the epoch is not a counter');
  return epoch;
}

function factorsOf(text: string): Record<string, number> {
  const stored = objectOf(text);
  const factors = byKey<number>();
  for (const factor of Object.keys(stored)) {
    const time = stored[factor];
    // JSON.parse turns a number that is too large into Infinity, which the next commit would write as null.
    if (typeof time !== 'number' || !Number.isFinite(time))
      throw new Error(`the time of the factor ${factor} is not a number`);
    factors[factor] = time;
  }
  return factors;
}

function deviceOf(text: string): Device {
  const device = objectOf(text);
  for (const name of Object.keys(device)) {
    if (typeof device[name] !== 'string') throw new Error(`${name} of the device is not a text`);
  }
  return device;
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error('a field that must hold an object holds something else');
}

function required(head: HeadTexts, name: FieldName): string {
  const text = head[name];
  if (text === undefined || text === '') throw new Error(`the field ${FIELD[name]} is missing`);
  return text;
}

function number(head: HeadTexts, name: FieldName): number {
  const value = Number(required(head, name));
  if (!Number.isFinite(value)) throw new Error(`the field ${FIELD[name]} is not a number`);
  return value;
}

function bool(head: HeadTexts, name: FieldName): boolean {
  const text = required(head, name);
  if (text !== '0' && text !== '1') throw new Error(`the field ${FIELD[name]} is neither 0 nor 1`);
  return text === '1';
}
