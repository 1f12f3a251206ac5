import { Logger } from '@nestjs/common';
import { Complaint } from '../../core/util/complaint.js';
import { isSessionError } from '../../core/util/errors.js';

const logger = new Logger('nest-sessions');

/** How many lines of a stack are logged. */
const LINES = 3;

/** Logs that the `map` of an option `migrate` failed: once a minute at most, since each request with an old cookie calls it. */
export class MapFailures {
  readonly #complaint: Complaint;
  #last = '';

  /** @param now a monotonic clock, in milliseconds */
  constructor(log: (message: string) => void = (message) => logger.error(message), now?: () => number) {
    this.#complaint = new Complaint(log, (count) => describe(this.#last, count), now);
  }

  readonly note = (source: string, error: unknown): void => {
    this.#last = `migrate: what map() of ${source} returns cannot come over: ${causeOf(error)}`;
    this.#complaint.note();
  };
}

/** Ours name no value. Of others only where they came from, since the message of a TypeError may quote what the session holds. */
function causeOf(error: unknown): string {
  if (isSessionError(error)) return error.message;
  if (!(error instanceof Error)) return `it threw a value of type ${typeof error}.`;
  const { name, message, stack = '' } = error;
  const places = stack.slice(stack.indexOf(message) + message.length).split('\n');
  const at = places.filter((line) => /^\s+at /.test(line)).slice(0, LINES);
  return [`it threw a ${name}.`, ...at, ''].join('\n');
}

const describe = (cause: string, count: number): string =>
  `${cause.trimEnd()}\nThe old session stays as it is, and its user has to log in.${
    count === 1 ? '' : ` It is one of ${count} since the last line.`
  } Mend map(), and it comes over. This is logged at most once a minute.`;
