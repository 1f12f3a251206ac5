/** Only compiled: events and errors are told apart by a field that the compiler knows. */
import { isSessionError, type SessionErrorCode, type SessionEvent, type SessionService } from 'nest-sessions';

export function listen(sessions: SessionService): void {
  sessions.events.subscribe((event) => void describe(event));
}

function describe(event: SessionEvent): string {
  switch (event.type) {
    case 'ended':
      return event.reason;
    case 'login':
      return `${event.factor} ${event.remember}`;
    case 'guessing':
      return `${event.ip} ${event.count}`;
    case 'data-dropped':
      return event.keys.join();
    default:
      // @ts-expect-error only the end of a session has a reason
      return event.reason as string;
  }
}

export function code(error: unknown): SessionErrorCode | undefined {
  // @ts-expect-error it may be anything
  void error.code;
  if (!isSessionError(error)) return undefined;
  // @ts-expect-error no such code
  if (error.code === 'ERR_OOPS') return undefined;
  return error.code === 'ERR_STORE_UNAVAILABLE' ? error.code : undefined;
}
