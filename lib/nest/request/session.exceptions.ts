import { HttpException } from '@nestjs/common';
import { isSessionError, type SessionError, type SessionErrorCode } from '../../core/util/errors.js';

export type SessionHttpCode = SessionErrorCode;

/** The response body. Gives `ERR_LOGIN_REQUIRED` alike for a logged-out, expired, revoked or tampered session. */
interface Answer {
  statusCode: number;
  error: string;
  message: string;
  code: SessionHttpCode;
  /** Seconds. Only with `ERR_RELOGIN_REQUIRED`. */
  maxAge?: number;
}

/**
 * Thrown when this library rejects a request. The response body has a stable `code` for the client. If a
 * `SessionError` is the reason, it is the `cause` of the exception, whose property `code` is the code of that error.
 */
export class SessionHttpException extends HttpException {
  // A literal, because a bundler may rename the class.
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
    message: 'You were signed out because you logged in on another device. Please log in again.',
    code: 'ERR_SESSION_EVICTED',
  });

export const reloginRequired = (statusCode: 401 | 303, maxAge: number): SessionHttpException =>
  new SessionHttpException({
    statusCode,
    error: statusCode === 303 ? 'See Other' : 'Unauthorized',
    message: 'This requires a more recent login. Please log in again.',
    code: 'ERR_RELOGIN_REQUIRED',
    maxAge,
  });

export const crossOriginRefused = (cause?: SessionError): SessionHttpException =>
  new SessionHttpException(CROSS_ORIGIN, cause);

const CROSS_ORIGIN: Answer = {
  statusCode: 403,
  error: 'Forbidden',
  message: 'Cross-site requests are not allowed here.',
  code: 'ERR_CROSS_ORIGIN',
};

const LOGIN_REQUIRED: Answer = {
  statusCode: 401,
  error: 'Unauthorized',
  message: 'Please log in.',
  code: 'ERR_LOGIN_REQUIRED',
};

const UNAVAILABLE: Answer = {
  statusCode: 503,
  error: 'Service Unavailable',
  message: 'Sessions are temporarily unavailable. Please try again later.',
  code: 'ERR_STORE_UNAVAILABLE',
};

/**
 * Converts a `SessionError` to the exception that a client may see. Returns every other error unchanged, and also a
 * `SessionError` caused by a mistake of the application, which Nest logs and reports as a plain 500.
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
        {
          statusCode: 409,
          error: 'Conflict',
          message: 'The request conflicts with the current state of your sessions.',
          code: error.code,
        },
        error,
      );
    default:
      return error;
  }
}
