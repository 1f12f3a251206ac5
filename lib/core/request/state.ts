import type { Former, SessionHandle } from '../storage/backend.js';

/** How the session of this request is to end. */
export interface EndRequest {
  reason: 'logout' | 'cleared' | 'corrupt';
  everywhere: boolean;
}

/**
 * The session of one request at one moment. Values of it never change: {@link RequestState} replaces one by the next.
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
  /** The request came with the successor of a rotation, and the backend is to be told so. */
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

/** What the request wants to become of its session, if it succeeds. */
export interface Intent {
  /** The request counts as activity. */
  readonly active: boolean;
  readonly logout?: { readonly everywhere: boolean } | undefined;
}

/** Whether the client came with the secret that is the present one by now. */
export const presentsCurrent = ({ presentedHash, handle }: LiveState): boolean =>
  presentedHash !== undefined && presentedHash === handle.record.secretHash;
