import { types } from 'node:util';

/** Fields of Node's and the drivers' errors that describe the failure and contain nothing of what was sent. */
const DESCRIPTIVE = [
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
];

/** Redis appends the first arguments of an unknown command to its error message. */
const ARGUMENTS = /, with args beginning with:.*/s;

/**
 * A copy of the error without the values that drivers attach: ioredis attaches the command with all its arguments,
 * PostgreSQL the row (`detail`) and parameters (`where`). These hold session data and hashes of secrets, and errors get
 * logged.
 */
export function withoutValues(error: unknown): Error {
  if (!isError(error)) return new Error('the driver threw a value that is not an Error');
  const message = messageOf(error);
  const clean = copyOf(error, message);
  Object.defineProperty(clean, 'name', { value: error.name, configurable: true, writable: true });
  Object.defineProperty(clean, 'stack', {
    value: error.stack?.replace(error.message, message),
    configurable: true,
    writable: true,
  });
  for (const field of DESCRIPTIVE)
    if (Object.hasOwn(error, field)) Reflect.set(clean, field, Reflect.get(error, field));
  return clean;
}

/** Whether a value is an error, of another realm as well: under Jest those of Node's own modules are. */
const isError = (value: unknown): value is Error => value instanceof Error || types.isNativeError(value);

const isAggregate = (error: Error): error is AggregateError =>
  error instanceof AggregateError ||
  (error.name === 'AggregateError' && 'errors' in error && Array.isArray(error.errors));

/** The message without the text that could not be parsed, or the arguments of a command. */
export const messageOf = (error: Error): string =>
  error.name === 'SyntaxError' ? 'invalid JSON' : error.message.replace(ARGUMENTS, '');

function copyOf(error: Error, message: string): Error {
  const options = error.cause === undefined ? {} : { cause: withoutValues(error.cause) };
  return isAggregate(error)
    ? new AggregateError(error.errors.map(withoutValues), message, options)
    : new Error(message, options);
}

/**
 * SQLSTATE classes of a statement that the database refused for its values (22, 23) or for a conflict with other
 * transactions (40). The database itself works.
 */
const REFUSAL = /^(?:22|23|40)[0-9A-Z]{3}$/;

/** Whether the database works, and refused one statement. */
export const isRefusal = (error: unknown): boolean =>
  chainOf(error).some(
    // A RangeError is of what is larger than a store or a text may be.
    (one) => one.name === 'RangeError' || ('code' in one && REFUSAL.test(String(one.code))),
  );

/** Errors of a chain that are looked at: one may be its own cause. */
const DEEPEST = 4;

/** An error and its causes. */
export function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  let next = error;
  while (isError(next) && chain.length < DEEPEST) {
    chain.push(next);
    // Node tries each address of a host, and gives the errors in a list.
    next = next.cause ?? (isAggregate(next) ? next.errors[0] : undefined);
  }
  return chain;
}

/** Rejection handler for a driver's promise. */
export function throwWithoutValues(error: unknown): never {
  throw withoutValues(error);
}
