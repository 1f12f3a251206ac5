import type { EndReason } from '../events/events.js';

/** Why a token opens no session. */
export type RejectReason =
  /** Not in our form, so it may be another application's cookie. No event is emitted. */
  | 'foreign'
  /** In our form, but not signed or sealed by us. Rejected without a query of the store. */
  | 'tampered'
  /** The session does not exist, or no longer exists. */
  | 'unknown'
  /** The session was ended. */
  | 'ended'
  /** The record could not be read, so the session was ended. */
  | 'corrupt'
  /** Ended by a login above `maxSessions`. */
  | 'evicted'
  /** Ended a moment ago by a login of the same client. */
  | 'replaced'
  /** The token was replaced; the client has the new one or is about to receive it. */
  | 'superseded'
  /** A superseded token was presented after its grace. The session is ended. */
  | 'reused'
  /** The session is bound to a device, and the request does not prove that it comes from there. The session is live. */
  | 'unproved'
  /** The session is not bound to a device, and every session has to be. It is live: a registration that comes late repairs it. */
  | 'unbound'
  /** The idle timeout has passed. */
  | 'idle'
  /** The absolute lifetime has passed. */
  | 'lifetime';

export interface Rejection {
  /** What the response does with the cookie. */
  cookie: 'keep' | 'expire';
  /** The event that is emitted for the token, if any. */
  event?: 'tampered' | 'reused';
  /** The reason in the event `ended`, if rejecting the token ends a session. */
  ends?: EndReason;
  /** Whether it counts towards the event `guessing`. */
  guess: boolean;
  /** If several cookies are sent and none opens a session, the one with the highest rank decides. */
  rank: number;
}

/**
 * The consequences of each reason. The cookie is kept if it may be another application's, or if the client may already
 * have a newer one.
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
  unproved: { cookie: 'keep', guess: false, rank: 5 },
  unbound: { cookie: 'keep', guess: false, rank: 5 },
  reused: { cookie: 'expire', event: 'reused', ends: 'reused', guess: false, rank: 6 },
};
