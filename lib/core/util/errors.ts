/** Identifies an error, stable across versions: switch on the code, never on the message. */
export type SessionErrorCode =
  /** An option or argument is missing or wrong. The message names each one and what to write. */
  | 'ERR_OPTIONS'
  /** Outside of a request, on an excluded route, with `context: false`, or after the request. */
  | 'ERR_NO_SESSION'
  /** `relogin()` without a login. 401. */
  | 'ERR_NOT_LOGGED_IN'
  /** The session ended, or its token was replaced, after it was opened here. 401. */
  | 'ERR_SESSION_ENDED'
  /** The subject has `maxSessions` sessions, and `onExceeded` is `'reject'`. 409. */
  | 'ERR_SESSION_LIMIT'
  /** All sessions of the subject were revoked while the login was in progress. 401. */
  | 'ERR_LOGIN_REVOKED'
  /** The session was changed after the head of the response was sent. */
  | 'ERR_HEAD_SENT'
  /** A change that needs a new cookie, in a session opened by a handshake. */
  | 'ERR_NO_RESPONSE'
  /** The request or handshake comes from another origin. 403. */
  | 'ERR_CROSS_ORIGIN'
  /** A key of the data that cannot be stored, such as `__proto__`, or an accessor. */
  | 'ERR_DATA_KEY'
  /** The option `data` rejects a value, or `session.data` was set to something that is no object. */
  | 'ERR_DATA_INVALID'
  /** A value of the data that JSON does not give back. */
  | 'ERR_DATA_NOT_SERIALIZABLE'
  /** The subject is not a string of 1 to 255 characters. */
  | 'ERR_SUBJECT'
  /** The factor is not a non-empty string. */
  | 'ERR_FACTOR'
  /** `update()`, or another change, lost against other requests too many times in a row. 409. */
  | 'ERR_CONFLICT'
  /** `update()` within an update of the same key. */
  | 'ERR_UPDATE_NESTED'
  /** Name and value of the cookie exceed what browsers keep. */
  | 'ERR_COOKIE_TOO_LARGE'
  /** A stored record cannot be read. 401. */
  | 'ERR_RECORD_CORRUPT'
  /** The store failed, or did not respond within `storeTimeout`. 503. */
  | 'ERR_STORE_UNAVAILABLE'
  /** A start with `strict: true`, whose check of the store found problems. The message names each one. */
  | 'ERR_STORE_UNFIT'
  /** Sealed cookies without an `index` cannot list sessions. */
  | 'ERR_LIST_UNAVAILABLE'
  /** Sealed cookies without a revocation list cannot be revoked. */
  | 'ERR_REVOCATION_UNAVAILABLE'
  // Thrown by the guards.
  /** `LoginGuard` rejected the request. 401. */
  | 'ERR_LOGIN_REQUIRED'
  /** `ReloginGuard` rejected the request. 401, or 303 to `relogin.url`. */
  | 'ERR_RELOGIN_REQUIRED'
  /** A login on another device exceeded `maxSessions`. 401. */
  | 'ERR_SESSION_EVICTED'
  /** `@DeviceBound()` rejected a session that is not bound to a device, or a request that does not prove it. 403. */
  | 'ERR_DEVICE_REQUIRED';

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

/** Every error of this library. The `code` is stable, the message names the remedy, `cause` is the underlying error. */
export class SessionError extends Error {
  /** Always `SessionError`. */
  override readonly name: string = 'SessionError';
  /** Identifies the error: see `docs/errors.md`. */
  readonly code: SessionErrorCode;
  /** The HTTP status of the response if the error is not caught. `undefined` for a mistake of the application. */
  readonly statusCode: number | undefined;

  /** For authors of stores, whose errors applications shall know by their code. */
  constructor(code: SessionErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.statusCode = STATUS[code];
  }

  /** What GraphQL sends beside the message. */
  get extensions(): { code: SessionErrorCode } {
    return { code: this.code };
  }
}

/** Within a request, a `SessionError` that has a status is thrown as a `SessionHttpException`. */
const NAMES = new Set(['SessionError', 'SessionHttpException', 'SessionWsException']);

/**
 * Whether an error is one of this library, within a request or outside of one. Compares name and code, because an
 * application may load two copies of this module.
 */
export function isSessionError(error: unknown): error is SessionError {
  return error instanceof Error && NAMES.has(error.name) && 'code' in error && typeof error.code === 'string';
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

/** Whether a store failed or did not respond, so that a retry may succeed. */
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
