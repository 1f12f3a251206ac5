import type { StorePart } from '../../events/events.js';
import type { Clock } from '../../util/clock.js';
import { SessionError } from '../../util/errors.js';
import { causeOf } from './error-cause.js';
import { inTime } from '../store-calls.js';
import { PART_NAMES } from './store-names.js';
import type { Awaitable, StoreProblem } from '../store.js';

/** A store, an index or a list of revocations that may be able to look what is wrong with it. */
export interface Diagnosable {
  diagnose?(): Awaitable<readonly StoreProblem[]>;
}

/** What is wrong at start. A failure is a problem, too, and never thrown: the application starts without its store. */
export async function problemsOf(
  part: StorePart,
  asked: Diagnosable | undefined,
  timeout: number,
): Promise<StoreProblem[]> {
  if (!asked?.diagnose) return [];
  try {
    const found = await inTime(
      Promise.resolve().then(() => asked.diagnose!()),
      timeout,
    );
    return found.map(({ problem, remedy }) => ({ problem: `${PART_NAMES[part]}: ${problem}`, remedy }));
  } catch (error) {
    return [
      {
        problem: `${PART_NAMES[part]} does not respond: ${causeOf(error)}.`,
        remedy:
          'Start the server, and check the address and the credentials of the client. Until it responds, requests that need it are answered with 503.',
      },
    ];
  }
}

/** The error of a start with `strict: true`. */
export const storeUnfit = (problems: readonly StoreProblem[]): SessionError =>
  new SessionError(
    'ERR_STORE_UNFIT',
    `The application does not start, because of the option "strict" and of what the check of the store found. ${problems.map(lineOf).join(' ')}`,
  );

/** A problem as one line of a log. */
export const lineOf = ({ problem, remedy }: StoreProblem): string => `${problem} ${remedy}`;

/** Milliseconds that the clocks of a node and of the store's server may differ. */
export const MOST_SKEW = 60_000;

/**
 * The problem of clocks that differ, if they do.
 *
 * @param time by the server, in milliseconds since the epoch
 * @param clock of this node
 */
export function clockProblem(server: string, time: number, clock: Clock): StoreProblem[] {
  const ahead = time - clock.now();
  if (Math.abs(ahead) <= MOST_SKEW) return [];
  const seconds = Math.round(Math.abs(ahead) / 1000);
  return [
    {
      problem: `the clock of ${server} is ${seconds} seconds ${ahead > 0 ? 'ahead of' : 'behind'} that of this node.`,
      remedy:
        'Synchronise both by NTP: sessions end by the clock of the server, while cookies, `authenticatedAt` and events between nodes go by those of the nodes.',
    },
  ];
}
