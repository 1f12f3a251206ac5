import { isSessionError, type SessionErrorCode } from '../../core/util/errors.js';
import { asHttp, SessionHttpException } from '../request/session.exceptions.js';

/** What a client of a gateway gets in the event `exception`. */
export interface WsErrorBody {
  /** As in every exception that Nest sends. */
  status: 'error';
  /** For people. */
  message: string;
  /** Stable: switch on it. */
  code: SessionErrorCode;
  /** With `ERR_RELOGIN_REQUIRED`, in seconds: how long ago the user may have logged in. */
  maxAge?: number;
  /** With `ERR_RELOGIN_REQUIRED`, where a factor is asked for. */
  acrValues?: string;
}

/** The base class of what gateways may throw at their clients, of @nestjs/websockets. */
type WsExceptionClass = new (error: object) => Error & { getError(): string | object };

let makeException: ((body: WsErrorBody, cause: unknown) => Error) | undefined;

/** Loads @nestjs/websockets, which an application with a gateway has. Without it errors stay what they are. */
export async function loadWsException(): Promise<void> {
  if (makeException) return;
  const { WsException } = await import('@nestjs/websockets').catch(() => ({ WsException: undefined }));
  if (WsException) makeException = makerOf(WsException);
}

function makerOf(base: WsExceptionClass): (body: WsErrorBody, cause: unknown) => Error {
  class SessionWsException extends base {
    // A literal, because a bundler may rename the class.
    override readonly name: string = 'SessionWsException';
    readonly code: SessionErrorCode;

    constructor(body: WsErrorBody, cause: unknown) {
      super(body);
      this.code = body.code;
      this.cause = cause;
    }
  }
  return (body, cause) => new SessionWsException(body, cause);
}

/**
 * An error as a handler of a gateway throws it. What the client may know becomes a `WsException`; a mistake of the application
 * stays as it is: Nest logs it, and the client does not see the message.
 */
export function asWs(error: unknown): unknown {
  if (!isSessionError(error)) return error;
  const known = asHttp(error);
  if (!(known instanceof SessionHttpException) || !makeException) return known;
  return makeException(bodyOf(known), known.cause ?? known);
}

function bodyOf(exception: SessionHttpException): WsErrorBody {
  const { code, max_age: maxAge, acr_values: acrValues } = exception.extensions;
  return {
    status: 'error',
    message: exception.message,
    code,
    ...(maxAge !== undefined && { maxAge }),
    ...(acrValues !== undefined && { acrValues }),
  };
}

/** What a client is told of an error outside of the exception filters. */
export function toldOf(error: unknown): { status: 'error'; message: string } | WsErrorBody {
  const { getError } = error as { getError?: () => unknown };
  return isSessionError(error) && typeof getError === 'function'
    ? (getError.call(error) as WsErrorBody)
    : { status: 'error', message: 'Internal server error' };
}
