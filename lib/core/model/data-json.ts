import { SessionError } from '../util/errors.js';
import { keyShown, shown } from '../util/texts.js';
import { withoutValues } from '../storage/health/driver-error.js';

/** What JSON does not give back, and where. */
interface Flaw {
  /** Keys and indexes below the value, from the outermost. */
  readonly path: (string | number)[];
  readonly what: string;
}

/** Whether a value that has a `toJSON` may be written: never, always, or where it is read back as the same class. */
type ReadBack = 'never' | 'always' | { readonly as: unknown };

/**
 * The JSON text of a value to be stored under `key`. Refuses what JSON drops or changes, with its path.
 *
 * A separate walk, because a replacer makes `JSON.stringify` about three times slower.
 *
 * @param schema whether a schema reads the value; then an object may have a `toJSON`, see {@link assertReadBack}
 * @throws SessionError `ERR_DATA_NOT_SERIALIZABLE`
 */
export function jsonText(key: string, value: unknown, schema: boolean): string {
  let text: string | undefined;
  let cause: unknown;
  let found: Flaw | undefined;
  try {
    text = JSON.stringify(value);
    found = flaw(value, schema ? 'always' : 'never');
  } catch (error) {
    cause = error;
    found = flawIn(value, schema ? 'always' : 'never');
  }
  if (text === undefined || cause !== undefined || found) throw notSerializable(key, found, cause);
  return text;
}

/**
 * Checks that a schema reads objects that have a `toJSON` as what they are: a Date as a Date, not as a string.
 *
 * @param back the value as the schema reads it
 * @throws SessionError `ERR_DATA_NOT_SERIALIZABLE`
 */
export function assertReadBack(key: string, value: unknown, back: unknown): void {
  const found = flaw(value, { as: back });
  if (found) throw notSerializable(key, found, undefined);
}

/** The first thing in `value`, which has no cycle, that JSON does not give back. */
function flaw(value: unknown, back: ReadBack): Flaw | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path: [], what: String(value) };
    case 'object':
      if (value === null) return undefined;
      return Array.isArray(value) ? flawOfArray(value, back) : flawOfObject(value, back);
    case 'bigint':
    case 'function':
    case 'symbol':
      return { path: [], what: `a ${typeof value}` };
  }
}

function flawOfArray(array: readonly unknown[], back: ReadBack): Flaw | undefined {
  const what = toJsonOf(array, back);
  if (what === READ_BACK) return undefined;
  if (what !== undefined) return { path: [], what };
  for (let i = 0; i < array.length; i++) {
    const item = array[i];
    if (item === undefined) return { path: [i], what: 'undefined in an array' };
    const found = flaw(item, below(back, i));
    if (found) return within(found, i);
  }
  // Indexes come first, and by now none is missing.
  const other = Object.keys(array)[array.length];
  return other === undefined ? flawOfSymbols(array) : { path: [other], what: 'a property of an array' };
}

function flawOfObject(value: object, back: ReadBack): Flaw | undefined {
  const what = kindOf(value, back);
  if (what === READ_BACK) return undefined;
  if (what !== undefined) return { path: [], what };
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const found = flaw((value as Record<string, unknown>)[key], below(back, key));
    if (found) return within(found, key);
  }
  return flawOfSymbols(value);
}

const flawOfSymbols = (value: object): Flaw | undefined =>
  Object.getOwnPropertySymbols(value).length > 0
    ? { path: [], what: `${articled(value)} with a symbol as key` }
    : undefined;

const READ_BACK = Symbol('read back by the schema');

/** `undefined` for an object that JSON gives back by its own properties, as it does those of most classes. */
function kindOf(value: object, back: ReadBack): string | typeof READ_BACK | undefined {
  const what = toJsonOf(value, back);
  if (what !== undefined) return what;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return undefined;
  // Map, Set, RegExp, Error, Promise, typed arrays and boxed values: their own properties are not their contents.
  return Object.prototype.toString.call(value) === '[object Object]' ? undefined : articled(value);
}

/** Of an object that has a `toJSON`. */
function toJsonOf(value: object, back: ReadBack): string | typeof READ_BACK | undefined {
  if (!('toJSON' in value) || typeof value.toJSON !== 'function') return undefined;
  return isReadBack(Object.getPrototypeOf(value), back) ? READ_BACK : `${articled(value)} with a toJSON()`;
}

function isReadBack(prototype: unknown, back: ReadBack): boolean {
  if (typeof back === 'string') return back === 'always';
  return typeof back.as === 'object' && back.as !== null && Object.getPrototypeOf(back.as) === prototype;
}

/** The same position in what the schema reads. */
function below(back: ReadBack, key: string | number): ReadBack {
  if (typeof back === 'string') return back;
  const { as } = back;
  return typeof as === 'object' && as !== null ? { as: (as as Record<string | number, unknown>)[key] } : back;
}

function within(found: Flaw, key: string | number): Flaw {
  found.path.unshift(key);
  return found;
}

function articled(value: object): string {
  const { constructor } = value;
  const name = typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'class';
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** As {@link flaw}, of a value that `JSON.stringify` refused: it may contain itself, or be too deep. */
function flawIn(value: unknown, back: ReadBack): Flaw | undefined {
  try {
    return cycle(value, new Set()) ?? flaw(value, back);
  } catch {
    return undefined;
  }
}

function cycle(value: unknown, ancestors: Set<object>): Flaw | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (ancestors.has(value)) return { path: [], what: 'an object that contains itself' };
  ancestors.add(value);
  for (const [key, child] of Object.entries(value)) {
    const found = cycle(child, ancestors);
    if (found) return within(found, Array.isArray(value) ? Number(key) : key);
  }
  ancestors.delete(value);
  return undefined;
}

/** How much of a path an error names. */
const MOST_SEGMENTS = 20;

function notSerializable(key: string, found: Flaw | undefined, cause: unknown): SessionError {
  const path = pathOf(key, found?.path ?? []);
  return new SessionError(
    'ERR_DATA_NOT_SERIALIZABLE',
    `session.data.${path} cannot be written as JSON. Store plain values: strings, finite numbers, booleans, null, arrays and objects of these.${found ? ` This is ${found.what}.${remedy(found.what)}` : ''}`,
    { cause: cause === undefined ? undefined : withoutValues(cause) },
  );
}

/** A path as code has it, such as `cart.items[3].price`, as an error may name it. */
export function pathOf(key: string, below: readonly (string | number)[]): string {
  const path = keyShown(key) + below.slice(0, MOST_SEGMENTS).map(segment).join('');
  return below.length > MOST_SEGMENTS ? `${path}…` : path;
}

const segment = (key: string | number): string =>
  /^\d+$/.test(String(key))
    ? `[${key}]`
    : /^[\p{L}_$][\p{L}\p{N}_$]{0,63}$/u.test(String(key))
      ? `.${key}`
      : `[${shown(String(key))}]`;

function remedy(what: string): string {
  if (!what.endsWith('toJSON()')) return '';
  return ' It would be read as what toJSON() returns: store that, or give the option "data" a schema that reads it as the same class, such as z.coerce.date() or @Type(() => Date).';
}
