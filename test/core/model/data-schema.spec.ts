import {
  readFitting,
  readWritten,
  sameJson,
  type DataParser,
  type ParsedData,
} from '../../../lib/core/model/data-schema.js';
import { SessionError } from '../../../lib/core/util/errors.js';

type Data = Record<string, unknown>;

const invalid = (...keys: string[]): ParsedData => ({
  invalid: keys.map((key) => ({ key, detail: `${key}: rule` })),
});

/** Values are numbers, and are doubled. */
const numbers: DataParser = (data) => {
  const wrong = Object.keys(data).filter((key) => typeof data[key] !== 'number');
  if (wrong.length > 0) return invalid(...wrong);
  return { values: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Number(value) * 2])) };
};

/** As {@link numbers}, by a transformation that throws. */
const throwing: DataParser = (data) => {
  const parsed = numbers(data);
  if ('invalid' in parsed) throw new RangeError('a transformation');
  return parsed;
};

/** Whoever has an `end` has a `start`. */
const paired: DataParser = (data) =>
  'end' in data && !('start' in data) ? invalid('start') : { values: data };

/** Reads three keys at most. */
const few: DataParser = (data) => {
  if (Object.keys(data).length > 1) throw new RangeError('too many');
  return { values: data };
};

const requiring: DataParser = () => invalid('name');

describe('stored data that a schema reads', () => {
  it.each<[string, DataParser, Data, Data, string[]]>([
    ['as it returns it', numbers, { a: 1, b: 2 }, { a: 2, b: 4 }, []],
    ['without the keys that do not fit', numbers, { a: 'x', b: 2, c: null }, { b: 4 }, ['a', 'c']],
    ['without those for which it throws', throwing, { a: 'x', b: 2, c: null }, { b: 4 }, ['a', 'c']],
    ['empty, where it throws for all keys together', few, { a: 1, b: 2 }, {}, ['a', 'b']],
    ['empty, where what is there requires what is absent', paired, { end: 1, x: 2 }, {}, ['end', 'x']],
    ['with what it leaves out as it is stored', () => ({ values: {} }), { a: 1 }, { a: 1 }, []],
    ['with its defaults', () => ({ values: { b: 2 } }), { a: 1 }, { a: 1, b: 2 }, []],
  ])('is read %s', (_, parse, stored, values, dropped) => {
    const before = structuredClone(stored);
    expect(readFitting(parse, stored)).toEqual({ values, dropped });
    expect(stored).toEqual(before);
  });

  it('is refused where not even empty data fits', () => {
    expect(() => readFitting(requiring, { a: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_INVALID', message: expect.stringContaining('name') }),
    );
  });

  it('is not taken to be at fault where the schema cannot be used at all', () => {
    const error = new SessionError('ERR_OPTIONS', 'asynchronous');
    const parse = () => {
      throw error;
    };
    expect(() => readFitting(parse, { a: 1 })).toThrow(error);
  });

  it('reaches the schema as a plain object, in which no key sets the prototype', () => {
    const stored = JSON.parse('{"__proto__": {"admin": true}, "a": 1}') as Data;
    const parse: DataParser = (data) => {
      expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
      expect(data['admin']).toBeUndefined();
      return { values: data };
    };
    expect(
      Object.keys(readFitting(parse, Object.assign(Object.create(null) as Data, stored)).values),
    ).toEqual(['__proto__', 'a']);
  });

  it('has no prototype as it is read', () => {
    expect(Object.getPrototypeOf(readFitting(numbers, {}).values)).toBeNull();
  });
});

describe('data to be written', () => {
  it('is what a reader would get', () => {
    expect(readWritten(numbers, { a: 1, b: 2 }, ['b'])).toEqual({ a: 2, b: 4 });
  });

  it('may stand beside stored data that does not fit', () => {
    expect(readWritten(numbers, { a: 'x', b: 2 }, ['b'])).toEqual({ b: 4 });
    expect(readWritten(throwing, { a: 'x', b: 2 }, ['b'])).toEqual({ b: 4 });
  });

  it.each<[string, DataParser, Data, string[], RegExp]>([
    ['a key that does not fit', numbers, { a: 'x', b: 'y' }, ['b'], /: b does not fit.* \(b: rule\)/],
    ['all that do not fit', numbers, { a: 'x', b: 'y' }, ['a', 'b'], /: a, b do not fit/],
    ['a key for which it throws', throwing, { a: 'x', b: 'y' }, ['b'], /: b does not fit/],
    ['a key, where it throws for all keys together', few, { a: 1, b: 2 }, ['b'], /: b does not fit/],
    ['a key that requires an absent one', paired, { end: 1 }, ['end'], /: start does not fit/],
    ['a key that another one requires', paired, { end: 1 }, ['start'], /: start does not fit/],
  ])('is refused for %s', (_, parse, data, written, names) => {
    expect(() => readWritten(parse, data, written)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_INVALID', message: expect.stringMatching(names) }),
    );
  });

  it('is refused with the error that the schema threw, but without what it carries', () => {
    const thrown = Object.assign(new RangeError('a transformation'), { input: 'Ada' });
    const parse = () => {
      throw thrown;
    };
    let caught: unknown;
    try {
      readWritten(parse, { a: 1 }, ['a']);
    } catch (error) {
      caught = error;
    }
    const { cause } = caught as Error;
    expect(cause).toMatchObject({ name: 'RangeError', message: 'a transformation' });
    expect(cause).not.toHaveProperty('input');
  });
});

describe('whether JSON writes two values the same way', () => {
  const date = new Date(0);
  it.each<[unknown, unknown, boolean]>([
    [1, 1, true],
    [1, 2, false],
    ['1', 1, false],
    [null, null, true],
    [null, {}, false],
    [{}, null, false],
    [{}, undefined, false],
    ['a', { a: 1 }, false],
    [{ a: 1 }, 'a', false],
    [{}, {}, true],
    [{ a: 1, b: [2] }, { a: 1, b: [2] }, true],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: 1, b: 2 }, { a: 1 }, false],
    [{ a: 1 }, { b: 1 }, false],
    [{ a: { b: 1 } }, { a: { b: 2 } }, false],
    [{ a: 1, b: 2 }, { a: 1, b: 3 }, false],
    [[], {}, false],
    [{}, [], false],
    [[1], { 0: 1 }, false],
    [{}, date, false],
    [{ at: {} }, { at: date }, false],
    ['1970-01-01T00:00:00.000Z', date, false],
  ])('%j and %j: %p', (parsed, value, same) => {
    expect(sameJson(parsed, value)).toBe(same);
  });
});
