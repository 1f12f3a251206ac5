/** For applications with Passport: `req.session`, as Passport and what was written for express-session expect it. */
export { PassportSessions } from './passport-sessions.module.js';

export type { PassportSession, SessionCallback } from './passport-session.js';
export type { PassportCookie } from './passport-cookie.js';
export type { PassportLogin, PassportRequest, PassportSessionsOptions } from './passport.options.js';
