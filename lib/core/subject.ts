import { SessionError } from './errors.js';

/** @throws SessionError `ERR_SUBJECT` for what is no id of a user */
export function assertSubject(subject: unknown): asserts subject is string {
  if (typeof subject === 'string' && subject.length > 0 && subject.length <= 255) return;
  throw new SessionError(
    'ERR_SUBJECT',
    'The subject is the id of a user: a text of 1 to 255 characters. Convert a number with String(id).',
  );
}

/**
 * A subject that was named and is `undefined` was forgotten: to go on as if nobody had named one would reach the
 * sessions of others.
 *
 * @throws SessionError `ERR_SUBJECT`
 */
export function assertSubjectIfNamed(options: { subject?: unknown }): void {
  if ('subject' in options) assertSubject(options.subject);
}
