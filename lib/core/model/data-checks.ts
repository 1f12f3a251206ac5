import { SessionError } from '../util/errors.js';
import { keysShown, shown, UNKEEPABLE } from '../util/texts.js';
import type { DataFault } from './data-fault.js';

/** @throws SessionError `ERR_DATA_INVALID` or `ERR_DATA_KEY` if the value cannot be assigned to `session.data` */
export function assertDataObject(value: unknown): asserts value is Record<string, unknown> {
  if (!isObject(value)) {
    throw new SessionError(
      'ERR_DATA_INVALID',
      'session.data: assign an object of values by key, such as { cart }, or {} to clear it.',
    );
  }
  for (const key of Object.keys(value)) keyName(key);
}

/** Excludes a Map or a promise that was not awaited: their own keys are not their contents. */
const isObject = (value: unknown): value is Record<string, unknown> =>
  Object.prototype.toString.call(value) === '[object Object]';

/**
 * Checks a key of the data. "__proto__" is rejected because it could set a prototype, here or in other readers of the
 * store.
 *
 * @throws SessionError `ERR_DATA_KEY`
 */
export function keyName(key: string | symbol): string {
  if (typeof key === 'symbol' || key === '__proto__' || key === '' || UNKEEPABLE.test(key)) {
    throw new SessionError(
      'ERR_DATA_KEY',
      `session.data: ${shown(String(key))} cannot be a key. Use a non-empty string other than "__proto__", without NUL or lone surrogates.`,
    );
  }
  return key;
}

/** Faults that a message describes. */
const DESCRIBED = 5;

/** The error for keys whose values the option `data` does not accept. */
export function invalidData(faults: readonly DataFault[], cause?: Error): SessionError {
  const keys = [...new Set(faults.map(({ key }) => key))];
  return new SessionError(
    'ERR_DATA_INVALID',
    `session.data: ${keysShown(keys)} ${keys.length > 1 ? 'do' : 'does'} not fit the class or schema of the option "data"${described(faults)}. Validate input before you store it, or store it with session.update() and catch this error.`,
    cause && { cause },
  );
}

function described(faults: readonly DataFault[]): string {
  const details = [...new Set(faults.flatMap(({ detail }) => detail ?? []))];
  if (details.length === 0) return '';
  const more = details.length > DESCRIBED ? `; and ${details.length - DESCRIBED} more` : '';
  return ` (${details.slice(0, DESCRIBED).join('; ')}${more})`;
}

/** Freezes a value with all that it contains, also what an object contains that is frozen already. */
export function deepFreeze(value: unknown, seen = new WeakSet()): void {
  // A Buffer, which a schema may make, cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child, seen);
}
