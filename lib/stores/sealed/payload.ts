import type { Device, SessionRecord } from '../../core/model/record.js';
import { byKey } from '../../core/util/texts.js';
import type { SealedToken } from '../../revocations/revocation-list.js';

/** What a sealed cookie holds. All times are milliseconds since the epoch. */
export interface Content extends SealedToken {
  record: SessionRecord;
  /** By the idle timeout at the time of sealing. A longer one that is configured later does not extend it. */
  expiresAt: number;
  /** The absolute end, by the lifetime at the time of sealing. */
  endsAt: number;
}

const LAYOUT = 1;

/**
 * Optional fields of a record, by name: the fields of the device, and those added in later versions. The former version
 * reads all of them as the device, and writes unknown ones back unchanged.
 */
interface Optional extends Device {
  /** Only if it differs from `startedAt`: after a re-login. */
  createdAt?: number;
  extra?: Record<string, string>;
}

type Head = [
  layout: number,
  id: string,
  version: number,
  epoch: string,
  issuedAt: number,
  startedAt: number,
  lastSeenAt: number,
  rotatedAt: number,
  expiresAt: number,
  endsAt: number,
  remember: 0 | 1,
  revision: number,
  factors: Record<string, number>,
  subject: string | null,
  optional: Optional | null,
  lengths: [key: string, length: number][],
];

/**
 * One line of JSON, followed by the values of the data. Each value is a JSON text, unchanged; the line has their lengths
 * in characters. So values are not escaped twice, which would take space, and are parsed only when they are read.
 */
export function writeContent({ record, version, epoch, issuedAt, expiresAt, endsAt }: Content): string {
  const data = Object.entries(record.data);
  const head: Head = [
    LAYOUT,
    record.id,
    version,
    epoch,
    issuedAt,
    record.startedAt,
    record.lastSeenAt,
    record.rotatedAt,
    expiresAt,
    endsAt,
    record.remember ? 1 : 0,
    record.revision,
    record.factors,
    record.subject ?? null,
    optionalOf(record),
    data.map(([key, text]) => [key, text.length]),
  ];
  return `${JSON.stringify(head)}\n${data.map(([, text]) => text).join('')}`;
}

function optionalOf({ device, createdAt, startedAt, extra }: SessionRecord): Optional | null {
  const moved = createdAt !== startedAt;
  if (!device && !moved && !extra) return null;
  return { ...device, ...(moved && { createdAt }), ...(extra && { extra }) };
}

/** `undefined` for a text that {@link writeContent} did not write, such as one of another layout. */
export function readContent(text: string): Content | undefined {
  const line = text.indexOf('\n');
  const head = line === -1 ? undefined : parse(text.slice(0, line));
  if (!isHead(head)) return undefined;
  const data = slices(text, line + 1, head[15]);
  return data && contentOf(head, data);
}

function contentOf(head: Head, data: Record<string, string>): Content {
  const [, id, version, epoch, issuedAt, startedAt, lastSeenAt, rotatedAt, expiresAt, endsAt] = head;
  const [remember, revision, factors, subject, optional] = [head[10], head[11], head[12], head[13], head[14]];
  const whose = subject === null ? {} : { subject };
  const record: SessionRecord = {
    id,
    secretHash: '',
    revision,
    factors: byKey(factors),
    createdAt: startedAt,
    startedAt,
    lastSeenAt,
    rotatedAt,
    remember: remember === 1,
    data,
    ...whose,
    ...(optional && fieldsOf(optional, subject)),
  };
  return { id, version, epoch, issuedAt, expiresAt, endsAt, record, ...whose };
}

/** A session of a subject always has a device, which may be empty. */
function fieldsOf({ createdAt, extra, ...device }: Optional, subject: string | null): Partial<SessionRecord> {
  const known = subject !== null || Object.keys(device).length > 0 || extra === undefined;
  return {
    ...(known && { device }),
    ...(createdAt !== undefined && { createdAt }),
    ...(extra && { extra: byKey(extra) }),
  };
}

function slices(text: string, from: number, lengths: Head[15]): Record<string, string> | undefined {
  const data = byKey<string>();
  let at = from;
  for (const [key, length] of lengths) {
    data[key] = text.slice(at, at + length);
    at += length;
  }
  return at === text.length ? data : undefined;
}

function isHead(head: unknown): head is Head {
  if (!Array.isArray(head) || head.length !== 16 || head[0] !== LAYOUT) return false;
  const texts: unknown[] = [head[1], head[3]];
  const numbers: unknown[] = [head[2], ...(head.slice(4, 10) as unknown[]), head[11]];
  return (
    texts.every((text) => typeof text === 'string') &&
    numbers.every(Number.isFinite) &&
    isObject(head[12]) &&
    Object.values(head[12]).every(Number.isFinite) &&
    (head[13] === null || typeof head[13] === 'string') &&
    (head[14] === null || isOptional(head[14])) &&
    Array.isArray(head[15]) &&
    head[15].every(isLength)
  );
}

const isOptional = (value: unknown): boolean =>
  isObject(value) &&
  (value['createdAt'] === undefined || Number.isFinite(value['createdAt'])) &&
  (value['extra'] === undefined || isObject(value['extra']));

const isLength = (value: unknown): boolean =>
  Array.isArray(value) && typeof value[0] === 'string' && Number.isSafeInteger(value[1]) && value[1] >= 0;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
