import { SUSPECT } from '../../../lib/core/model/policy.js';
import { assertFactorIfNamed, assertSubject, assertSubjectIfNamed } from '../../../lib/core/model/subject.js';

const LONGEST = 'x'.repeat(255);

describe('a subject', () => {
  it.each([
    ['one character', 'a'],
    ['255 characters', LONGEST],
    ['a space', ' '],
    ['a pair of surrogates', '😀'],
  ])('may have %s', (_, subject) => {
    expect(() => assertSubject(subject)).not.toThrow();
  });

  it.each<[string, unknown, RegExp]>([
    ['a number', 7, /is a number: convert it with String\(id\)\.$/],
    ['a BigInt', 7n, /is a number: convert it with String\(id\)\.$/],
    ['undefined', undefined, /is undefined: was the user found\?$/],
    ['null', null, /is null: was the user found\?$/],
    ['an object', { id: 'ada' }, /is a value of type object: give the id alone, such as user\.id\.$/],
    ['a boolean', true, /is a value of type boolean: give the id alone/],
    ['an empty string', '', /is an empty string\.$/],
    ['256 characters', `${LONGEST}x`, /is a string of 256 characters\.$/],
    ['a NUL', 'ada\0', /is a string with such a character\.$/],
    ['a lone surrogate', 'ada\ud800', /is a string with such a character\.$/],
    ['255 characters with a NUL', `${LONGEST.slice(1)}\0`, /is a string with such a character\.$/],
  ])('is refused where it is or has %s, with what to do about it and not its value', (_, subject, kind) => {
    const error = errorOf(() => assertSubject(subject));
    expect(error).toMatchObject({ code: 'ERR_SUBJECT', message: expect.stringMatching(kind) });
    expect(error.message).not.toContain('ada');
  });
});

describe('an option subject', () => {
  it.each([{}, { subject: 'ada' }])('may be absent or an id: %j', (options) => {
    expect(() => assertSubjectIfNamed(options)).not.toThrow();
  });

  it.each([{ subject: undefined }, { subject: null }, { subject: '' }])('is refused as %p', (options) => {
    expect(errorOf(() => assertSubjectIfNamed(options))).toMatchObject({ code: 'ERR_SUBJECT' });
  });
});

describe('an option factor', () => {
  it.each([{}, { factor: 'otp' }, { factor: 'x' }])('may be absent or a name: %j', (options) => {
    expect(() => assertFactorIfNamed(options)).not.toThrow();
  });

  it.each([undefined, null, '', 7, ['otp'], 'otp\0', SUSPECT])('is refused as %p', (factor) => {
    expect(errorOf(() => assertFactorIfNamed({ factor }))).toMatchObject({ code: 'ERR_FACTOR' });
  });
});

function errorOf(work: () => void): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
