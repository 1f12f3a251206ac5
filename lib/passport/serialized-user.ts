import { SessionError } from '../core/util/errors.js';

/**
 * The subject of what a serializer of Passport gave.
 *
 * @throws SessionError `ERR_SUBJECT` if it is neither an id nor an object with one
 */
export function subjectOf(serialized: unknown): string {
  const id = isObject(serialized) ? serialized.id : serialized;
  if (typeof id === 'string') return id;
  if (typeof id === 'number' && Number.isFinite(id)) return String(id);
  throw new SessionError(
    'ERR_SUBJECT',
    `PassportSessions: the serializer gave ${kindOf(serialized)}, from which no user id can be taken. Let serializeUser() give an id, as in done(null, user.id), or name it by the option "subject", as in PassportSessions.forRoot({ subject: (user) => String(user.email) }).`,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Never the value: it may be personal data. */
function kindOf(serialized: unknown): string {
  if (Array.isArray(serialized)) return 'a list';
  return isObject(serialized) ? 'an object without "id"' : `a value of type ${typeof serialized}`;
}
