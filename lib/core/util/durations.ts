import ms from 'ms';
import { SessionError } from './errors.js';
import { written } from './texts.js';

type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w' | 'y';

/**
 * A duration: a number of milliseconds, or a number and a unit:
 * `'500ms'`, `'10s'`, `'5m'`, `'12h'`, `'31d'`, `'2w'`, `'1y'`.
 */
export type Duration = number | `${number}${DurationUnit}`;

/**
 * Milliseconds of a duration.
 *
 * @param name the option's name, for the message
 * @throws SessionError `ERR_OPTIONS` if it is not positive and finite
 */
export function milliseconds(duration: Duration, name: string): number {
  const value = parsed(duration);
  if (value === undefined) throw new SessionError('ERR_OPTIONS', notDuration(duration, name));
  return value;
}

/** The longest delay of a timer, in milliseconds. Node.js turns a longer one into 1 ms. */
export const MAX_DELAY = 2 ** 31 - 1;

/**
 * What is wrong with a number that was most likely meant in another unit; `undefined` for a duration with a unit.
 *
 * @param least the smallest number of milliseconds that makes sense
 */
export const unitComplaint = (value: unknown, name: string, least: number): string | undefined =>
  typeof value === 'number' && value > 0 && value < least
    ? `${name}: ${millisecondsNote(value)} Write a unit: '${value}s' for seconds, '${value}m' for minutes.`
    : undefined;

/** Numbers among the values of options, explained: '' where each has a unit. */
export function unitsNote(values: Readonly<Record<string, unknown>>): string {
  const notes = Object.entries(values)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => ` ${name}: ${millisecondsNote(value)}`);
  return notes.length > 0 ? `${notes.join('')} To give another unit, write '30s', '30m' or '12h'.` : '';
}

const millisecondsNote = (value: number): string =>
  `${value} is ${value < 1000 ? `${value} ms` : `${value / 1000} s`}, as numbers are milliseconds.`;

/** What is wrong with the value of an option that takes a duration; `undefined` for a valid one. */
export const durationComplaint = (value: unknown, name: string): string | undefined =>
  parsed(value) === undefined ? notDuration(value, name) : undefined;

function parsed(duration: unknown): number | undefined {
  // `ms` reads a string without a unit, such as "300", as milliseconds, but it is usually meant as seconds.
  const hasUnit = typeof duration === 'string' && Number.isNaN(Number(duration));
  const value = hasUnit ? ms(duration as ms.StringValue) : duration;
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;
}

const notDuration = (value: unknown, name: string): string =>
  `${name}: ${written(value)} is not a duration. Write a number and a unit, such as '30s', '5m', '12h' or '31d', or a positive number of milliseconds.`;
