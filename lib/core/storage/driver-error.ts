/** Fields of errors of Node and of drivers that say what went wrong, and nothing of what was sent. */
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

/** What Redis adds for a command that it does not know: the first of its arguments. */
const ARGUMENTS = /, with args beginning with:.*/s;

/**
 * The same failure without the values that drivers put into their errors: ioredis the command with all its arguments,
 * PostgreSQL the row (`detail`) and parameters (`where`). They are data of sessions and hashes of secrets, and errors are
 * logged.
 */
export function withoutValues(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('the driver failed with something that is no error');
  const message = error instanceof SyntaxError ? 'it is no JSON' : error.message.replace(ARGUMENTS, '');
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

/** For the rejection of a driver's promise. */
export function throwWithoutValues(error: unknown): never {
  throw withoutValues(error);
}
