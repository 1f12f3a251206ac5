import { distance } from 'fastest-levenshtein';
import { milliseconds, type Duration } from './durations.js';
import { isSessionError, SessionError } from './errors.js';

/** Returns what is wrong with a value and the remedy, starting with the option's name; `undefined` for a valid value. */
export type OptionCheck = (value: unknown, name: string) => string | undefined;

/** One check an option, so that an option without one does not compile. */
export type OptionChecks<Options extends object> = Readonly<Record<keyof Options & string, OptionCheck>>;

/**
 * The one check of options, for the module, the stores, the revocation lists and what methods take.
 *
 * @param owner the class or the method, which stands in front of the message
 * @throws SessionError `ERR_OPTIONS` that names everything that is wrong, each with its remedy
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: unknown,
  checks: OptionChecks<Options>,
): void {
  const found = optionComplaints(options ?? {}, checks);
  if (found.length > 0) throw wrongOption(owner, found.join(' '));
}

export const wrongOption = (owner: string, complaint: string): SessionError =>
  new SessionError('ERR_OPTIONS', `${owner}: ${complaint}`);

/** @param path what stands before the name of a nested option */
function optionComplaints(
  options: unknown,
  checks: Readonly<Record<string, OptionCheck>>,
  path = '',
): string[] {
  if (!isObject(options)) return [`${path === '' ? '' : `${path.slice(0, -1)}: `}give an object.`];
  const names = Object.keys(checks);
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  return [
    ...names.map((name) => checks[name]!(options[name], path + name)),
    ...unknown.map((name) => unknownOption(name, names, path)),
  ].filter((one) => one !== undefined);
}

function unknownOption(name: string, names: readonly string[], path: string): string {
  const known = names.map((one) => path + one).join(', ');
  const near = nearest(name, names);
  const hint = near === undefined ? '' : ` Did you mean "${path}${near}"?`;
  return `Unknown option "${path}${name}".${hint} Known options: ${known}.`;
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((one) => ({ one, far: distance(one.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(2, name.length / 3) ? best.one : undefined;
}

/** Left out, or `undefined`. */
export const optional =
  (check: OptionCheck): OptionCheck =>
  (value, name) =>
    value === undefined ? undefined : check(value, name);

/** `undefined` and `null` alike: the default applies. */
export const optionalOrNull = (check: OptionCheck): OptionCheck =>
  optional((value, name) => (value === null ? undefined : check(value, name)));

/** Any value is accepted here; its consumer may check it. */
export const unchecked: OptionCheck = () => undefined;

/** @param remedy what to give, after the name */
export const must =
  (holds: (value: unknown) => boolean, remedy: string): OptionCheck =>
  (value, name) =>
    holds(value) ? undefined : `${name}: ${remedy}`;

export const isBoolean: OptionCheck = must((value) => typeof value === 'boolean', 'true or false.');

export const isText: OptionCheck = must((value) => typeof value === 'string', 'give a text.');

export const isListOfTexts: OptionCheck = must(
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  "give a list of texts, such as ['cart'].",
);

export const isPositiveInteger: OptionCheck = (value, name) =>
  Number.isSafeInteger(value) && (value as number) > 0
    ? undefined
    : `${name}: a positive whole number, not ${String(value)}.`;

export const isKeyPrefix: OptionCheck = must(
  (value) => typeof value === 'string',
  'the text that all keys begin with.',
);

export const isDuration: OptionCheck = (value, name) => {
  try {
    milliseconds(value as Duration, name);
    return undefined;
  } catch (error) {
    if (isSessionError(error)) return error.message;
    throw error;
  }
};

export const isOneOf = (...words: readonly string[]): OptionCheck =>
  must((value) => words.includes(value as string), `one of ${listed(words)}.`);

const listed = (words: readonly string[]): string => {
  const quoted = words.map((word) => `'${word}'`);
  return [quoted.slice(0, -1).join(', '), quoted.at(-1)].join(' and ');
};

/** An object with options of its own. */
export const isNested =
  <Options extends object>(checks: OptionChecks<Options>): OptionCheck =>
  (value, name) =>
    optionComplaints(value, checks, `${name}.`).join(' ') || undefined;

/** Whether it has all of these methods. */
export const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  isObject(value) && names.every((name) => typeof value[name] === 'function');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
