import { bytesOf, secretsOf, type Secret } from '../../../core/token/secret.js';

/** The fewest bytes of a secret: those of the key that HMAC-SHA256 is at its strongest with (RFC 2104 §3). */
const LEAST_BYTES = 32;

const HOW_TO_MAKE_ONE = 'Make one with: npx nest-sessions secret, and give it through the environment.';

const HOW_TO_LEAVE_OUT =
  'Set the environment variable that it comes from, or leave it out: secret: [now, before].filter((one) => one !== undefined).';

/** What is found in tutorials and left there. */
const DEFAULTS =
  /change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|keyboard[-_ ]?cat|your[-_ ]?(?:secret|key|session)|placeholder|(?:super|my|top)[-_ ]?secret[-_ ]?(?:key)?$/i;

/** What is wrong with the option `secret`, and never the secret itself. */
export function secretComplaint(value: unknown): string | undefined {
  const { secrets, missing } = secretsOf(value);
  if (missing !== undefined) return missingComplaint(value, missing);
  const several = secrets.length > 1;
  for (const [index, secret] of secrets.entries()) {
    const complaint = weakness(secret, several ? ` at index ${index} of the list` : '');
    if (complaint !== undefined) return `secret: ${complaint} ${HOW_TO_MAKE_ONE}`;
  }
  return undefined;
}

function missingComplaint(value: unknown, where: string): string {
  const remedy = where === '' ? HOW_TO_MAKE_ONE : HOW_TO_LEAVE_OUT;
  const [given] = [value].flat().filter((one) => one !== undefined && one !== null && one !== '');
  const kind = where === '' && given !== undefined ? ', for it is neither a text nor a Buffer' : '';
  return `secret: it is missing${where}${kind}. ${remedy}`;
}

function weakness(secret: Secret, where: string): string | undefined {
  const bytes = bytesOf(secret);
  const text = typeof secret === 'string' ? secret : bytes.toString('latin1');
  if (DEFAULTS.test(text) || /^(.)\1*$/s.test(text))
    return `it looks like a default that anybody can guess${where}.`;
  if (bytes.length < LEAST_BYTES)
    return `it has ${bytes.length} bytes${where}, and less than ${LEAST_BYTES} can be guessed.`;
  return undefined;
}
