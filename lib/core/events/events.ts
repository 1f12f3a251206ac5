/** Why a session ended. */
export type EndReason =
  | 'logout'
  | 'cleared'
  | 'replaced'
  | 'revoked'
  | 'evicted'
  | 'idle'
  | 'lifetime'
  | 'reused'
  | 'protection'
  | 'corrupt';

interface EventOf<Type extends string> {
  type: Type;
  /** The session's public id; empty where none was recognised. */
  id: string;
  subject?: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** True if the event was received from another node. */
  remote?: boolean;
}

/** What happens to sessions, for audit logs and metrics. Holds no secret. */
export type SessionEvent =
  | EventOf<'created'>
  | (EventOf<'login'> & { factor: string; remember: boolean })
  | (EventOf<'relogin'> & { factor: string })
  | EventOf<'rolled'>
  | EventOf<'rotated'>
  /** A new secret and clean data in the same session. */
  | EventOf<'regenerated'>
  | (EventOf<'ended'> & { reason: EndReason })
  /** A superseded token was presented after its grace, so a copy of it was kept. The session is ended. */
  | EventOf<'reused'>
  /** The client is another than the one that logged in. */
  | (EventOf<'suspicious'> & { verdict: 'relogin' | 'end' })
  /** A cookie in our form that this application never issued, or that was altered. */
  | EventOf<'tampered'>
  /** Many bad tokens from one address. */
  | (EventOf<'guessing'> & { ip: string; count: number })
  /** Data that no longer validates was dropped. */
  | (EventOf<'data-dropped'> & { keys: string[] });

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
    return this.#listeners.size > 0;
  }

  emit(event: SessionEvent): void {
    for (const listener of this.#listeners) callSafely(() => listener(event), this.#onError);
  }

  listen(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
