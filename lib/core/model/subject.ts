import { SessionError } from '../util/errors.js';
import { SUSPECT } from './policy.js';
import { UNKEEPABLE } from '../util/texts.js';

/** @throws SessionError `ERR_SUBJECT` if the value is not a valid user id */
export function assertSubject(subject: unknown): asserts subject is string {
  if (isText(subject) && subject.length <= 255) return;
  throw new SessionError(
    'ERR_SUBJECT',
    `The subject must be the id of a user, as login() takes it: a string of 1 to 255 characters, without NUL or lone surrogates. What was given is ${ended(kindOf(subject))}`,
  );
}

const ended = (sentence: string): string => (sentence.endsWith('?') ? sentence : `${sentence}.`);

/** Never the value: it may be personal data. */
function kindOf(subject: unknown): string {
  if (typeof subject === 'number' || typeof subject === 'bigint')
    return 'a number: convert it with String(id)';
  if (subject === undefined || subject === null) return `${String(subject)}: was the user found?`;
  if (typeof subject !== 'string')
    return `a value of type ${typeof subject}: give the id alone, such as user.id`;
  if (subject === '') return 'an empty string';
  return subject.length > 255 ? `a string of ${subject.length} characters` : 'a string with such a character';
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
