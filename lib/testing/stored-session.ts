import type { SessionEngine } from '../core/engine.js';
import { assertFactorIfNamed, assertSubjectIfNamed } from '../core/model/subject.js';
import type { LoginOptions } from '../core/operations/operations.js';
import type { DataOf, SessionData } from '../core/session.js';
import type { Client } from '../core/storage/backend.js';
import { checkOptions, unchecked, type OptionChecks } from '../core/util/options.js';

/** What `loginAs()` takes beside the subject: the options of `login()`, and data. */
export interface LoginAsOptions<T extends object = SessionData> extends Omit<LoginOptions, 'keep'> {
  /** The data of the session. @default none */
  data?: DataOf<T>;
}

/** What `fakeSession()` takes: who is logged in, and as `loginAs()`. */
export interface FakeSessionOptions<T extends object = SessionData> extends LoginAsOptions<T> {
  /** Who is logged in. Without it the session is anonymous. @default anonymous */
  subject?: string;
}

/** Their values are checked by whom they are handed on to. */
const CHECKS: OptionChecks<FakeSessionOptions> = {
  subject: unchecked,
  data: unchecked,
  remember: unchecked,
  factor: unchecked,
  authenticatedAt: unchecked,
};

/**
 * Stores a session, and returns the Set-Cookie header for it; `undefined` for one without subject and data.
 *
 * @param owner the function that was called, with which an error begins
 * @param cookie the Cookie header of the client, whose session a login ends
 * @throws SessionError `ERR_OPTIONS`, `ERR_SUBJECT`, `ERR_FACTOR`, `ERR_DATA_INVALID`
 */
export async function storeSession<T extends object>(
  owner: string,
  engine: SessionEngine,
  given: FakeSessionOptions<T>,
  { cookie, client = {} }: { cookie?: string; client?: Client } = {},
): Promise<string | undefined> {
  checkOptions(owner, given, CHECKS);
  assertSubjectIfNamed(given);
  assertFactorIfNamed(given);
  const { subject, data = {}, ...login } = given;
  const state = await engine.open(cookie, client);
  if (subject !== undefined) await engine.login(state, subject, login);
  Object.assign(state.bag.proxy, data);
  await engine.save(state);
  return engine.cookieOf(state);
}

/** The pair that a client sends back. cookie-pair (RFC 6265 §4.1.1) */
export const pairOf = (setCookie: string): string => setCookie.split(';', 1)[0] ?? '';
