import type { Former, SessionHandle } from '../storage/backend.js';

/** How the session of this request is to end. */
export interface EndRequest {
  reason: 'logout' | 'cleared' | 'corrupt';
  everywhere: boolean;
}

/**
 * The session of one request at one moment. Values of it never change: a transition replaces one by the next.
 *
 * `former` is the session of a token that no longer opens it. The token can still end the session.
 */
export type State =
  /** Nothing is stored. */
  | { readonly kind: 'anonymous'; readonly former?: Former | undefined }
  | LiveState
  /** Ended for this request, but not yet in the backend. */
  | EndingState
  /** `id` is the name that the session had. */
  | { readonly kind: 'ended'; readonly id: string; readonly former?: Former | undefined }
  /** The session could not be loaded; the request is rejected with this error. */
  | { readonly kind: 'unavailable'; readonly error: Error };

export interface LiveState {
  readonly kind: 'live';
  readonly handle: SessionHandle;
  readonly former?: Former | undefined;
  /** The hash of the present secret, if the request came with it. */
  readonly presentedHash?: string | undefined;
  /** The request came with the successor of a rotation, which the backend has to confirm. */
  readonly confirms: boolean;
  /** The client is not the one that logged in: no login counts as fresh. */
  readonly suspicious: boolean;
  /** The client is a different one, and the record is not marked yet. */
  readonly marks: boolean;
}

/** At least one of `handle` and `former` is there. */
export interface EndingState {
  readonly kind: 'ending';
  readonly id: string;
  readonly handle?: SessionHandle | undefined;
  readonly former?: Former | undefined;
  readonly end: EndRequest;
}

/** What this response does with the session cookie. */
export enum CookieAction {
  Keep = 'keep',
  Set = 'set',
  Expire = 'expire',
  /** As Expire, after a logout by the user: other data of the browser is cleared as well. */
  Forget = 'forget',
}

/** What the request wants to become of its session, if it succeeds. */
export interface Intent {
  /** The request counts as activity. */
  readonly active: boolean;
  readonly logout?: { readonly everywhere: boolean } | undefined;
}

/** Whether the client came with the secret that is the present one by now. */
export const presentsCurrent = ({ presentedHash, handle }: LiveState): boolean =>
  presentedHash !== undefined && presentedHash === handle.record.secretHash;

/** The handle of a session that is live, or that the request ends but the backend has not ended yet. */
export const handleOf = (state: State): SessionHandle | undefined =>
  state.kind === 'live' || state.kind === 'ending' ? state.handle : undefined;

/** The session of a token that no longer opens it. */
export const formerOf = (state: State): Former | undefined =>
  state.kind === 'unavailable' ? undefined : state.former;
