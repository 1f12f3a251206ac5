import { SessionError } from '../util/errors.js';

/** What the response of one request can still carry. Each limit is final, except that a cookie may be found too late at any time. */
export class ResponseLimits {
  #closed = false;
  #detached = false;
  #tooLateForCookie = false;

  /** Whether the head of the response is being sent or was sent. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether there is no response that could set a cookie. */
  get detached(): boolean {
    return this.#detached;
  }

  /** Whether a new cookie cannot reach the client any more. */
  get tooLateForCookie(): boolean {
    return this.#tooLateForCookie;
  }

  /** The head of the response is being sent: the session can no longer be changed. */
  close(): void {
    this.#closed = true;
  }

  /** The session was opened without a response. */
  detach(): void {
    this.#detached = true;
  }

  /** @param tooLate whether the head of the response is sent or the connection is closed */
  cookieComesTooLate(tooLate: boolean): void {
    this.#tooLateForCookie = tooLate;
  }

  /** @throws SessionError `ERR_HEAD_SENT` if a change could no longer be stored or sent to the client */
  assertChangeable(): void {
    if (!this.#closed) return;
    throw new SessionError(
      'ERR_HEAD_SENT',
      'The session was changed after the head of the response had been written, when it can no longer be stored. Change it earlier; before a stream or server-sent events call `await session.commit()`. In a session that is in a store already, `session.update()` works at any time.',
    );
  }

  /** @throws SessionError `ERR_HEAD_SENT` if a session that is not in its store can no longer get a cookie */
  assertStorable(): void {
    if (!this.#closed) return;
    throw new SessionError(
      'ERR_HEAD_SENT',
      'session.update() after the head of the response had been written: this session was never stored, so no cookie for it was sent. Store something in it and `await session.commit()` once before the stream.',
    );
  }

  /** @throws SessionError `ERR_NO_RESPONSE` if no response can set the new cookie */
  assertReachable(): void {
    if (!this.#detached) return;
    throw new SessionError(
      'ERR_NO_RESPONSE',
      'This session was opened by a handshake, so no new cookie can reach the client. Log in, log in again and regenerate over HTTP; over sealed cookies, where every change needs a new cookie, change it over HTTP as well.',
    );
  }

  /** @throws SessionError `ERR_HEAD_SENT`, `ERR_NO_RESPONSE` */
  assertAnswerable(): void {
    this.assertChangeable();
    this.assertReachable();
  }
}
