import type { LoginOptions, ReloginOptions } from '../../core/operations/operations.js';
import {
  checkOptions,
  isBoolean,
  isListOfTexts,
  isText,
  must,
  optional,
  unchecked,
  type OptionChecks,
} from '../../core/util/options.js';
import type {
  HandshakeOptions,
  LogoutOptions,
  RegenerateOptions,
  RevokeAllOptions,
  RevokeOptions,
  SessionTarget,
} from '../session.service.js';

/** One that was given and is `undefined` was forgotten, which has an error of its own: `ERR_NO_SESSION`. */
const TARGET: OptionChecks<SessionTarget> = {
  session: optional(must((value) => typeof value === 'object' && value !== null, 'give a session.')),
};

function rememberComplaint(value: unknown, name: string): string | undefined {
  const complaint = isBoolean(value, name);
  return complaint !== undefined && typeof value === 'string'
    ? `${complaint} A checkbox sends 'on': ${name}: form.remember === 'on'.`
    : complaint;
}

const LOGIN: OptionChecks<LoginOptions & SessionTarget> = {
  remember: optional(rememberComplaint),
  factor: unchecked, // ERR_FACTOR
  keep: optional(isListOfTexts),
  authenticatedAt: unchecked, // a time, by whoever compares it
  ...TARGET,
};

const RELOGIN: OptionChecks<ReloginOptions & SessionTarget> = {
  factor: unchecked, // ERR_FACTOR
  subject: unchecked, // ERR_SUBJECT
  ...TARGET,
};

const REGENERATE: OptionChecks<RegenerateOptions> = { keep: optional(isListOfTexts), ...TARGET };

const LOGOUT: OptionChecks<LogoutOptions> = { everywhere: optional(isBoolean), ...TARGET };

const REVOKE: OptionChecks<RevokeOptions> = { subject: unchecked }; // ERR_SUBJECT

const REVOKE_ALL: OptionChecks<RevokeAllOptions> = { except: unchecked }; // ids, by revokeAll() itself

const HANDSHAKE: OptionChecks<HandshakeOptions> = { ip: optional(isText) };

const CALLS = {
  'login()': LOGIN,
  'relogin()': RELOGIN,
  'regenerate()': REGENERATE,
  'clear()': TARGET,
  'logout()': LOGOUT,
  'revoke()': REVOKE,
  'revokeAll()': REVOKE_ALL,
  'open()': HANDSHAKE,
} as const;

/**
 * What the compiler would have refused: a misspelt option, or a text in place of a list.
 *
 * @throws SessionError `ERR_OPTIONS`
 */
export type CallName = keyof typeof CALLS;

export const checkCall = (call: CallName, options: object): void => checkOptions(call, options, CALLS[call]);
