import { Logger } from '@nestjs/common';
import { traceOf } from '../../core/events/events.js';
import type { FailedCall } from '../../core/request/calls.js';
import { Complaint } from '../../core/util/complaint.js';

const logger = new Logger('nest-sessions');

/**
 * Logs calls that failed and that nothing awaits. During an outage every request may make one, so each call is logged
 * once a minute at most, with the stack of its last failure.
 */
export class UnawaitedCalls {
  readonly #complaints = new Map<string, Complaint>();
  readonly #now: (() => number) | undefined;
  #last: unknown;

  /** @param now a monotonic clock, in milliseconds */
  constructor(now?: () => number) {
    this.#now = now;
  }

  readonly note = ({ name, error }: FailedCall): void => {
    this.#last = error instanceof Error && error.cause !== undefined ? error.cause : error;
    let complaint = this.#complaints.get(name);
    if (!complaint) this.#complaints.set(name, (complaint = this.#complaintOf(name)));
    complaint.note();
  };

  #complaintOf(name: string): Complaint {
    const log = (message: string): void => logger.error(message, traceOf(this.#last));
    return new Complaint(log, (count) => messageOf(name, count), this.#now);
  }
}

/** Without an `await` the handler cannot know of the failure. The response reports it, if its head was not sent yet. */
function messageOf(name: string, count: number): string {
  const others = count === 1 ? '' : ` It is one of ${count} since the last line.`;
  return `${name} failed, and its promise was not awaited.${others} Await it, or handle its error. This is logged at most once a minute.`;
}
