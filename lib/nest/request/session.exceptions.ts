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
  /** Factors, separated by blanks. Only with `ERR_RELOGIN_REQUIRED`, where one is asked for. */
  acrValues?: string;
}

/** What a response of GraphQL has as `extensions` of an error. */
export interface GraphqlErrorExtensions {
  /** That of the response body over HTTP. */
  code: SessionHttpCode;
  /** With `ERR_RELOGIN_REQUIRED`, as in the challenge of RFC 9470: seconds. */
  max_age?: number;
  /** With `ERR_RELOGIN_REQUIRED` where a factor is asked for, as in the challenge of RFC 9470. */
  acr_values?: string;
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
  constructor({ statusCode, ...body }: Answer, cause?: SessionError) {
    // @nestjs/apollo puts a code of its own in the place of ours for exceptions whose `response` has a status.
    super(body, statusCode, { cause });
    this.code = cause?.code ?? body.code;
    this.statusCode = statusCode;
  }

  /** The response body. */
  override getResponse(): object {
    return { statusCode: this.statusCode, ...this.#body };
  }

  /** What GraphQL sends beside the message. */
  get extensions(): GraphqlErrorExtensions {
    const { code, maxAge, acrValues } = this.#body;
    return {
      code,
      ...(maxAge !== undefined && { max_age: maxAge }),
      ...(acrValues !== undefined && { acr_values: acrValues }),
    };
  }

  get #body(): Omit<Answer, 'statusCode'> {
    return super.getResponse() as Answer;
  }
}

/** With 303 the client is sent to a page of the application, which the header `Location` names. */
type AskingStatus = 401 | 303;

interface ReloginFacts {
  status: AskingStatus;
  /** Seconds. */
  maxAge: number;
  acrValues: string | undefined;
}

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

export const reloginRequired = ({ status, maxAge, acrValues }: ReloginFacts): SessionHttpException =>
  new SessionHttpException({
    statusCode: status,
    error: ERRORS[status],
    message: 'This requires a more recent login. Please log in again.',
    code: 'ERR_RELOGIN_REQUIRED',
    maxAge,
    ...(acrValues !== undefined && { acrValues }),
  });

export const deviceRequired = (): SessionHttpException =>
  new SessionHttpException({
    statusCode: 403,
    error: 'Forbidden',
    message: 'This requires a session that is bound to this device.',
    code: 'ERR_DEVICE_REQUIRED',
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
