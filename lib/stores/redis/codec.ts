import { withoutValues } from '../../core/storage/driver-error.js';
import { SessionError } from '../../core/util/errors.js';
import type { Device, PredecessorSecret, RecordDelta, SessionRecord } from '../../core/model/record.js';
import type { EndedRecord, TombstoneReason } from '../../core/storage/store.js';
import { byKey } from '../../core/util/texts.js';
import { INDEXED } from './subject-index-terms.js';
import { olderOf, type OlderSecrets } from '../../core/storage/predecessor-format.js';

/** Counts up when the fields below change their meaning. A record of another version is not read. */
export const FORMAT_VERSION = '1';

/**
 * The fields of the hash that a session is. Short, since every session pays for them. A key of the data is
 * a field of its own, with a colon in front, and holds the JSON text as it came.
 */
const FIELD = {
  version: 'v',
  secretHash: 'h',
  revision: 'r',
  subject: 'u',
  factors: 'f',
  /** Under the name that `createdAt` had while a re-login moved it: for nodes of that version it starts the lifetime. */
  startedAt: 'c',
  /** When the session began. A record of that version has none; then it began when it started. */
  createdAt: 'b',
  lastSeenAt: 'l',
  rotatedAt: 't',
  /** 1 where the cookie is persistent. */
  remember: 'm',
  device: 'd',
  previousHash: 'ph',
  previousUntil: 'pu',
  previousHonoured: 'po',
  previousNonce: 'pn',
  /** A copy of the predecessor's hash: whose the three below are. A version that has none of these leaves them behind. */
  previousScope: 'ps',
  previousPending: 'pp',
  previousEpoch: 'pe',
  /** What is known of the secrets before the predecessor, as JSON. */
  previousOlder: 'pr',
  /** Of the last commit that was made for one revision only: tells whether it was carried out. */
  commit: 'n',
  /** Of the index of the subject. Only scripts read and write it. */
  indexed: INDEXED,
  /** Stands alone: the session ended, and this is the word it left. */
  reason: 'x',
} as const;

/** Everything but the data. Scripts know some of them by name. */
export const HEAD_FIELDS: readonly string[] = Object.values(FIELD);

const DATA = ':';

/** In front of what a newer version keeps. Every script changes the fields that it names and leaves these alone. */
const EXTRA = '+';

export type Fields = ReadonlyMap<string, string>;

/** Fields and values by turns, as the server gives them. */
export function fieldsOf(flat: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i]!, flat[i + 1]!);
  return fields;
}

/** Fields and values by turns, as the server takes them. */
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

/** Fields to write: those to set and their values by turns, and those to remove. */
export interface FieldChanges {
  set: string[];
  remove: string[];
}

/**
 * What a delta writes; `confirm` is by itself, since it is written only if the secret still is the same.
 *
 * @param commit a text of this commit alone, or an empty one
 */
export function encodeDelta(
  { set = {}, remove = [], head = {}, rotate, confirm }: RecordDelta,
  commit: string,
): FieldChanges & { confirm: FieldChanges } {
  const flat: string[] = [];
  // Stands first: by that the script knows that the start moves.
  if (head.startedAt !== undefined) flat.push(FIELD.startedAt, String(head.startedAt));
  if (commit !== '') flat.push(FIELD.commit, commit);
  if (head.factors) flat.push(FIELD.factors, JSON.stringify(head.factors));
  if (head.lastSeenAt !== undefined) flat.push(FIELD.lastSeenAt, String(head.lastSeenAt));
  if (head.rotatedAt !== undefined) flat.push(FIELD.rotatedAt, String(head.rotatedAt));
  if (head.device) flat.push(FIELD.device, JSON.stringify(head.device));
  const previous = rotate ? encodePrevious(rotate.previous) : NO_CHANGES;
  if (rotate) flat.push(FIELD.secretHash, rotate.to, ...previous.set);
  pushTexts(flat, DATA, set);
  return {
    set: flat,
    remove: [...previous.remove, ...remove.map((key) => DATA + key)],
    confirm: confirm ? encodePrevious(confirm.previous) : NO_CHANGES,
  };
}

const NO_CHANGES: FieldChanges = { set: [], remove: [] };

/** All that is known of predecessors: nothing of what was known before is left. */
function encodePrevious({ hash, until, honoured, nonce, ...rest }: PredecessorSecret): FieldChanges {
  const { pending, epoch, earlier, rest: all } = rest;
  const older = earlier || all ? JSON.stringify({ earlier, rest: all }) : undefined;
  const optional: [string, string | undefined][] = [
    [FIELD.previousPending, pending && '1'],
    [FIELD.previousEpoch, epoch ? String(epoch) : undefined],
    [FIELD.previousOlder, older],
  ];
  const given = optional.filter((pair): pair is [string, string] => pair[1] !== undefined);
  if (given.length > 0) given.push([FIELD.previousScope, hash]);
  const written = new Set(given.map(([field]) => field));
  return {
    set: [
      ...[FIELD.previousHash, hash],
      ...[FIELD.previousUntil, String(until)],
      ...[FIELD.previousHonoured, flag(honoured)],
      ...[FIELD.previousNonce, nonce],
      ...given.flat(),
    ],
    remove: PREVIOUS_OPTIONAL.filter((field) => !written.has(field)),
  };
}

const PREVIOUS_OPTIONAL: readonly string[] = [
  FIELD.previousScope,
  FIELD.previousPending,
  FIELD.previousEpoch,
  FIELD.previousOlder,
];

