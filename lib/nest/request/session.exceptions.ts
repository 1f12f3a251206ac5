import { HttpException } from '@nestjs/common';
import { isSessionError, type SessionError, type SessionErrorCode } from '../../core/util/errors.js';

/** The codes that clients may see. */
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
  /** Always `SessionHttpException`. */
  // A literal, because a bundler may rename the class.
  override readonly name: string = 'SessionHttpException';
  /** That of the `SessionError` which is the reason, and otherwise that of the response body. */
  readonly code: SessionHttpCode;
  /** The HTTP status of the response. */
  readonly statusCode: number;

  /** Made by the library. */
  constructor(answer: Answer, cause?: SessionError) {
    super(answer, answer.statusCode, { cause });
    this.code = cause?.code ?? answer.code;
    this.statusCode = answer.statusCode;
  }
}

/** With 303 the client is sent to a page of the application, which the header `Location` names. */
type AskingStatus = 401 | 303;

const ERRORS: Readonly<Record<AskingStatus, string>> = { 401: 'Unauthorized', 303: 'See Other' };

export const loginRequired = (cause?: SessionError, statusCode: AskingStatus = 401): SessionHttpException =>
  new SessionHttpException(
    { statusCode, error: ERRORS[statusCode], message: 'Please log in.', code: 'ERR_LOGIN_REQUIRED' },
    cause,
  );

export const sessionEvicted = (statusCode: AskingStatus): SessionHttpException =>
  new SessionHttpException({
    statusCode,
    error: ERRORS[statusCode],
    message: 'You were signed out because you logged in on another device. Please log in again.',
    code: 'ERR_SESSION_EVICTED',
  });

export const reloginRequired = (statusCode: AskingStatus, maxAge: number): SessionHttpException =>
  new SessionHttpException({
    statusCode,
    error: ERRORS[statusCode],
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
