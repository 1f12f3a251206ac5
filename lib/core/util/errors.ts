/** What went wrong, stable across versions: switch on it, never on the message. */
export type SessionErrorCode =
  | 'ERR_OPTIONS'
  | 'ERR_NO_SESSION'
  | 'ERR_NOT_LOGGED_IN'
  | 'ERR_SESSION_ENDED'
  | 'ERR_SESSION_LIMIT'
  | 'ERR_LOGIN_REVOKED'
  | 'ERR_HEAD_SENT'
  | 'ERR_NO_RESPONSE'
  | 'ERR_CROSS_ORIGIN'
  | 'ERR_DATA_KEY'
  | 'ERR_DATA_INVALID'
  | 'ERR_DATA_NOT_SERIALIZABLE'
  | 'ERR_SUBJECT'
  | 'ERR_FACTOR'
  | 'ERR_CONFLICT'
  | 'ERR_UPDATE_NESTED'
  | 'ERR_COOKIE_TOO_LARGE'
  | 'ERR_RECORD_CORRUPT'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_LIST_UNAVAILABLE'
  | 'ERR_REVOCATION_UNAVAILABLE'
  // Of the guards.
  | 'ERR_LOGIN_REQUIRED'
  | 'ERR_RELOGIN_REQUIRED'
  | 'ERR_SESSION_EVICTED';

/**
 * The status of the response if the application does not catch the error. The other codes are mistakes of the
 * application: without a status Nest responds with a plain 500 and logs them, and the client does not see the message.
 */
const STATUS: Partial<Record<SessionErrorCode, number>> = {
  ERR_NOT_LOGGED_IN: 401,
  ERR_SESSION_ENDED: 401,
  ERR_LOGIN_REVOKED: 401,
  ERR_RECORD_CORRUPT: 401,
  ERR_CROSS_ORIGIN: 403,
  ERR_SESSION_LIMIT: 409,
  ERR_CONFLICT: 409,
  ERR_STORE_UNAVAILABLE: 503,
};

/** Every error of this library. The `code` is stable, the message names the remedy, `cause` is what lies below. */
export class SessionError extends Error {
  override readonly name: string = 'SessionError';
  readonly code: SessionErrorCode;
  /** The HTTP status that fits, should the error reach the client. None for a mistake of the application. */
  readonly statusCode: number | undefined;

  constructor(code: SessionErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.statusCode = STATUS[code];
  }
}

/** `SessionHttpException` is what a `SessionError` is to the client of a request. */
const NAMES = new Set(['SessionError', 'SessionHttpException']);

/**
 * Tells our errors apart, within a request and outside of one. By name and code: an application may hold two copies of
 * this module.
 */
export function isSessionError(error: unknown): error is SessionError {
  return (
    error instanceof Error &&
    NAMES.has(error.name) &&
    typeof (error as Partial<SessionError>).code === 'string'
  );
}

/** The error for a store that failed or did not respond in time. */
export function unavailable(cause: unknown): SessionError {
  if (isSessionError(cause)) return cause;
  return new SessionError(
    'ERR_STORE_UNAVAILABLE',
    'The session store failed or did not respond in time. The request was rejected rather than served without its session; see `cause`.',
    { cause },
  );
}

export function crossOrigin(): SessionError {
  return new SessionError(
    'ERR_CROSS_ORIGIN',
    'A browser opened this connection on behalf of another site. Reject the handshake; add your own origins to the option "crossOrigin".',
  );
}

/** Whether a store failed or did not answer, so that the same may succeed later. */
export const isUnavailable = (error: unknown): boolean =>
  isSessionError(error) && error.code === 'ERR_STORE_UNAVAILABLE';

export function sessionEnded(): SessionError {
  return new SessionError(
    'ERR_SESSION_ENDED',
    'The session ended after it was opened here, or a re-login or regenerate() replaced its token, so the changes were not stored. In a request, call login() to begin a new session; a socket must open the session again with the new cookie.',
  );
}

export function sessionLimitReached(): SessionError {
  return new SessionError(
    'ERR_SESSION_LIMIT',
    `This subject has as many sessions as "maxSessions" allows. Let them end one, or set onExceeded: 'evict-oldest'.`,
  );
}

export function loginRevoked(): SessionError {
  return new SessionError(
    'ERR_LOGIN_REVOKED',
    'All sessions of this subject were revoked while this login was in progress, so it was rejected. Let the user log in again.',
  );
}

export function listUnavailable(): SessionError {
  return new SessionError(
    'ERR_LIST_UNAVAILABLE',
    'Sealed cookies are stored only in browsers, so their sessions cannot be listed, counted or looked up by id. Give SealedCookie an "index", a store that lists the sessions of each user.',
  );
}

export function revocationUnavailable(): SessionError {
  return new SessionError(
    'ERR_REVOCATION_UNAVAILABLE',
    'Sealed cookies without a revocation list cannot be revoked: every copy lives until it expires. Give SealedCookie "revocations": a MemoryRevocations, RedisRevocations or PostgresRevocations.',
  );
}
