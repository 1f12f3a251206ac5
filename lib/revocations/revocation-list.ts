import { hash } from 'node:crypto';
import type { RejectReason } from '../core/model/reject-reason.js';
import type { Awaitable, StoreContext, StoreFinding, StoreProblem } from '../core/storage/store.js';

/** The fields of an opened cookie that decide whether it was revoked. */
export interface SealedToken {
  /** The public id of the session. */
  id: string;
  /** Counts the rotations that voided the cookies before them. */
  version: number;
  /** The user's id as given to `login()`. */
  subject?: string;
  /** When the session began, in milliseconds since the epoch. Unchanged by a roll and by a re-login. */
  issuedAt: number;
  /** The epoch of the list at the time of issue. */
  epoch: string;
}

/** An entry voids the versions below its rank; with this rank, all of them. */
export const ALL_VERSIONS = Number.MAX_SAFE_INTEGER;

/** Voids tokens of one session: those of a version below `rank`. */
export interface SessionTerms {
  /** Tells it from {@link SubjectTerms}. */
  kind: 'session';
  /** The public id of the session. */
  id: string;
  /** Why: the session ended, or its secret was rotated. */
  why: Extract<RejectReason, 'ended' | 'replaced' | 'evicted'> | 'rotated';
  /** Milliseconds since the epoch. Before this time a voided token is not a sign of theft. */
  grace: number;
  /** Whether the immediate predecessor still opens the session before `grace`. */
  honoured: boolean;
  /**
   * For a rotation whose successor was presented, in milliseconds since the epoch: from this time on a predecessor is a
   * sign of theft. Absent while the successor has not been presented.
   */
  confirmed?: number;
  /** As `confirmed`, for tokens older than the immediate predecessor. Absent if it is the same time. */
  older?: number;
  /**
   * The rotation bound the session to a device: JSON text of its public key. A predecessor within its grace holds an
   * earlier state, which lacks the key.
   */
  device?: string;
}

/** Voids tokens of one subject that were issued at or before `rank`, a time in milliseconds. */
export interface SubjectTerms {
  /** Tells it from {@link SessionTerms}. */
  kind: 'subject';
  /** A digest of the user's id: the list holds no names. */
  subject: string;
  /** Ids of the sessions that it spares. */
  except: readonly string[];
  /** If given, it voids only the sessions with these ids. */
  only?: readonly string[];
  /**
   * When the revocation began, in milliseconds since the epoch: a login whose subject authenticated at or before this
   * time is refused, however late it completes.
   */
  at?: number;
}

/** An entry of the list. */
export interface Revocation {
  /**
   * Of two entries with the same key, the one of the higher rank stands. Of two rotations of the same rank, the confirmed
   * one stands; of two confirmed ones, the one that ends earlier.
   */
  key: string;
  /** The version (of a session) or the time (of a subject) up to which it voids. */
  rank: number;
  /** When the last token that it voids has expired, in milliseconds since the epoch. */
  until: number;
  /** What it voids. */
  terms: SessionTerms | SubjectTerms;
}

/** Whether a cookie is still valid. */
export type Verdict =
  | {
      live: true;
      /** The version that the next cookie carries. */
      version: number;
      /** The rotation to that version, if the list still holds it. */
      rotation?: SessionTerms;
    }
  /** `replaced`: ended a moment ago by a login of the same client. */
  | { live: false; why: Extract<RejectReason, 'ended' | 'replaced' | 'evicted' | 'reused'> }
  /**
   * The session is live with a later version. `lately`: the client may have the later cookie, or is about to receive it.
   * `version`: the later one. Without it (a list of your own) a challenge of a device that two nodes whose clocks differ make one after
   * the other may take another round trip.
   */
  | { live: false; why: Extract<RejectReason, 'superseded'>; lately: boolean; version?: number };

/** What a list needs of the module's options. */
export interface RevocationContext extends StoreContext {
  /** Milliseconds that the list may take to respond. */
  timeout: number;
}

/**
 * The sealed cookies that were revoked before they expired. Holds revocations, not live sessions.
 *
 * Lookups use a copy in memory. An error means that the list could not be queried and the copy may be out of date; it
 * becomes a 503.
 */
export interface RevocationList {
  /** Called first, once by each module that uses the list. */
  bind(context: RevocationContext): void;
  /**
   * Makes the copy in memory current, within {@link lag}. Returns nothing if it is; otherwise a promise that rejects with
   * `ERR_STORE_UNAVAILABLE` if the list cannot be queried.
   */
  fresh(): void | Promise<void>;
  /** Reads everything that any node has recorded up to now. Rejects with `ERR_STORE_UNAVAILABLE`. */
  sync(): void | Promise<void>;
  /** Changes when the list has lost its entries, so that earlier tokens are rejected. Known after {@link fresh}. */
  readonly epoch: string;
  /** Milliseconds after which a revocation is known to every node. */
  readonly lag: number;
  /** Milliseconds that the list's clock is ahead of this machine's. */
  readonly skew: number;
  /** The verdict on a token, by the copy in memory. */
  check(token: SealedToken): Verdict;
  /**
   * The latest time at or before which the tokens of a subject are void, except for spared sessions, or -Infinity. By the
   * copy in memory.
   */
  revokedSince(subject: string): number;
  /** When the latest revocation of a subject's sessions began, or -Infinity. By the copy in memory. */
  revokedAt(subject: string): number;
  /**
   * Records a revocation, for all nodes. False if it was recorded before: there is one with the same key that voids as
   * much, or that names the same sessions with `only`. An addition never makes a void token valid; it may confirm a
   * rotation that is recorded as unconfirmed. Rejects with `ERR_STORE_UNAVAILABLE`.
   */
  add(revocation: Revocation): Promise<boolean>;
  /** What is wrong at start, as `SessionStore.diagnose`. */
  diagnose?(): Awaitable<readonly StoreProblem[]>;
  /** What a closer look finds, as `SessionStore.examine`. */
  examine?(): Awaitable<readonly StoreFinding[]>;
  /** Called once by each module that called `bind`. Stops the list's own timers and subscriptions. */
  close(): Awaitable<void>;
}

/** Represents a subject in the list, which holds no personal data. */
export const subjectKey = (subject: string): string => digest(`nest-sessions/subject|${subject}`);

/** Voids one session, or with `version` its tokens of lower versions. */
export function revocationOf(
  id: string,
  until: number,
  terms: Omit<SessionTerms, 'kind' | 'id'>,
  version = ALL_VERSIONS,
): Revocation {
  return { key: `s:${id}`, rank: version, until, terms: { kind: 'session', id, ...terms } };
}

/** Voids the sessions of a subject that were issued at or before a time. */
export function subjectRevocationOf(
  subject: string,
  before: number,
  until: number,
  scope: SubjectScope = {},
): Revocation {
  return hashedSubjectRevocationOf(subjectKey(subject), before, until, scope);
}

/** Which sessions of a subject are voided: all, all except some, or some; and `at`, as in {@link SubjectTerms}. */
export interface SubjectScope {
  except?: readonly string[];
  only?: readonly string[];
  at?: number;
}

/** As {@link subjectRevocationOf}, for the {@link subjectKey} of a subject. */
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
  // One key for each scope: the same call again only moves the time and takes no more space.
  return { key: `u:${subject}:${digest(scope)}`, rank: before, until, terms };
}

const sorted = (ids: readonly string[]): string => [...ids].sort().join(',');

/** 22 characters, in the form of an id. */
export const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 22);
