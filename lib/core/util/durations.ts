import ms from 'ms';
import { SessionError } from './errors.js';

type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'y';

/**
 * A span of time: a number of milliseconds, or a number and a unit:
 * `'500ms'`, `'10s'`, `'5m'`, `'12h'`, `'31d'`, `'2w'`, `'1y'`.
 */
export type Duration = number | `${number}${DurationUnit}`;

/**
 * Milliseconds of a duration.
 *
 * @param name the option that holds it, for the message
 * @throws SessionError `ERR_OPTIONS` when it is not a positive, finite span of time
 */
export function milliseconds(duration: Duration, name: string): number {
  // A bare "300" would be read as milliseconds by `ms`; as text it is nearly always meant as seconds.
  const bare = typeof duration === 'string' && !Number.isNaN(Number(duration));
  const value = typeof duration === 'string' && !bare ? ms(duration as ms.StringValue) : duration;
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new SessionError(
      'ERR_OPTIONS',
      `${name}: ${JSON.stringify(duration)} is not a duration. Write a number and a unit, such as '30s', '5m', '12h' or '31d', or a positive number of milliseconds.`,
    );
  }
  return value;
}
