import { SessionError } from '../util/errors.js';
import { SUSPECT } from './policy.js';
import { UNKEEPABLE } from '../util/texts.js';

/** @throws SessionError `ERR_SUBJECT` if the value is not a valid user id */
export function assertSubject(subject: unknown): asserts subject is string {
  if (isText(subject) && subject.length <= 255) return;
  throw new SessionError(
    'ERR_SUBJECT',
    'The subject must be the id of a user: a string of 1 to 255 characters, without NUL or lone surrogates. Convert a number with String(id).',
  );
}

/**
 * An option `subject` that is present but `undefined` is a mistake of the caller. Ignoring it would apply the call to
 * the sessions of other users.
 *
 * @throws SessionError `ERR_SUBJECT`
 */
export function assertSubjectIfNamed(options: { subject?: unknown }): void {
  if ('subject' in options) assertSubject(options.subject);
}

/**
 * An option `factor` that is present but `undefined` is a mistake of the caller. Ignoring it would record the proof as
 * one by password.
 *
 * @throws SessionError `ERR_FACTOR`
 */
export function assertFactorIfNamed(options: { factor?: unknown }): void {
  if (!('factor' in options) || (isText(options.factor) && options.factor !== SUSPECT)) return;
  throw new SessionError(
    'ERR_FACTOR',
    "The factor must be a non-empty string that says how the user authenticated, such as 'pwd', 'otp' or 'webauthn' (RFC 8176). Omit it for 'pwd'.",
  );
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !UNKEEPABLE.test(value);
