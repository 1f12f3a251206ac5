import type { DeviceAlgorithm } from '../device/device-key.js';
import type { DeviceRefusal, SkipReason } from '../device/device-refusal.js';
import { events as channel } from '../diagnostics/channels.js';

/** Why a session ended. */
export type EndReason =
  /** `@Logout()` or `logout()`. */
  | 'logout'
  /** `clear()`. */
  | 'cleared'
  /** A login began another session in its place. */
  | 'replaced'
  /** `revoke()`, `revokeAll()`, or `everywhere` in another session. */
  | 'revoked'
  /** A login exceeded `maxSessions`. */
  | 'evicted'
  /** No activity for `idle`. */
  | 'idle'
  /** `lifetime` has passed since the login or re-login. */
  | 'lifetime'
  /** A superseded token was presented after its grace period, or something else than the key of a device-bound session signed for it. */
  | 'reused'
  /** The option `protection` ended it. */
  | 'protection'
  /** Its record cannot be read. */
  | 'corrupt';

interface EventOf<Type extends string> {
  /** Switch on it: it decides which further fields there are. */
  type: Type;
  /** The session's public id; empty where none was recognised. */
  id: string;
  /** The user's id as given to `login()`. Absent without a login. */
  subject?: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** True if the event was received from another node. */
  remote?: boolean;
}

/**
 * What happens to sessions, for audit logs and metrics. Holds no secret. Each event has `type`, `id` (empty where no session was
 * recognised), `subject` if it is known, `at` in milliseconds since the epoch, and `remote: true` if another node emitted it.
 */
export type SessionEvent =
  /** A session was stored for the first time. */
  | EventOf<'created'>
  /** A user logged in. */
  | (EventOf<'login'> & { factor: string; remember: boolean })
  /** A user logged in again in the same session. */
  | (EventOf<'relogin'> & { factor: string })
  /** The idle timeout was extended. */
  | EventOf<'rolled'>
  /** The secret in the cookie was renewed. */
  | EventOf<'rotated'>
  /** A new secret and clean data in the same session. */
  | EventOf<'regenerated'>
  /** A session of another library came over. `source` is its name, such as `express-session`. */
  | (EventOf<'migrated'> & { source: string })
  /** A session ended. */
  | (EventOf<'ended'> & { reason: EndReason })
  /** A copy of the cookie was used: a superseded one after its grace, or one without the key to which the session is bound. The session is ended. */
  | EventOf<'reused'>
  /** The session was bound to a key of its client's device (`deviceBound`). */
  | (EventOf<'bound'> & { algorithm: DeviceAlgorithm })
  /** The client proved again that it holds the key. No activity of the user. */
  | EventOf<'refreshed'>
  /** A request of a bound session without its bound cookie, or a registration or refresh that is not in order, was refused. */
  | (EventOf<'refused'> & { reason: DeviceRefusal })
  /** A browser says that it could not refresh, so the request comes without a new bound cookie. */
  | (EventOf<'skipped'> & { reason: SkipReason })
  /** The client is another than the one that logged in. */
  | (EventOf<'suspicious'> & { verdict: 'relogin' | 'end' })
  /** A cookie in our form that this application never issued, or that was altered. */
  | EventOf<'tampered'>
  /** Many bad tokens from one address. */
  | (EventOf<'guessing'> & { ip: string; count: number })
  /** Data that no longer validates was dropped. */
  | (EventOf<'data-dropped'> & { keys: string[] })
  /** Calls of the store fail from now on. `cause` is the first error, without secrets. */
  | (EventOf<'store-failed'> & { part: StorePart; access: StoreAccess; cause: string })
  /** They succeed again. `count` calls have failed in `duration` milliseconds. */
  | (EventOf<'store-recovered'> & {
      part: StorePart;
      access: StoreAccess;
      count: number;
      duration: number;
    });

/** What fails or works again: the store, the index of sealed cookies, the list of their revocations, or a store of the option `migrate`. */
export type StorePart = 'store' | 'index' | 'revocations' | 'migrate';

/** Reads and writes fail apart: a server that is full, or a replica, refuses only writes. */
export type StoreAccess = 'read' | 'write';

/**
 * Calls a function of the application. An error that it throws, or a rejection of the promise it returns, is passed to
 * `onError` and not thrown.
 */
export function callSafely(call: () => unknown, onError: (error: unknown) => void): void {
  try {
    const answer = call();
    if (answer instanceof Promise) answer.catch(onError);
  } catch (error) {
    onError(error);
  }
}

/** What a log may say of an error that an application threw, whatever it is. */
export const traceOf = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? error.message)
    : typeof error === 'string'
      ? error
      : `a thrown ${typeof error}`;

/**
 * Calls every listener. A listener that throws stops neither the others nor the operation that emitted the event
 * (Jetty CVE-2021-34428: an exception in a listener kept the session alive).
 */
export class EventHub {
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get observed(): boolean {
    return this.#listeners.size > 0 || channel.hasSubscribers;
  }

  emit(event: SessionEvent): void {
    if (channel.hasSubscribers) channel.publish(event);
    for (const listener of this.#listeners) callSafely(() => listener(event), this.#onError);
  }

  listen(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
