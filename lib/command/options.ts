import { UsageError } from '../attack/errors.js';

/**
 * What `parseArgs()` makes of the arguments of a command.
 *
 * @throws UsageError for options that it does not know
 */
export function parsed<T>(command: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(
      `${error instanceof Error ? error.message : String(error)}\nSee nest-sessions ${command} --help.`,
    );
  }
}
