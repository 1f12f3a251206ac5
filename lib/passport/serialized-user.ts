import type { Session } from '../core/session.js';
import { SessionError } from '../core/util/errors.js';
import type { CompleteLogin } from '../core/migration/source.js';
import type { PassportSessionsOptions } from './passport.options.js';
import { LOGIN_KEY, type Values } from './session-view.js';

/** What the serializer gave, where that is more than the subject. */
export const keptUser = (data: Values): unknown =>
  (data[LOGIN_KEY] as { user?: unknown } | null | undefined)?.user;

/** The user of a session that is logged in. The subject alone needs not be kept twice. */
export function keepUser({ data, subject }: Session<Values>, user: unknown): void {
  if (user === subject) delete data[LOGIN_KEY];
  else data[LOGIN_KEY] = { user };
}

/**
 * The subject of what a serializer of Passport gave.
 *
 * @throws SessionError `ERR_SUBJECT` if it is neither an id nor an object with one
 */
export function subjectOf(serialized: unknown, { subject }: PassportSessionsOptions): string {
  if (subject) return subject(serialized);
  const id = isObject(serialized) ? serialized.id : serialized;
  if (typeof id === 'string') return id;
  if (typeof id === 'number' && Number.isFinite(id)) return String(id);
  throw new SessionError(
    'ERR_SUBJECT',
    `PassportSessions: the serializer gave ${kindOf(serialized)}, from which no user id can be taken. Let serializeUser() give an id, as in done(null, user.id), or name it by the option "subject", as in PassportSessions.forRoot({ subject: (user) => String(user.email) }).`,
  );
}

/**
 * What the serializer gave in the old application goes on in the session that came over, if it is the user whom `map` names:
 * `deserializeUser()` expects the same number or object as before.
 */
export const continueUser =
  (options: PassportSessionsOptions): CompleteLogin =>
  (login, values) => {
    const { subject, data = {} } = login;
    const user = keptUser(values);
    if (subject === null || user === undefined || user === subject) return login;
    if (!isObject(data) || LOGIN_KEY in data || !isOf(user, subject, options)) return login;
    return { ...login, data: { ...data, [LOGIN_KEY]: { user } } };
  };

/** What has no subject, also by the option of the application, is not carried over. */
function isOf(user: unknown, subject: string, options: PassportSessionsOptions): boolean {
  try {
    return subjectOf(user, options) === subject;
  } catch {
    return false;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Never the value: it may be personal data. */
function kindOf(serialized: unknown): string {
  if (Array.isArray(serialized)) return 'a list';
  return isObject(serialized) ? 'an object without "id"' : `a value of type ${typeof serialized}`;
}
