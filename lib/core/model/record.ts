/** What is known of the client that logged in. Shown in the list of a user's devices. */
export interface Device {
  /** The User-Agent header, cut to 256 characters. */
  userAgent?: string;
  /** The address as the framework tells it, so behind a proxy only right where `trust proxy` is. */
  ip?: string;
}

/** What is remembered of the secret that the present one replaced, and of those before it. */
export interface PredecessorSecret {
  /** SHA-256 of it, base64url. */
  hash: string;
  /**
   * Milliseconds since the epoch. Once the successor was presented: till then a late request is no sign of theft.
   * While it is {@link pending} after a periodic rotation: till then it still opens the session.
   */
  until: number;
  /** Whether it still opens the session till then: after a periodic rotation. After a re-login or regenerate it does not. */
  honoured: boolean;
  /** With the predecessor itself and the signing key it gives the successor, so that every late request gets the same one. */
  nonce: string;
  /** The successor has not been presented yet. */
  pending?: true;
  /** Counts the rotations up to this one after which the predecessor opened nothing. Absent for 0. */
  epoch?: number;
  /** The secrets before this one, the latest first. */
  earlier?: readonly EarlierSecret[];
  /** All that are older still. */
  rest?: { until?: number };
}

/** A secret that opens nothing any more. */
export interface EarlierSecret {
  /** SHA-256 of it, base64url. */
  hash: string;
  /** Milliseconds since the epoch: till then it is no sign of theft. Absent until the present secret was presented. */
  until?: number;
}

/** What is kept of a session. Immutable: a change makes a new record. All times are milliseconds since the epoch. */
export interface SessionRecord {
  /** The public handle: stable through rotation and regenerate, safe to list, log and show. */
  readonly id: string;
  /** SHA-256 of the secret in the cookie, base64url. */
  readonly secretHash: string;
  /** The secrets that this one replaced. Absent in a session that was never rotated. */
  readonly previous?: PredecessorSecret;
  /** Counts the commits that changed data. */
  readonly revision: number;
  /** The user's id as the application gave it to `login()`. */
  readonly subject?: string;
  /** How the subject proved itself, and when (RFC 8176 `amr` values). */
  readonly factors: Readonly<Record<string, number>>;
  /** When the session began. Nothing moves it. */
  readonly createdAt: number;
  /** Where the absolute lifetime starts: when the session began, or the last re-login. */
  readonly startedAt: number;
  readonly lastSeenAt: number;
  readonly rotatedAt: number;
  /** Whether `login({ remember: true })` made it: the cookie is persistent and has its own limits. */
  readonly remember: boolean;
  readonly device?: Device;
  /** JSON text by key, so that what nobody reads is neither parsed nor written. */
  readonly data: Readonly<Record<string, string>>;
  /**
   * What a newer version keeps of the session, JSON text by name. This one does not know what it means, so whatever becomes of
   * the session it stays as it is: nodes of both versions may run side by side. Absent where there is none.
   */
  readonly extra?: Readonly<Record<string, string>>;
}

/** The fields that a commit may replace, each by itself. */
export type RecordHead = Pick<SessionRecord, 'factors' | 'startedAt' | 'lastSeenAt' | 'rotatedAt' | 'device'>;

/** What one commit changes. Fields that are absent stay as they are. */
export interface RecordDelta {
  /**
   * The epoch of the record ({@link epochOf}) when the request opened it with a valid token. Another one by now
   * means that a re-login or regenerate came between; then the outcome is `gone`.
   */
  epoch: number;
  /** If given, the record's revision must still be this one; else the outcome is `conflict`. */
  revision?: number;
  /** JSON text by key. Counts the revision up, as `remove` does. */
  set?: Record<string, string>;
  remove?: string[];
  head?: Partial<RecordHead>;
  /**
   * The present secret must still be `from`, else `conflict`; `to` takes its place, and `previous`, whose hash is
   * `from`, takes the place of what the record knew of predecessors.
   */
  rotate?: { from: string; to: string; previous: PredecessorSecret };
  /**
   * The successor was presented. If `secretHash` still is that of the record, and its predecessor still pending,
   * `previous` takes the place of what the record knew of predecessors; else this part alone is left out, so that of
   * several that confirm the first one counts. Never beside `rotate`.
   */
  confirm?: { secretHash: string; previous: PredecessorSecret };
  /** Milliseconds from now after which the store may forget the record; without it the expiry stays. */
  ttl?: number;
}

/**
 * The record after a delta, for stores that write a record as a whole; what the delta does not name stays, `extra` too.
 * The revision counts the deltas that changed data. Whether the delta may be applied is asked before: see
 * {@link mayCommit}, `revision` and `rotate.from`.
 */
export function applyDelta(
  record: SessionRecord,
  { set, remove, head, rotate, confirm }: Omit<RecordDelta, 'epoch'>,
): SessionRecord {
  const changed = set !== undefined || remove !== undefined;
  return {
    ...record,
    ...head,
    ...(rotate && { secretHash: rotate.to, previous: rotate.previous }),
    ...(confirm && isConfirmedBy(record, confirm.secretHash) && { previous: confirm.previous }),
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

/** Counts the rotations of a session after which its predecessor opened nothing: re-logins and regenerates. */
export function epochOf({ previous }: Pick<SessionRecord, 'previous'>): number {
  return previous?.epoch ?? 0;
}

/** Whether a commit of a request that opened the session at this epoch may still write. */
export function mayCommit(record: Pick<SessionRecord, 'previous'>, epoch: number): boolean {
  return epochOf(record) === epoch;
}
