import { HttpException } from '@nestjs/common';
import { isSessionError, type SessionError, type SessionErrorCode } from '../../core/util/errors.js';

export type SessionHttpCode = SessionErrorCode;

/** What a client is told. Logged out, expired, revoked and tampered are all `ERR_LOGIN_REQUIRED`. */
interface Answer {
  statusCode: number;
  error: string;
  message: string;
  code: SessionHttpCode;
  /** Seconds; with `ERR_RELOGIN_REQUIRED`. */
  maxAge?: number;
}

/**
 * A refusal by this library within a request. The body has a stable `code` for the client; where it stands for a
 * `SessionError`, that one is the `cause`, and the exception's own `code` is that of the error.
 */
export class SessionHttpException extends HttpException {
  // Written out: a bundler may rename the class.
  override readonly name: string = 'SessionHttpException';
  readonly code: SessionHttpCode;
  readonly statusCode: number;

  constructor(answer: Answer, cause?: SessionError) {
    super(answer, answer.statusCode, { cause });
    this.code = cause?.code ?? answer.code;
    this.statusCode = answer.statusCode;
  }
}

export const loginRequired = (cause?: SessionError): SessionHttpException =>
  new SessionHttpException(LOGIN_REQUIRED, cause);

export const sessionEvicted = (): SessionHttpException =>
  new SessionHttpException({
    statusCode: 401,
    error: 'Unauthorized',
    message: 'This session made room for a login on another device. Log in to go on.',
    code: 'ERR_SESSION_EVICTED',
  });

export const reloginRequired = (statusCode: 401 | 303, maxAge: number): SessionHttpException =>
  new SessionHttpException({
    statusCode,
    error: 'Unauthorized',
    message: 'This takes a login that is more recent. Log in again to go on.',
    code: 'ERR_RELOGIN_REQUIRED',
    maxAge,
  });

export const crossOriginRefused = (cause?: SessionError): SessionHttpException =>
  new SessionHttpException(CROSS_ORIGIN, cause);

const CROSS_ORIGIN: Answer = {
  statusCode: 403,
  error: 'Forbidden',
  message: 'This request was made on behalf of another site.',
  code: 'ERR_CROSS_ORIGIN',
};

const LOGIN_REQUIRED: Answer = {
  statusCode: 401,
  error: 'Unauthorized',
  message: 'Log in to go on.',
  code: 'ERR_LOGIN_REQUIRED',
};

const UNAVAILABLE: Answer = {
  statusCode: 503,
  error: 'Service Unavailable',
  message: 'Sessions are not available right now. Try again later.',
  code: 'ERR_STORE_UNAVAILABLE',
};

/**
 * Turns a `SessionError` into what a client may see of it. Any other error is returned as it is, and so is a mistake of
 * the application: Nest logs that one, and answers a plain 500.
 */
export function asHttp(error: unknown): unknown {
  if (!isSessionError(error) || error instanceof HttpException) return error;
  switch (error.statusCode) {
    case 401:
      return loginRequired(error);
    case 403:
      return crossOriginRefused(error);
    case 503:
      return new SessionHttpException(UNAVAILABLE, error);
    case 409:
      return new SessionHttpException(
        { statusCode: 409, error: 'Conflict', message: 'The session is in use elsewhere.', code: error.code },
        error,
      );
    default:
      return error;
  }
}
