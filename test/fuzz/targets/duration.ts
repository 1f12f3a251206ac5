import { durationComplaint, milliseconds, type Duration } from '../../../lib/core/util/durations.js';
import { SessionError } from '../../../lib/core/util/errors.js';
import { must, type Target } from '../engine/target.js';

/** A number, blanks, and a unit in a word or a letter. */
const DURATION = /^-?(?:\d+)?\.?\d+ *[a-z]+$/i;

function read(text: string): number | undefined {
  try {
    return milliseconds(text as Duration, 'idle');
  } catch (error) {
    must(
      error instanceof SessionError && error.code === 'ERR_OPTIONS',
      'the error is the one for it',
      String(error),
    );
    must(error.message.startsWith('idle: '), 'the message names the option', error.message);
    return undefined;
  }
}

export const durationTarget: Target = {
  name: 'duration',
  seeds: ['500ms', '10s', '5m', '12h', '31d', '2w', '1y', '1.5 hours', '-1s', '300', '', '0s', '1e3s', '.5d'],
  words: ['ms', 's', 'm', 'h', 'd', 'w', 'y', 'months', 'Years', ' ', '.', '-', '+', '0x', 'e', 'Infinity'],
  check(text) {
    const value = read(text);
    must((durationComplaint(text, 'idle') === undefined) === (value !== undefined), 'the check agrees');
    if (value === undefined) return;
    must(Number.isFinite(value) && value > 0, 'a duration is positive and finite', value);
    must(DURATION.test(text), 'a duration is a number and a unit', text);
    must(milliseconds(value, 'idle') === value, 'its milliseconds are the same duration');
  },
  parse: (text) => void read(text),
};
