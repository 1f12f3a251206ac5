import { distance } from 'fastest-levenshtein';
import { durationComplaint, MAX_DELAY, milliseconds, unitComplaint, type Duration } from './durations.js';
import { SessionError } from './errors.js';
import { FOREIGN_OPTIONS, type ForeignOptions } from './foreign-options.js';
import { written } from './texts.js';

/** Returns what is wrong with a value and the remedy, starting with the option's name; `undefined` for a valid value. */
export type OptionCheck = (value: unknown, name: string) => string | undefined;

/** A check for each option. An option without a check does not compile. */
export type OptionChecks<Options extends object> = Readonly<Record<keyof Options & string, OptionCheck>>;

/**
 * Checks the options of the module, a store, a revocation list or a method.
 *
 * @param owner the class or method, with which the message starts
 * @throws SessionError `ERR_OPTIONS` that lists every invalid option with its remedy
 */
export function checkOptions<Options extends object>(
  owner: string,
  options: unknown,
  checks: OptionChecks<Options>,
): void {
  const found = optionComplaints(options ?? {}, checks, '', FOREIGN_OPTIONS[owner]);
  if (found.length > 0) throw wrongOption(owner, found.join(' '));
}

export const wrongOption = (owner: string, complaint: string): SessionError =>
  new SessionError('ERR_OPTIONS', `${owner}: ${complaint}`);

/**
 * @param path prefix of the names of nested options
 * @param foreign names of other libraries, with what takes their place
 */
function optionComplaints(
  options: unknown,
  checks: Readonly<Record<string, OptionCheck>>,
  path = '',
  foreign: ForeignOptions = {},
): string[] {
  if (!isObject(options)) return [`${path === '' ? '' : `${path.slice(0, -1)}: `}give an object.`];
  const names = Object.keys(checks);
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  const wrong = Object.entries(checks)
    .map(([name, check]) => check(options[name], path + name))
    .filter((one) => one !== undefined);
  // Such as a pool in place of { pool }: its properties are no misspelt options.
  if (wrong.length > 0 && unknown.length === Object.keys(options).length && isInstance(options)) return wrong;
  return [...wrong, ...unknown.map((name) => unknownOption(name, names, path, foreign))];
}

function isInstance(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

function unknownOption(
  name: string,
  names: readonly string[],
  path: string,
  foreign: ForeignOptions,
): string {
  if (Object.hasOwn(foreign, name)) return `Unknown option "${path}${name}": ${foreign[name]}`;
  const known = names.map((one) => path + one).join(', ');
  const near = nearest(name, names);
  const hint = near === undefined ? '' : ` Did you mean "${path}${near}"?`;
  return `Unknown option "${path}${name}".${hint} Known options: ${known}.`;
}

/** The name that was probably meant. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((one) => ({ one, far: distance(one.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(2, name.length / 3) ? best.one : undefined;
}

/** Accepts `undefined` as well. */
export const optional =
  (check: OptionCheck): OptionCheck =>
  (value, name) =>
    value === undefined ? undefined : check(value, name);

/** Accepts `undefined` and `null` as well; the default applies. */
export const optionalOrNull = (check: OptionCheck): OptionCheck =>
  optional((value, name) => (value === null ? undefined : check(value, name)));

/** Any value is accepted here; its consumer may check it. */
export const unchecked: OptionCheck = () => undefined;

/** @param remedy the valid values; follows the option's name in the message */
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
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
    ? undefined
    : `${name}: a positive whole number, not ${typeof value === 'number' ? value : written(value)}.`;

export const isKeyPrefix: OptionCheck = must(
  (value) => typeof value === 'string',
  'the text that all keys begin with.',
);

export const isDuration: OptionCheck = durationComplaint;

/** A duration that is never shorter than a second, unless it has a unit that says so. */
export const isLongDuration: OptionCheck = (value, name) =>
  durationComplaint(value, name) ?? unitComplaint(value, name, 1000);

/** A duration that a timer waits for. */
export const isDelay: OptionCheck = (value, name) => {
  const complaint = durationComplaint(value, name) ?? unitComplaint(value, name, 10);
  if (complaint !== undefined || milliseconds(value as Duration, name) <= MAX_DELAY) return complaint;
  return `${name}: at most '24d', because no timer waits longer than 24.8 days.`;
};

export const isOneOf = (...words: readonly string[]): OptionCheck =>
  must((value) => words.some((word) => word === value), `one of ${listed(words)}.`);

const listed = (words: readonly string[]): string => {
  const quoted = words.map((word) => `'${word}'`);
  return [quoted.slice(0, -1).join(', '), quoted.at(-1)].join(' and ');
};

/** What helps where something else than an object with nested options is given, or an unknown one. */
export interface NestedHints {
  /** The object that was probably meant, as it is written; `undefined` if there is none. */
  meant?: (value: unknown) => string | undefined;
  foreign?: ForeignOptions;
}

/** An object with nested options. */
export const isNested =
  <Options extends object>(
    checks: OptionChecks<Options>,
    { meant, foreign }: NestedHints = {},
  ): OptionCheck =>
  (value, name) => {
    const example = isObject(value) ? undefined : meant?.(value);
    if (example !== undefined) return `${name}: give an object, as in ${name}: ${example}.`;
    return optionComplaints(value, checks, `${name}.`, foreign).join(' ') || undefined;
  };

/** Whether the value has all of these methods. */
export const hasMethods = (value: unknown, ...names: readonly string[]): boolean =>
  isObject(value) && names.every((name) => typeof value[name] === 'function');

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
