/** The challenge of a 401, which has to have one (RFC 9110 §15.5.2), for a client that is not logged in. */
export const LOGIN_CHALLENGE = 'Session';

/**
 * The challenge of RFC 9470 §3 for a login that is too long ago, or by another factor than the one that is asked for.
 *
 * @param maxAge in seconds
 */
export function reloginChallenge(maxAge: number, factor: string | undefined): string {
  const parameters = [
    'error="insufficient_user_authentication"',
    'error_description="A more recent login is required"',
    `max_age="${maxAge}"`,
  ];
  const wanted = acrValues(factor);
  if (wanted !== undefined) parameters.push(`acr_values="${wanted}"`);
  return `Session ${parameters.join(', ')}`;
}

/** The parameter `acr_values` for a factor. `undefined` if none is asked for, or it cannot stand there. */
export const acrValues = (factor: string | undefined): string | undefined =>
  factor !== undefined && ACR_VALUE.test(factor) ? factor : undefined;

/**
 * `acr_values` is a list that is separated by blanks, within a quoted string (RFC 9110 §5.6.4): a factor with a blank, a
 * quote, a backslash or a letter outside of ASCII cannot stand there, and is left out.
 */
const ACR_VALUE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
