import { isSessionError } from '../../util/errors.js';
import { chainOf, messageOf } from './driver-error.js';

/** Characters of a cause in a log. */
const LONGEST = 500;
/** Characters of a message that are looked at. */
const LONGEST_MESSAGE = 4_000;

const NO_ERROR = 'the driver threw a value that is not an Error';

/** User and password of a URL: up to the last `@`, because a password may contain one. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)\S*@/gi;

/** `password=…`, `"token": "…"` and the like. */
const NAMED =
  /\b(password|passwd|pwd|secret|token|cookie|api[-_]?key)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;]+)/gi;

/** What may be a secret, a hash of one or a key: 40 letters and digits, or 32 with a digit among them. */
const OPAQUE = /[\w+-]{40,}|(?=[\w+-]*\d)[\w+-]{32,}/g;

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * What a log may say of an error of a store: the class, the code and the message of the error and of its causes, on one
 * line, without credentials, secrets and keys.
 */
export function causeOf(error: unknown): string {
  const text = [...new Set(chainOf(driverError(error)).map(described))].join(' ← ') || NO_ERROR;
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** The error of the driver, of which `ERR_STORE_UNAVAILABLE` says only that there was one. */
export const driverError = (error: unknown): unknown =>
  isSessionError(error) && error.code === 'ERR_STORE_UNAVAILABLE' && error.cause !== undefined
    ? error.cause
    : error;

function described(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const message = messageOf(error).slice(0, LONGEST_MESSAGE);
  return redacted(`${error.name}${code}${message && `: ${message}`}`);
}

const redacted = (text: string): string =>
  text.replace(CONTROL, ' ').replace(CREDENTIALS, '$1***@').replace(NAMED, '$1$2***').replace(OPAQUE, '***');
