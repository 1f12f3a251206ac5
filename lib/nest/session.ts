import { Session as SessionParameter } from './session.decorators.js';
import type { Session as SessionType, SessionData } from '../core/session.js';

/**
 * One name for both: `@Session() session: Session`. As a value it is the decorator, as a type what it hands out, with the members
 * of {@link SessionType | Session}.
 */
export const Session: typeof SessionParameter = SessionParameter;
export type Session<T extends object = SessionData> = LoggedInSession<T> | AnonymousSession<T>;

/** A session in a handler behind LoginGuard or ReloginGuard: its subject is there. */
export type LoggedInSession<T extends object = SessionData> = SessionType<T> & {
  readonly loggedIn: true;
  readonly subject: string;
};

/** A session in which nobody is logged in. Ended sessions may still have a subject. */
type AnonymousSession<T extends object> = SessionType<T> & { readonly loggedIn: false };
