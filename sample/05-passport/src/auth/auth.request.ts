import type { User } from '../users/users.service.js';

/** What the application itself keeps in a session, with express-session and with nest-sessions. */
export interface AppSession {
  /** When the user logged in, in milliseconds since the epoch. */
  loggedInAt?: number;
  visits?: number;
}

/** A request of Express, as Passport and the session library leave it. */
export interface AuthRequest {
  user: User;
  session: AppSession;
  logout(done: (error?: Error) => void): void;
}
