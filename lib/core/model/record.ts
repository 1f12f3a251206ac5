import { plainAddress } from '../util/addresses.js';

/** The client that logged in, for the list of a user's sessions. */
export interface Device {
  /** The User-Agent header, cut to 256 characters. */
  userAgent?: string;
  /** The address as the framework reports it. Behind a proxy it is correct only if `trust proxy` is set correctly. */
  ip?: string;
}

/** A device with its address in the form that requests have today. Version 0.1.0 stored `::ffff:192.0.2.1`, as a socket tells it. */
export const plainDevice = (device: Device): Device =>
  typeof device.ip !== 'string' ? device : { ...device, ip: plainAddress(device.ip) };

/** What the record keeps of the secret that the present one replaced, and of those before it. */
export interface PredecessorSecret {
  /** SHA-256 of the predecessor, base64url. */
  hash: string;
  /**
   * Milliseconds since the epoch. Once the successor was presented, a late request before this time is not a sign of
   * theft. While {@link pending} after a periodic rotation, the predecessor opens the session until this time.
   */
  until: number;
  /** Whether the predecessor opens the session until then: true after a periodic rotation, false after a re-login or regenerate. */
  honoured: boolean;
  /** The successor is derived from the predecessor, the signing key and this nonce, so every late request gets the same one. */
  nonce: string;
  /** The successor has not been presented yet. */
  pending?: true;
  /** The number of rotations so far whose predecessor was not honoured. Absent for 0. */
  epoch?: number;
  /** The secrets before this one, the latest first. */
  earlier?: readonly EarlierSecret[];
  /** Represents all older secrets, whose hashes are not kept; `until` as there. */
  rest?: { until?: number };
}

/** A secret that no longer opens the session. */
export interface EarlierSecret {
  /** SHA-256 of the secret, base64url. */
  hash: string;
  /** Milliseconds since the epoch; before this time the secret is not a sign of theft. Absent until the present secret was presented. */
  until?: number;
}

/** A stored session. Immutable: a change creates a new record. All times are milliseconds since the epoch. */
export interface SessionRecord {
  /** The public id: stable through rotation and regenerate, safe to list, log and display. */
  readonly id: string;
  /** SHA-256 of the secret in the cookie, base64url. */
  readonly secretHash: string;
  /** The secrets that the present one replaced. Absent if the session was never rotated. */
  readonly previous?: PredecessorSecret;
  /** Counts the commits that changed data. */
  readonly revision: number;
  /** The user's id as passed to `login()`. */
  readonly subject?: string;
  /** How the subject authenticated (RFC 8176 `amr` values), and when. */
  readonly factors: Readonly<Record<string, number>>;
  /** When the session began. Never changes. */
  readonly createdAt: number;
  /** Where the absolute lifetime starts: when the session began, or the last re-login. */
  readonly startedAt: number;
  /** The last activity, as it was last stored. */
  readonly lastSeenAt: number;
  /** When the secret was last replaced, or the session began. */
  readonly rotatedAt: number;
  /** Whether it was created by `login({ remember: true })`: the cookie is persistent, and limits of its own apply. */
  readonly remember: boolean;
  /** The client at the login or the last re-login. */
  readonly device?: Device;
  /** JSON text by key, so that keys which are not used are neither parsed nor written. */
  readonly data: Readonly<Record<string, string>>;
  /**
   * Fields of a newer version of this library, JSON text by name. This version does not interpret them and keeps them
   * unchanged, so that nodes of both versions can run side by side. Absent if there are none.
   */
  readonly extra?: Readonly<Record<string, string>>;
}

/**
 * Names in `extra` of what a session that is bound to a device keeps. Stores do not interpret `extra`, and nodes of earlier
 * versions keep it, so the record needs no new format.
 */
export const DEVICE_KEY = 'deviceKey';
export const DEVICE_CHALLENGE = 'deviceChallenge';

/** A change of what the record keeps of its client's device. */
export type KeyChange =
  /** Binds the session: JSON text of a public key. A record has at most one, for good. */
  | { bind: string }
  /** The time of the challenge that was answered, in milliseconds since the epoch. Of two the later one stands. */
  | { challenge: number };

