import type { INestApplicationContext } from '@nestjs/common';
import type { SessionData } from '../core/session.js';
import { engineOf } from './engine-of.js';
import { SessionAgent } from './session-agent.js';
import { pairOf, storeSession, type LoginAsOptions } from './stored-session.js';

export type { LoginAsOptions };

/**
 * Logs a subject in without a login page: creates a session and returns the Cookie header for it. An agent keeps that
 * cookie, in place of the session that it had.
 *
 * @param target the application, or an agent of it
 * @throws SessionError `ERR_SUBJECT`, `ERR_FACTOR`, `ERR_DATA_INVALID` or `ERR_OPTIONS` for what is no subject, factor, data or option
 * @example await request(app.getHttpServer()).get('/account').set('Cookie', await loginAs(app, 'alice'))
 */
export async function loginAs<T extends object = SessionData>(
  target: INestApplicationContext | SessionAgent,
  subject: string,
  options: LoginAsOptions<NoInfer<T>> = {},
): Promise<string> {
  const agent = target instanceof SessionAgent ? target : undefined;
  const app = target instanceof SessionAgent ? target.app : target;
  const engine = engineOf(app, 'loginAs()');
  const setCookie = await storeSession('loginAs()', engine, { ...options, subject }, agent?.identity);
  // A login always owes a cookie.
  const header = setCookie!;
  agent?.cookies.keep(header);
  return pairOf(header);
}
