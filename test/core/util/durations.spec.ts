import fc from 'fast-check';
import { milliseconds, type Duration } from '../../../lib/core/util/durations.js';

const SECOND = 1_000;
const DAY = 24 * 3_600 * SECOND;
const UNITS = { ms: 1, s: SECOND, m: 60 * SECOND, h: 3_600 * SECOND, d: DAY, w: 7 * DAY, y: 365.25 * DAY };

describe('milliseconds', () => {
  it('multiplies a number by its unit', () => {
    const unit = fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[]));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), unit, (count, name) => {
        expect(milliseconds(`${count}${name}`, 'idle')).toBe(count * UNITS[name]);
        expect(milliseconds(`${count / 2}${name}`, 'idle')).toBe((count / 2) * UNITS[name]);
      }),
    );
  });

  it('returns a positive number as it is', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, minExcluded: true, max: 1e15, noNaN: true }), (count) => {
        expect(milliseconds(count, 'idle')).toBe(count);
      }),
    );
  });

  it.each<unknown>([
    0,
    -1,
    NaN,
    Infinity,
    '',
    '0s',
    '-5m',
    '300',
    ' 300 ',
    '1e3',
    'soon',
    '5 parsecs',
    '5m5',
    null,
    undefined,
    {},
    true,
  ])('refuses %p, and names the option', (duration) => {
    expect(() => milliseconds(duration as Duration, 'idle')).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS',
        message: expect.stringMatching(/^idle: .* is not a duration/),
      }),
    );
  });
});

describe('the message about a value that is no duration', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);

  it.each<[string, unknown, string]>([
    ['a number', -1, '-1'],
    ['a text', '300', '"300"'],
    ['nothing', undefined, 'undefined'],
    ['a function', () => 5, 'function'],
    ['a bigint', 10n, 'a value of type bigint'],
    ['an object that contains itself', cycle, 'a value of type object'],
  ])('shows %s', (_what, value, shown) => {
    expect(() => milliseconds(value as Duration, 'idle')).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTIONS',
        message: expect.stringContaining(`idle: ${shown} is not a duration.`) as string,
      }),
    );
  });
});
