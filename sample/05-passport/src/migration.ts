import { fromExpressSession } from 'nest-sessions/migrate';
import type { AppSession } from './auth/auth.request.js';
import type { OldSessions } from './before/old-sessions.js';

/** What nest-sessions keeps for this application: the same as express-session did. */
declare module 'nest-sessions' {
  interface SessionData {
    loggedInAt?: AppSession['loggedInAt'];
    visits?: AppSession['visits'];
  }
}

/** What a session of the recipe is at express-session. */
interface OldSession extends AppSession {
  passport?: { user?: string };
}

/**
 * Whoever was logged in stays logged in. The login stays as old as it is, so that no window of `@Relogin()` takes the switch
 * for a proof. Visitors do not come over: they have nothing to lose.
 */
export const fromBefore = ({ secret, store }: OldSessions) =>
  fromExpressSession({
    secret,
    store,
    map: ({ passport, loggedInAt, visits }: OldSession) =>
      passport?.user === undefined
        ? undefined
        : { subject: passport.user, loggedInAt, data: { loggedInAt, visits } },
  });
