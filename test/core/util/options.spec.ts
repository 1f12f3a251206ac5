import { isPositiveInteger } from '../../../lib/core/util/options.js';

describe('an option that is a positive whole number', () => {
  it.each([1, 2, Number.MAX_SAFE_INTEGER])('is %d', (value) => {
    expect(isPositiveInteger(value, 'most')).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [0, '0'],
    [-1, '-1'],
    [1.5, '1.5'],
    [NaN, 'NaN'],
    [Infinity, 'Infinity'],
    ['5', '"5"'],
    [null, 'null'],
    [5n, 'a value of type bigint'],
    [Object.create(null), '{}'],
    [Symbol('five'), 'symbol'],
  ])('is not %p', (value, shown) => {
    expect(isPositiveInteger(value, 'most')).toBe(`most: a positive whole number, not ${shown}.`);
  });
});
