import type { INestApplicationContext } from '@nestjs/common';
import type { SessionEngine } from '../core/engine.js';
import type { LoginOptions } from '../core/request/operations.js';
import { assertFactorIfNamed } from '../core/model/subject.js';
import { SESSION_ENGINE } from '../nest/options/tokens.js';

export interface LoginAsOptions extends Omit<LoginOptions, 'keep'> {
  /** The data of the session. */
  data?: Record<string, unknown>;
}

/**
 * Logs a subject in without a login page: creates a session and returns the Cookie header for it.
 *
 * @example await request(app.getHttpServer()).get('/account').set('Cookie', await loginAs(app, 'alice'))
 */
export async function loginAs(
  app: INestApplicationContext,
  subject: string,
  { data = {}, ...options }: LoginAsOptions = {},
): Promise<string> {
  assertFactorIfNamed(options);
  const engine = app.get<SessionEngine>(SESSION_ENGINE, { strict: false });
  const state = await engine.open(undefined, {});
  await engine.login(state, subject, options);
  Object.assign(state.bag.proxy, data);
  await engine.save(state);
  return engine.cookieOf(state)!.split(';', 1)[0]!;
}