function pushTexts(flat: string[], prefix: string, texts: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(texts)) flat.push(prefix + key, text);
}

const flag = (value: boolean): string => (value ? '1' : '0');

/**
 * What the fields tell, or `undefined` where there are none.
 *
 * @throws SessionError `ERR_RECORD_CORRUPT`
 */
export function decode(id: string, fields: Fields): SessionRecord | EndedRecord | undefined {
  if (fields.size === 0) return undefined;
  const reason = fields.get(FIELD.reason);
  if (reason !== undefined) return { ended: reason as TombstoneReason };
  try {
    return decodeRecord(id, fields);
  } catch (error) {
    throw corrupt(id, error);
  }
}

export function corrupt(id: string, cause?: unknown): SessionError {
  return new SessionError(
    'ERR_RECORD_CORRUPT',
    `What Redis holds of the session ${id} cannot be read: another version wrote it, or something else did. It counts as ended.`,
    cause === undefined ? {} : { cause: withoutValues(cause) },
  );
}

function decodeRecord(id: string, fields: Fields): SessionRecord {
  const version = required(fields, FIELD.version);
  if (version !== FORMAT_VERSION) throw new Error(`its format is ${version}, not ${FORMAT_VERSION}`);
  const subject = fields.get(FIELD.subject);
  const device = fields.get(FIELD.device);
  const previous = decodePrevious(fields);
  return {
    id,
    secretHash: required(fields, FIELD.secretHash),
    revision: number(fields, FIELD.revision),
    factors: factorsOf(required(fields, FIELD.factors)),
    createdAt: number(fields, fields.has(FIELD.createdAt) ? FIELD.createdAt : FIELD.startedAt),
    startedAt: number(fields, FIELD.startedAt),
    lastSeenAt: number(fields, FIELD.lastSeenAt),
    rotatedAt: number(fields, FIELD.rotatedAt),
    remember: bool(fields, FIELD.remember),
    data: textsOf(fields, DATA),
    ...extraOf(fields),
    ...(subject !== undefined && { subject }),
    ...(device !== undefined && { device: deviceOf(device) }),
    ...(previous && { previous }),
  };
}

function decodePrevious(fields: Fields): PredecessorSecret | undefined {
  const hasHash = fields.has(FIELD.previousHash);
  if (!hasHash && PREVIOUS_OPTIONAL.some((field) => fields.has(field))) {
    throw new Error('its predecessor has no hash');
  }
  if (!hasHash) return undefined;
  const hash = required(fields, FIELD.previousHash);
  return {
    hash,
    until: number(fields, FIELD.previousUntil),
    honoured: bool(fields, FIELD.previousHonoured),
    nonce: required(fields, FIELD.previousNonce),
    ...decodeOptional(fields, hash),
  };
}

/** What another version left behind when it rotated the session is of a predecessor before this one: it is left out. */
function decodeOptional(fields: Fields, hash: string): Partial<PredecessorSecret> {
  if (!PREVIOUS_OPTIONAL.some((field) => fields.has(field))) return {};
  if (required(fields, FIELD.previousScope) !== hash) return {};
  return {
    ...(fields.has(FIELD.previousPending) && pendingOf(fields)),
    ...(fields.has(FIELD.previousEpoch) && { epoch: epochOf(required(fields, FIELD.previousEpoch)) }),
    ...olderIn(fields.get(FIELD.previousOlder)),
  };
}

function pendingOf(fields: Fields): { pending: true } {
  if (fields.get(FIELD.previousPending) !== '1')
    throw new Error(`the field ${FIELD.previousPending} is not 1`);
  return { pending: true };
}

/** As the script that commits compares it: a text of digits without a zero in front. */
function epochOf(text: string): number {
  const epoch = Number(text);
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(epoch)) throw new Error('the epoch is no counter');
  return epoch;
}

const olderIn = (text: string | undefined): OlderSecrets =>
  text === undefined ? {} : olderOf(objectOf(text));

function textsOf(fields: Fields, prefix: string): Record<string, string> {
  const texts = byKey<string>();
  for (const [field, text] of fields) if (field.startsWith(prefix)) texts[field.slice(prefix.length)] = text;
  return texts;
}

function extraOf(fields: Fields): Pick<SessionRecord, 'extra'> {
  const extra = textsOf(fields, EXTRA);
  return Object.keys(extra).length > 0 ? { extra } : {};
}

function factorsOf(text: string): Record<string, number> {
  const factors = objectOf(text);
  for (const [factor, time] of Object.entries(factors)) {
    if (typeof time !== 'number') throw new Error(`the time of the factor ${factor} is no number`);
  }
  return byKey(factors as Record<string, number>);
}

function deviceOf(text: string): Device {
  const device = objectOf(text);
  for (const [name, value] of Object.entries(device)) {
    if (typeof value !== 'string') throw new Error(`${name} of the device is no text`);
  }
  return device;
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error('a field that holds an object is something else');
}

function required(fields: Fields, name: string): string {
  const text = fields.get(name);
  if (text === undefined || text === '') throw new Error(`the field ${name} is missing`);
  return text;
}

function number(fields: Fields, name: string): number {
  const value = Number(required(fields, name));
  if (!Number.isFinite(value)) throw new Error(`the field ${name} is no number`);
  return value;
}

function bool(fields: Fields, name: string): boolean {
  const text = required(fields, name);
  if (text !== '0' && text !== '1') throw new Error(`the field ${name} is neither 0 nor 1`);
  return text === '1';
}
