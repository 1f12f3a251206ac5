import { SessionError } from '../util/errors.js';
import { SUSPECT } from './policy.js';
import { UNKEEPABLE } from '../util/texts.js';

/** @throws SessionError `ERR_SUBJECT` for what is no id of a user */
export function assertSubject(subject: unknown): asserts subject is string {
  if (isText(subject) && subject.length <= 255) return;
  throw new SessionError(
    'ERR_SUBJECT',
    'The subject is the id of a user: a text of 1 to 255 characters, without NUL and halves of surrogate pairs. Convert a number with String(id).',
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

/**
 * A factor that was named and is `undefined` was forgotten, too: a proof of it would pass for one by password.
 *
 * @throws SessionError `ERR_FACTOR`
 */
export function assertFactorIfNamed(options: { factor?: unknown }): void {
  if (!('factor' in options) || (isText(options.factor) && options.factor !== SUSPECT)) return;
  throw new SessionError(
    'ERR_FACTOR',
    "The factor is no text. Give how the user proved who they are, such as 'pwd', 'otp' or 'webauthn' (RFC 8176), or leave it out.",
  );
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !UNKEEPABLE.test(value);
