/** What is known of the client that logged in. Shown in the list of a user's devices. */
export interface Device {
  /** The User-Agent header, cut to 256 characters. */
  userAgent?: string;
  /** The address as the framework tells it, so behind a proxy only right where `trust proxy` is. */
  ip?: string;
}

/** The secret that the present one replaced. */
export interface PredecessorSecret {
  /** SHA-256 of it, base64url. */
  hash: string;
  /** Milliseconds since the epoch: till then a late request is no sign of theft. */
  until: number;
  /** Whether it still opens the session till then. After a re-login it does not. */
  honoured: boolean;
  /** With the predecessor itself and the signing key it gives the successor, so that every late request gets the same one. */
  nonce: string;
}

/** What is kept of a session. Immutable: a change makes a new record. All times are milliseconds since the epoch. */
export interface SessionRecord {
  /** The public handle: stable through rotation, safe to list, log and show. */
  readonly id: string;
  /** SHA-256 of the secret in the cookie, base64url. */
  readonly secretHash: string;
  readonly previous?: PredecessorSecret;
  /** Counts the commits that changed data. */
  readonly revision: number;
  /** The user's id as the application gave it to `login()`. */
  readonly subject?: string;
  /** How the subject proved itself, and when (RFC 8176 `amr` values). */
  readonly factors: Readonly<Record<string, number>>;
  /** Where the absolute lifetime starts: creation, login or the last re-login. */
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly rotatedAt: number;
  /** Whether `login({ remember: true })` made it: the cookie is persistent and has its own limits. */
  readonly persistent: boolean;
  readonly device?: Device;
  /** JSON text by key, so that what nobody reads is neither parsed nor written. */
  readonly data: Readonly<Record<string, string>>;
}

/** The fields that a commit may replace, each by itself. */
export type RecordHead = Pick<SessionRecord, 'factors' | 'createdAt' | 'lastSeenAt' | 'rotatedAt' | 'device'>;

/** What one commit changes. Fields that are absent stay as they are. */
export interface RecordDelta {
  /**
   * Hash of the secret that the request came with. It must be the present one or its honoured
   * predecessor, whose grace may well end while the request is at work; else the outcome is `gone`.
   */
  secret: string;
  /** If given, the record's revision must still be this one; else the outcome is `conflict`. */
  revision?: number;
  /** JSON text by key. Counts the revision up, as `remove` does. */
  set?: Record<string, string>;
  remove?: string[];
  head?: Partial<RecordHead>;
  /** The present secret must still be `from`, else `conflict`; `to` takes its place and `from` becomes the predecessor. */
  rotate?: { from: string; to: string; until: number; honoured: boolean; nonce: string };
  /** Milliseconds from now after which the store may forget the record; without it the expiry stays. */
  ttl?: number;
}

/** The record after a delta; the revision counts the deltas that changed data. */
export function applyDelta(record: SessionRecord, { set, remove, head, rotate }: RecordDelta): SessionRecord {
  const changed = set !== undefined || remove !== undefined;
  return {
    ...record,
    ...head,
    ...(rotate && {
      secretHash: rotate.to,
      previous: { hash: rotate.from, until: rotate.until, honoured: rotate.honoured, nonce: rotate.nonce },
    }),
    revision: record.revision + (changed ? 1 : 0),
    data: changed ? changedData(record.data, set, remove) : record.data,
  };
}

function changedData(
  data: SessionRecord['data'],
  set: RecordDelta['set'],
  remove: RecordDelta['remove'],
): SessionRecord['data'] {
  const next: Record<string, string> = { ...data, ...set };
  for (const key of remove ?? []) delete next[key];
  return next;
}

/** Whether a commit of a request that came with the secret of this hash may write. */
export function mayCommit({ secretHash, previous }: SessionRecord, hash: string): boolean {
  return hash === secretHash || (previous?.honoured === true && hash === previous.hash);
}