/** The fields that a commit may replace individually. */
export type RecordHead = Pick<SessionRecord, 'factors' | 'startedAt' | 'lastSeenAt' | 'rotatedAt' | 'device'>;

/** The changes of one commit. Absent fields are unchanged. */
export interface RecordDelta {
  /**
   * The epoch of the record ({@link epochOf}) when the request opened it with a valid token. If the record has another
   * epoch, a re-login or regenerate has happened since, and the outcome is `gone`.
   */
  epoch: number;
  /** If given, the record must still have this revision; otherwise the outcome is `conflict`. */
  revision?: number;
  /** JSON text by key. Increments the revision, as does `remove`. */
  set?: Record<string, string>;
  /** Keys to remove. */
  remove?: string[];
  /** Fields to replace. */
  head?: Partial<RecordHead>;
  /**
   * Replaces the secret hash `from` by `to`. If the record's secret hash is not `from`, the outcome is `conflict`.
   * `previous`, whose hash is `from`, replaces the record's `previous`.
   */
  rotate?: { from: string; to: string; previous: PredecessorSecret };
  /**
   * The successor was presented. If the record still has this `secretHash` and its rotation is still pending,
   * `previous` replaces the record's `previous`. Otherwise only this part of the delta is skipped, so that the first of
   * several confirmations counts. Never together with `rotate`.
   */
  confirm?: { secretHash: string; previous: PredecessorSecret };
  /**
   * Sets `deviceKey` or `deviceChallenge` of `extra`, whose other fields stay. If the record has another key, or a challenge
   * that is not earlier, the outcome is `conflict`: see {@link keyConflicts}.
   */
  key?: KeyChange;
  /** Milliseconds from now after which the store may delete the record; without it the expiry is unchanged. */
  ttl?: number;
}

/**
 * The record after a delta, for stores that write whole records. Fields that the delta does not name are unchanged,
 * including `extra`. Increments the revision if the delta changes data. The store must first check whether the delta
 * may be applied: see {@link mayCommit}, {@link keyConflicts}, `revision` and `rotate.from`.
 */
export function applyDelta(
  record: SessionRecord,
  { set, remove, head, rotate, confirm, key }: Omit<RecordDelta, 'epoch'>,
): SessionRecord {
  const changed = set !== undefined || remove !== undefined;
  return {
    ...record,
    ...head,
    ...(rotate && { secretHash: rotate.to, previous: rotate.previous }),
    ...(confirm && isConfirmedBy(record, confirm.secretHash) && { previous: confirm.previous }),
    ...(key && !keyConflicts(record, key) && { extra: { ...record.extra, ...fieldOf(key) } }),
    revision: record.revision + (changed ? 1 : 0),
    data: changed ? changedData(record.data, set, remove) : record.data,
  };
}

const isConfirmedBy = ({ secretHash, previous }: SessionRecord, hash: string): boolean =>
  secretHash === hash && previous?.pending === true;

function changedData(
  data: SessionRecord['data'],
  set: RecordDelta['set'],
  remove: RecordDelta['remove'],
): SessionRecord['data'] {
  const next: Record<string, string> = { ...data, ...set };
  for (const key of remove ?? []) delete next[key];
  return next;
}

/** What a change of the key sets in `extra`. */
export const fieldOf = (key: KeyChange): Readonly<Record<string, string>> =>
  'bind' in key ? { [DEVICE_KEY]: key.bind } : { [DEVICE_CHALLENGE]: String(key.challenge) };

/**
 * Whether the record has another key, or a challenge that is not earlier. A key that is the same was written by the same
 * commit, which a driver has sent twice.
 */
export function keyConflicts({ extra }: Pick<SessionRecord, 'extra'>, key: KeyChange): boolean {
  if ('bind' in key) return (extra?.[DEVICE_KEY] ?? key.bind) !== key.bind;
  return !(key.challenge > Number(extra?.[DEVICE_CHALLENGE] ?? 0));
}

/** The number of rotations whose predecessor was not honoured: re-logins and regenerates. */
export function epochOf({ previous }: Pick<SessionRecord, 'previous'>): number {
  return previous?.epoch ?? 0;
}

/** Whether a request that opened the session at this epoch may still write to the record. */
export function mayCommit(record: Pick<SessionRecord, 'previous'>, epoch: number): boolean {
  return epochOf(record) === epoch;
}
