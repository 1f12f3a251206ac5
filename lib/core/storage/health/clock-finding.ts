import type { StorePart } from '../../events/events.js';
import type { StoreFinding } from '../store.js';
import { PART_NAMES } from './store-names.js';
import { MOST_SKEW } from './store-problems.js';

/**
 * Milliseconds of difference that are worth a look. NTP keeps machines within some milliseconds, so with a second it does not
 * run on one of them, and the difference grows until {@link MOST_SKEW}, from which on the start complains.
 */
export const NOTABLE_SKEW = 1_000;

/**
 * @param skew milliseconds that the clock of the server is ahead of that of this process
 * @param tolerance by how much the measurement may be wrong: half of the time that the reply took
 */
export function skewFinding(part: StorePart, skew: number, tolerance: number): StoreFinding[] {
  const apart = Math.abs(skew);
  // The check at the start has complained.
  if (apart > MOST_SKEW) return [];
  const text = `differ by ${(apart / 1000).toFixed(2)} s (± ${(tolerance / 1000).toFixed(2)} s)`;
  if (apart - tolerance <= NOTABLE_SKEW)
    return [
      { level: 'ok', finding: `${PART_NAMES[part]}: the clocks of its server and of this machine ${text}.` },
    ];
  return [
    {
      level: 'warning',
      finding: `${PART_NAMES[part]}: the clocks of its server and of this machine ${text}.`,
      remedy:
        'Let NTP run on both: a difference of a second grows, and the times of cookies, of logins and of events go by this machine.',
    },
  ];
}
