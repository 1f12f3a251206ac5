import {
  hashedSubjectRevocationOf,
  revocationOf,
  type Revocation,
  type SessionTerms,
} from './revocation-list.js';
import { MOST_PER_SUBJECT } from './revocation-table.js';
import { isId } from '../core/token/ids.js';
import { unavailable } from '../core/util/errors.js';

/** A revocation as a list stores it: rank and expiry are separate from the body, so that a script can compare them. */
export interface WrittenRevocation {
  key: string;
  rank: string;
  until: string;
  body: string;
}

/**
 * Writes a revocation for a list.
 *
 * @param nonce by which a script recognises a write that a driver sent twice
 * @throws SessionError `ERR_STORE_UNAVAILABLE` if no node could read it, so that it would void nothing: a time is NaN,
 * say, because a clock failed
 */
export function writeRevocation({ key, rank, until, terms }: Revocation, nonce: string): WrittenRevocation {
  const written = {
    key,
    rank: String(Math.ceil(rank)),
    until: String(Math.ceil(until)),
    body: JSON.stringify([key, terms, nonce]),
  };
  if (readRevocation(written.rank, written.until, written.body)) return written;
  throw unavailable(new Error(`the revocation ${key} cannot be stored: check the clock of the application`));
}

/**
 * When the grace of a confirmed rotation ends, for a script to compare with that of the stored entry; an empty text for
 * any other revocation.
 */
export const confirmedOf = ({ terms }: Revocation): string =>
  terms.kind === 'session' && terms.confirmed !== undefined ? String(terms.confirmed) : '';

/** For scripts: the subject of an entry and which of its sessions it voids. Both are empty for an entry of one session. */
export function scopeOf({ terms }: Revocation): { subject: string; scope: 'all' | 'except' | 'only' | '' } {
  if (terms.kind === 'session') return { subject: '', scope: '' };
  const { subject, except, only } = terms;
  return { subject, scope: only ? 'only' : except.length > 0 ? 'except' : 'all' };
}

/** Maximum length of a body in characters, well above that of an entry with {@link MOST_PER_SUBJECT} ids. */
const LONGEST_BODY = 64 * 1024;

/** The latest time of a `Date`, in milliseconds since the epoch. */
export const LAST_TIME = 8.64e15;

const WHYS: Record<SessionTerms['why'], true> = { ended: true, replaced: true, evicted: true, rotated: true };

/**
 * Reads a stored revocation. Every field is checked, and unknown fields are dropped. `undefined` for an entry that no
 * version of this library wrote.
 */
export function readRevocation(rank: unknown, until: unknown, body: unknown): Revocation | undefined {
  const [rankRead, untilRead] = [wholeNumber(rank), wholeNumber(until)];
  if (rankRead === undefined || untilRead === undefined || untilRead > LAST_TIME) return undefined;
  if (typeof body !== 'string' || body.length > LONGEST_BODY) return undefined;
  const [key, terms] = parsedList(body);
  if (!isObject(terms)) return undefined;
  const read = terms['kind'] === 'session' ? readSession : readSubject;
  const revocation = read(rankRead, untilRead, terms);
  // All entries with one key have the same scope, so that the one of the highest rank voids everything the others do.
  return revocation?.key === key ? revocation : undefined;
}

function readSession(rank: number, until: number, terms: Fields): Revocation | undefined {
  const { id, why, grace, honoured, confirmed, older, device } = terms;
  const fits =
    isId(id) &&
    typeof why === 'string' &&
    Object.hasOwn(WHYS, why) &&
    isTime(grace) &&
    typeof honoured === 'boolean' &&
    isTimeOrAbsent(confirmed) &&
    isTimeOrAbsent(older) &&
    (device === undefined || typeof device === 'string');
  if (!fits) return undefined;
  const rotation = {
    ...(confirmed !== undefined && { confirmed }),
    ...(older !== undefined && { older }),
    ...(device !== undefined && { device }),
  };
  return revocationOf(id, until, { why: why as SessionTerms['why'], grace, honoured, ...rotation }, rank);
}

function readSubject(rank: number, until: number, terms: Fields): Revocation | undefined {
  const { kind, subject, except, only, at } = terms;
  if (kind !== 'subject' || !isId(subject) || !isIds(except) || rank > LAST_TIME) return undefined;
  if (!isTimeOrAbsent(at)) return undefined;
  const began = at === undefined ? {} : { at };
  if (only === undefined) return hashedSubjectRevocationOf(subject, rank, until, { except, ...began });
  if (!isIds(only) || only.length === 0) return undefined;
  return hashedSubjectRevocationOf(subject, rank, until, { only });
}

type Fields = Record<string, unknown>;

/** Also of a list, which has none of the fields that are looked for. */
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

const isIds = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= MOST_PER_SUBJECT && value.every(isId);

const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= LAST_TIME;

const isTimeOrAbsent = (value: unknown): value is number | undefined => value === undefined || isTime(value);

function wholeNumber(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

function parsedList(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
