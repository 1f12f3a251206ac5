import { SessionError } from '../../../core/util/errors.js';

/**
 * A function of the options whose result is checked at each call.
 *
 * @param expected completes "must return …"
 * @throws SessionError `ERR_OPTIONS`, from the returned function, for any other result. A promise is such a result; if it
 *   rejects, the rejection is ignored, because an unhandled one ends the process.
 */
export function checkedFunction<Args extends unknown[], T>(
  name: string,
  given: (...args: Args) => T,
  isValid: (value: unknown) => boolean,
  expected: string,
): (...args: Args) => T {
  return (...args) => {
    const value = given(...args);
    if (isValid(value)) return value;
    ignoreRejection(value);
    throw new SessionError(
      'ERR_OPTIONS',
      `SessionModule: ${name}: the function must return ${expected}, and not ${kindOf(value)}.`,
    );
  };
}

/** Prevents that a promise which nobody awaits ends the process. */
export function ignoreRejection(value: unknown): void {
  if (isPromise(value)) value.then(undefined, () => undefined);
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';

function kindOf(value: unknown): string {
  if (isPromise(value)) return 'a promise';
  return typeof value === 'number'
    ? String(value)
    : value === null
      ? 'null'
      : `a value of type ${typeof value}`;
}
