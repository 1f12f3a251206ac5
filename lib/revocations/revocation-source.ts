import { unavailable } from '../core/util/errors.js';
import type { StoreFinding, StoreProblem } from '../core/storage/store.js';
import type { Revocation, RevocationContext } from './revocation-list.js';

/** Changes of the list since an earlier read. */
export interface RevocationPage {
  /** Created with the list; a different one if the list was lost and created again. */
  epoch: string;
  /** The list's clock, in milliseconds since the epoch. */
  time: number;
  /** The number of the last write on this page, from which the next read continues. */
  cursor: number;
  /** Up to one page; if there are `more`, the next page begins after `cursor`. */
  revocations: Revocation[];
  /** Number of entries that could not be read and were left out. */
  unreadable: number;
  more: boolean;
}

/** The result of writing a revocation. */
export interface Added {
  /** False if it was recorded before. */
  added: boolean;
  /** The entry that is now stored under its key. */
  standing: Revocation;
  /** Whether the list holds more entries of that subject than `MOST_PER_SUBJECT`. */
  crowded: boolean;
}

/** The store of the revocations of all nodes. Each method rejects if it cannot be queried. */
export interface RevocationSource {
  /**
   * The writes after `cursor`, the earliest first.
   *
   * @param now milliseconds since the epoch if the application injects a clock, which then decides instead of the list's
   */
  changes(cursor: number, now: number | undefined): Promise<RevocationPage>;
  /**
   * Writes the revocation unless a readable entry with the same key has the same rank or a higher one. A confirmed
   * rotation also replaces one of the same rank that is unconfirmed or ends later. A revocation of all sessions of a
   * subject replaces the subject's entries that void no more than it does. What is stored has the latest `at` of the
   * revocation and of all that it replaces.
   */
  add(revocation: Revocation): Promise<Added>;
  /** What is wrong at start, as `SessionStore.diagnose`. */
  diagnose?(context: RevocationContext): Promise<StoreProblem[]>;
  /** What a closer look finds, as `SessionStore.examine`. */
  examine?(): Promise<StoreFinding[]>;
  /**
   * Calls back at each notice of a write, also after reconnects, until the returned function is called. Any client of
   * the server may publish a notice, so a notice carries no data. Never throws.
   */
  listen(onNotice: () => void): () => void;
}

/** @throws SessionError `ERR_STORE_UNAVAILABLE` for a page with an invalid epoch, time or cursor */
export function checkedPage(page: RevocationPage): RevocationPage {
  const { epoch, time, cursor } = page;
  // A list begins with zero: a reader takes a lower counter for a list that went back, and would read it again without end.
  const isCursor = Number.isSafeInteger(cursor) && cursor >= 0;
  if (typeof epoch === 'string' && Number.isFinite(time) && isCursor) return page;
  throw unavailable(new Error('the revocation list returned an invalid epoch, time or counter'));
}

/** What is said of notices that do not arrive. */
export const LATE = {
  what: 'notices of revocations',
  follows: 'A revocation reaches the other nodes only when they query the list, within `staleness`.',
} as const;
