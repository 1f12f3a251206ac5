import { withoutValues } from '../core/driver-error.js';
import { SessionError } from '../core/errors.js';
import type { Device, PredecessorSecret, RecordDelta, SessionRecord } from '../core/record.js';
import type { Departed, Epitaph } from '../core/store.js';
import { byKey } from '../core/texts.js';

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
  createdAt: 'c',
  lastSeenAt: 'l',
  rotatedAt: 't',
  persistent: 'm',
  device: 'd',
  previousHash: 'ph',
  previousUntil: 'pu',
  previousHonoured: 'po',
  previousNonce: 'pn',
  /** Of the last commit that was made for one revision only: tells whether it was carried out. */
  commit: 'n',
  /** Stands alone: the session ended, and this is the word it left. */
  epitaph: 'x',
} as const;

/** Everything but the data. Scripts know some of them by name. */
export const HEAD_FIELDS: readonly string[] = Object.values(FIELD);

const DATA = ':';

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
    ...[FIELD.createdAt, String(record.createdAt)],
    ...[FIELD.lastSeenAt, String(record.lastSeenAt)],
    ...[FIELD.rotatedAt, String(record.rotatedAt)],
    ...[FIELD.persistent, flag(record.persistent)],
  ];
  if (subject !== undefined) flat.push(FIELD.subject, subject);
  if (device) flat.push(FIELD.device, JSON.stringify(device));
  if (previous) flat.push(...encodePrevious(previous));
  pushData(flat, record.data);
  return flat;
}

/**
 * What a delta sets, fields and values by turns, and the fields that it removes.
 *
 * @param commit a text of this commit alone, or an empty one
 */
export function encodeDelta(
  { set = {}, remove = [], head = {}, rotate }: RecordDelta,
  commit: string,
): { set: string[]; remove: string[] } {
  const flat: string[] = commit === '' ? [] : [FIELD.commit, commit];
  if (head.factors) flat.push(FIELD.factors, JSON.stringify(head.factors));
  if (head.createdAt !== undefined) flat.push(FIELD.createdAt, String(head.createdAt));
  if (head.lastSeenAt !== undefined) flat.push(FIELD.lastSeenAt, String(head.lastSeenAt));
  if (head.rotatedAt !== undefined) flat.push(FIELD.rotatedAt, String(head.rotatedAt));
  if (head.device) flat.push(FIELD.device, JSON.stringify(head.device));
  if (rotate) {
    const { from, to, ...rest } = rotate;
    flat.push(FIELD.secretHash, to, ...encodePrevious({ hash: from, ...rest }));
  }
  pushData(flat, set);
  return { set: flat, remove: remove.map((key) => DATA + key) };
}

function encodePrevious({ hash, until, honoured, nonce }: PredecessorSecret): string[] {
  return [
    ...[FIELD.previousHash, hash],
    ...[FIELD.previousUntil, String(until)],
    ...[FIELD.previousHonoured, flag(honoured)],
    ...[FIELD.previousNonce, nonce],
  ];
}

function pushData(flat: string[], data: Readonly<Record<string, string>>): void {
  for (const [key, text] of Object.entries(data)) flat.push(DATA + key, text);
}

const flag = (value: boolean): string => (value ? '1' : '0');

/**
 * What the fields tell, or `undefined` where there are none.
 *
 * @throws SessionError `ERR_RECORD_CORRUPT`
 */
export function decode(id: string, fields: Fields): SessionRecord | Departed | undefined {
  if (fields.size === 0) return undefined;
  const epitaph = fields.get(FIELD.epitaph);
  if (epitaph !== undefined) return { departed: epitaph as Epitaph };
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
    createdAt: number(fields, FIELD.createdAt),
    lastSeenAt: number(fields, FIELD.lastSeenAt),
    rotatedAt: number(fields, FIELD.rotatedAt),
    persistent: bool(fields, FIELD.persistent),
    data: dataOf(fields),
    ...(subject !== undefined && { subject }),
    ...(device !== undefined && { device: deviceOf(device) }),
    ...(previous && { previous }),
  };
}

function decodePrevious(fields: Fields): PredecessorSecret | undefined {
  const hash = fields.get(FIELD.previousHash);
  if (hash === undefined) return undefined;
  return {
    hash,
    until: number(fields, FIELD.previousUntil),
    honoured: bool(fields, FIELD.previousHonoured),
    nonce: required(fields, FIELD.previousNonce),
  };
}

function dataOf(fields: Fields): Record<string, string> {
  const data = byKey<string>();
  for (const [field, text] of fields) if (field.startsWith(DATA)) data[field.slice(DATA.length)] = text;
  return data;
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
