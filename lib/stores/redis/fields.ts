import { DEVICE_KEY } from '../../core/model/record.js';
import { INDEXED } from './subjects/subject-index-terms.js';

/** Incremented when the fields below change their meaning. A record of another version is not read. */
export const FORMAT_VERSION = '1';

/**
 * The fields of a session's hash. The names are short because every session stores them. Each key of the data is a
 * field of its own, prefixed by {@link DATA}, and holds the JSON text unchanged.
 */
export const FIELD = {
  version: 'v',
  secretHash: 'h',
  revision: 'r',
  subject: 'u',
  factors: 'f',
  /** Earlier versions read it as `createdAt`, which a re-login moved then. They start the lifetime from it. */
  startedAt: 'c',
  /** When the session began. Records of earlier versions lack it; they began when they started. */
  createdAt: 'b',
  lastSeenAt: 'l',
  rotatedAt: 't',
  /** 1 if the cookie is persistent. */
  remember: 'm',
  device: 'd',
  previousHash: 'ph',
  previousUntil: 'pu',
  previousHonoured: 'po',
  previousNonce: 'pn',
  /**
   * A copy of the predecessor's hash: the three fields below belong to that predecessor. An earlier version that rotates
   * the session does not know these fields and leaves them unchanged.
   */
  previousScope: 'ps',
  previousPending: 'pp',
  previousEpoch: 'pe',
  /** The secrets before the predecessor, as JSON. */
  previousOlder: 'pr',
  /** The ids of the last commits that were conditional on a revision, so that a resent command is recognised. Only scripts write it. */
  commit: 'n',
  /** When the session was last added to the index of its subject. Only scripts read and write it. */
  indexed: INDEXED,
  /** The only field of a tombstone: why the session ended. */
  reason: 'x',
} as const;

export type FieldName = keyof typeof FIELD;

/** The prefix of a key of the data. */
export const DATA = ':';

/** The prefix of what a newer version stores. Every script changes only the fields that it names, so these stay. */
export const EXTRA = '+';

/** All fields except the data, and of what a newer version stores the one that is listed. Scripts know some of them by name. */
export const HEAD_FIELDS: readonly string[] = [...Object.values(FIELD), `${EXTRA}${DEVICE_KEY}`];

/** The fields of a predecessor that are written only if they apply. */
export const PREVIOUS_OPTIONAL = [
  'previousScope',
  'previousPending',
  'previousEpoch',
  'previousOlder',
] as const satisfies readonly FieldName[];
