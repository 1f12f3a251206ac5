import { createHash } from 'node:crypto';
import type { RejectReason } from '../core/model/reject-reason.js';
import type { Awaitable, StoreContext } from '../core/storage/store.js';

/** What a cookie says of itself, once it was opened. */
export interface SealedToken {
  id: string;
  /** Counts the rotations that killed what was before. */
  version: number;
  subject?: string;
  /** When the session began, in milliseconds since the epoch; it moves neither by a roll nor by a re-login. */
  issuedAt: number;
  /** The list under which it was issued. */
  epoch: string;
}

/** Everything under the rank of an entry is dead; this rank leaves nothing alive. */
export const ALL_VERSIONS = Number.MAX_SAFE_INTEGER;

/** Voids tokens of one session: those of a version below `rank`. */
export interface SessionTerms {
  kind: 'session';
  id: string;
  why: Extract<RejectReason, 'ended' | 'replaced' | 'evicted'> | 'rotated';
  /** Milliseconds since the epoch: till then a voided token is no sign of theft. */
  grace: number;
  /** Whether the immediate predecessor still opens the session till then. */
  honoured: boolean;
  /**
   * Of a rotation whose successor was presented, in milliseconds since the epoch: from then on a predecessor is a
   * sign of theft. Absent until then.
   */
  confirmed?: number;
  /** The same for all that is older than the immediate predecessor. Absent where it is as for that one. */
  older?: number;
}

/** Voids tokens of one subject that were issued at or before `rank`, a time in milliseconds. */
export interface SubjectTerms {
  kind: 'subject';
  /** {@link subjectKey} of it: the list names nobody. */
  subject: string;
  /** Sessions that it leaves alone. */
  except: readonly string[];
  /** If given, it concerns no other sessions than these. */
  only?: readonly string[];
  /**
   * When it began, in milliseconds since the epoch: a login whose subject had proved itself at or before it is
   * refused, however late it comes.
   */
  at?: number;
}

export interface Revocation {
  /**
   * Of two entries with one key the higher rank stands. Of two rotations of the same rank what is confirmed stands,
   * and of those what ends earlier.
   */
  key: string;
  rank: number;
  /** Milliseconds since the epoch: when the longest token that it voids has expired. */
  until: number;
  terms: SessionTerms | SubjectTerms;
}

export type Verdict =
  | {
      live: true;
      /** The version that the next cookie carries. */
      version: number;
      /** The rotation to that version, as long as the list has it. */
      rotation?: SessionTerms;
    }
  /** `replaced`: ended, a moment ago, by a login of the same client. */
  | { live: false; why: Extract<RejectReason, 'ended' | 'replaced' | 'evicted' | 'reused'> }
  /** The session lives under a later version. `lately`: the client may have it by now, or is about to get it. */
  | { live: false; why: Extract<RejectReason, 'superseded'>; lately: boolean };

/** What the list needs to know of the module. */
export interface RevocationContext extends StoreContext {
  /** Milliseconds that the list may take to answer. */
  timeout: number;
}

/**
 * Which sealed cookies are dead although they have not expired. It holds what was revoked, not what lives.
 *
 * Lookups are answered from memory. An error means that the list could not be asked and the copy in memory
 * may be out of date; it becomes a 503.
 */
export interface RevocationList {
  /** Called before anything else, once by each module that uses the list. */
  bind(context: RevocationContext): void;
  /**
   * Sees to it that the copy in memory is current, within the list's bound. Returns nothing if it is; else a
   * promise that rejects with `ERR_STORE_UNAVAILABLE` if the list cannot be asked.
   */
  fresh(): void | Promise<void>;
  /** Takes in all that was recorded up to now, on whichever node. Rejects with `ERR_STORE_UNAVAILABLE`. */
  sync(): void | Promise<void>;
  /** Another one after the list lost its entries: tokens from before are refused. Known once it was fresh. */
  readonly epoch: string;
  /** Milliseconds for which another node may not know of a revocation. */
  readonly lag: number;
  /** Milliseconds that the list's clock is ahead of this machine's. */
  readonly skew: number;
  /** What becomes of a token, by the copy in memory. */
  check(token: SealedToken): Verdict;
  /**
   * The latest time at or before which the tokens of a subject are void, but for what was spared then, or
   * -Infinity. By the copy in memory.
   */
  revokedSince(subject: string): number;
  /** When the latest revocation of a subject's sessions began, or -Infinity. By the copy in memory. */
  revokedAt(subject: string): number;
  /**
   * Records a revocation, for all nodes. False if it was recorded already: there is one of the same key that goes
   * as far, or names the same sessions with `only`. What was recorded is never narrowed, whatever is added; a
   * rotation that is recorded as unconfirmed may be recorded as confirmed.
   * Rejects with `ERR_STORE_UNAVAILABLE`.
   */
  add(revocation: Revocation): Promise<boolean>;
  close(): Awaitable<void>;
}

/** Stands for a subject in the list, which is to hold no personal data. */
export const subjectKey = (subject: string): string => digest(`nest-sessions/subject|${subject}`);

/** Ends one session, or with `version` what it was below that. */
export function revocationOf(
  id: string,
  until: number,
  terms: Omit<SessionTerms, 'kind' | 'id'>,
  version = ALL_VERSIONS,
): Revocation {
  return { key: `s:${id}`, rank: version, until, terms: { kind: 'session', id, ...terms } };
}

/** Ends the sessions of a subject that were issued at or before a time. */
export function subjectRevocationOf(
  subject: string,
  before: number,
  until: number,
  scope: SubjectScope = {},
): Revocation {
  return hashedSubjectRevocationOf(subjectKey(subject), before, until, scope);
}

/** Which of a subject's sessions are meant: all, all but some, or some; and `at`, as in {@link SubjectTerms}. */
export interface SubjectScope {
  except?: readonly string[];
  only?: readonly string[];
  at?: number;
}

/** {@link subjectRevocationOf} for a subject of which no more than its {@link subjectKey} is known. */
export function hashedSubjectRevocationOf(
  subject: string,
  before: number,
  until: number,
  { except = [], only, at }: SubjectScope = {},
): Revocation {
  const scope = only ? `only|${sorted(only)}` : `except|${sorted(except)}`;
  const terms: SubjectTerms = {
    kind: 'subject',
    subject,
    except,
    ...(only && { only }),
    ...(at !== undefined && { at }),
  };
  // One key a scope: the same call again only moves the time, and takes no more room.
  return { key: `u:${subject}:${digest(scope)}`, rank: before, until, terms };
}

const sorted = (ids: readonly string[]): string => [...ids].sort().join(',');

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);
