/** A session as connect-style stores keep it: `cookie` says how long, the rest is the application's. */
export interface ConnectSession {
  /** What stores read of it is `expires`, some also `maxAge` and `originalMaxAge`, in milliseconds. */
  cookie: ConnectCookie;
  /** What the application stored. */
  [key: string]: unknown;
}

/** Of the cookie what decides how long a store keeps the session. */
export interface ConnectCookie {
  /** A date, as an object or as JSON has it. */
  expires?: Date | string | null;
  /** Milliseconds from now. */
  maxAge?: number | null;
  /** Milliseconds from the last activity. */
  originalMaxAge?: number | null;
  /** Attributes of the cookie, which stores keep as they are. */
  [key: string]: unknown;
}

type Done<T = unknown> = (error?: unknown, value?: T | null) => void;

/* eslint-disable @typescript-eslint/no-explicit-any -- stores declare sessions and errors in types of their own */
/** What every store for express-session implements, and every one for @fastify/session except for `touch`. */
export interface ConnectStoreLike {
  /** Gives the session, or nothing for one that is missing or expired. */
  get(sid: string, done: (error?: any, session?: any) => void): unknown;
  /** Writes the whole session. */
  set(sid: string, session: any, done: (error?: any) => void): unknown;
  /** Removes the session. */
  destroy(sid: string, done: (error?: any) => void): unknown;
  /** Keeps the session for longer. */
  touch?(sid: string, session: any, done: (error?: any) => void): unknown;
  /** Gives all sessions, as a list or by id. */
  all?(done: (error?: any, sessions?: any) => void): unknown;
}

/* eslint-enable @typescript-eslint/no-explicit-any */

/** Calls a store. Some return a promise beside calling back, whose rejection nobody else awaits. */
export function called<T = unknown>(call: (done: Done<T>) => unknown): Promise<T | undefined> {
  return new Promise<T | undefined>((resolve, reject) => {
    const done: Done<T> = (error, value) =>
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as the store gave it
      error ? reject(error) : resolve(value ?? undefined);
    Promise.resolve(call(done)).catch(reject);
  });
}

/** The session with this id. Stores in files tell by `ENOENT` that there is none. */
export async function sessionOf(store: ConnectStoreLike, sid: string): Promise<ConnectSession | undefined> {
  try {
    return await called<ConnectSession>((done) => store.get(sid, done));
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'ENOENT') return undefined;
    throw error;
  }
}
