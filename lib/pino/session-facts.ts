import type { IncomingMessage } from 'node:http';
import { attached } from '../nest/request/current-session.js';

/** What a log may say of a session. */
export interface SessionFacts {
  /** The public id, as `Session.id` and `list()` have it. It opens nothing. */
  id: string;
  /** Whether a user is logged in. */
  loggedIn: boolean;
  /** The user's id, if the option `subject` is set. */
  subject?: string;
}

/** Looks without touching: a session that a log has named was not read, and its response stays cacheable. */
export function sessionFacts(
  request: IncomingMessage | undefined,
  withSubject: boolean,
): SessionFacts | undefined {
  if (!request) return undefined;
  const state = attached(request)?.state.state;
  switch (state?.kind) {
    case 'live': {
      const { id, subject } = state.handle.record;
      return {
        id,
        loggedIn: subject !== undefined,
        ...(withSubject && subject !== undefined && { subject }),
      };
    }
    case 'ending':
    case 'ended':
      return { id: state.id, loggedIn: false };
    default:
      return undefined;
  }
}
