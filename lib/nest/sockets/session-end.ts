import type { ClosingReason } from '../../core/storage/backend.js';

/** The session of a socket is over, and the client has to log in before it connects again. A close code of WebSocket. */
export const SESSION_ENDED = 4401;

/** The session goes on, with a cookie that this socket does not have: connect again. A close code of WebSocket. */
export const SESSION_RENEWED = 4205;

/** Another site opened the socket. A close code of WebSocket, where the handshake could not be refused. */
export const CROSS_ORIGIN = 4403;

/** The session could not be loaded at the handshake. A close code of RFC 6455 §7.4: try again later. */
export const TRY_AGAIN = 1013;

/** Why something that belongs to a session closes. */
export interface SessionEnd {
  /** {@link SESSION_ENDED}, or {@link SESSION_RENEWED}. */
  code: typeof SESSION_ENDED | typeof SESSION_RENEWED;
  /**
   * Why the session ended, as in the event `ended`; `ended` if it is not known; `renewed` with {@link SESSION_RENEWED}. Not a
   * secret: the client may know.
   */
  reason: ClosingReason | 'ended';
}

export const endOf = (reason: ClosingReason | undefined): SessionEnd => ({
  code: reason === 'renewed' ? SESSION_RENEWED : SESSION_ENDED,
  reason: reason ?? 'ended',
});
