import type { EndReason } from '../events/events.js';

/** Why a token opens no session. */
export type RejectReason =
  /** Not in our form: another application's, perhaps. Nothing to tell. */
  | 'foreign'
  /** In our form, and not signed or sealed by us: refused without asking the store. */
  | 'tampered'
  /** No such session, or no longer. */
  | 'unknown'
  /** The session was ended. */
  | 'ended'
  /** The record could not be read: it was ended. */
  | 'corrupt'
  /** Ended by a login above `maxSessions`. */
  | 'evicted'
  /** Ended a moment ago by a login of the same client. */
  | 'replaced'
  /** The session took another token; the client has it or is about to. */
  | 'superseded'
  /** A superseded token after its grace: the session is to be ended. */
  | 'reused'
  /** Nothing was heard of the session for too long. */
  | 'idle'
  /** The absolute lifetime is over. */
  | 'lifetime';

export interface Rejection {
  /** What becomes of the cookie in the response. */
  cookie: 'keep' | 'expire';
  /** The event that tells of the token, if any. */
  event?: 'tampered' | 'reused';
  /** Why a session ended with it, if one did. */
  ends?: EndReason;
  /** Whether it counts towards the event `guessing`. */
  guess: boolean;
  /** Of several cookies without a live session the one of the highest rank decides. */
  rank: number;
}

/**
 * What follows from a reason. The cookie is kept where it may be another application's, and where the client may have
 * the new one by now.
 */
export const REJECTIONS: Readonly<Record<RejectReason, Rejection>> = {
  idle: { cookie: 'expire', ends: 'idle', guess: false, rank: -1 },
  lifetime: { cookie: 'expire', ends: 'lifetime', guess: false, rank: -1 },
  foreign: { cookie: 'keep', guess: false, rank: 0 },
  tampered: { cookie: 'keep', event: 'tampered', guess: true, rank: 1 },
  unknown: { cookie: 'expire', guess: true, rank: 2 },
  ended: { cookie: 'expire', guess: true, rank: 2 },
  corrupt: { cookie: 'expire', ends: 'corrupt', guess: false, rank: 3 },
  evicted: { cookie: 'expire', guess: false, rank: 4 },
  replaced: { cookie: 'keep', guess: false, rank: 5 },
  superseded: { cookie: 'keep', guess: false, rank: 5 },
  reused: { cookie: 'expire', event: 'reused', ends: 'reused', guess: false, rank: 6 },
};
