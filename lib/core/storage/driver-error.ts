/** Fields of Node's and the drivers' errors that describe the failure and contain nothing of what was sent. */
const TELLING = [
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
  if (!(error instanceof Error)) return new Error('the driver threw a value that is not an Error');
  const message = error instanceof SyntaxError ? 'invalid JSON' : error.message.replace(ARGUMENTS, '');
  const clean = copyOf(error, message);
  Object.defineProperty(clean, 'name', { value: error.name, configurable: true, writable: true });
  Object.defineProperty(clean, 'stack', {
    value: error.stack?.replace(error.message, message),
    configurable: true,
    writable: true,
  });
  for (const field of TELLING)
    if (Object.hasOwn(error, field)) Object.assign(clean, { [field]: error[field as never] });
  return clean;
}

function copyOf(error: Error, message: string): Error {
  const options = error.cause === undefined ? {} : { cause: withoutValues(error.cause) };
  return error instanceof AggregateError
    ? new AggregateError(error.errors.map(withoutValues), message, options)
    : new Error(message, options);
}

/** Rejection handler for a driver's promise. */
export function throwWithoutValues(error: unknown): never {
  throw withoutValues(error);
}
