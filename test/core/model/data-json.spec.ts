import { assertReadBack, jsonText } from '../../../lib/core/model/data-json.js';

class Item {
  readonly tags = ['a'];
  constructor(readonly price: unknown) {}
}

class List extends Array<number> {
  toJSON() {
    return 'json';
  }
}

const loop: { self?: unknown } = {};
loop.self = { loop };

const shared = { a: 1 };

const LOST: [string, unknown, string][] = [
  ['NaN', { items: [1, { price: NaN }] }, 'cart.items[1].price'],
  ['Infinity', [Infinity], 'cart[0]'],
  ['-Infinity', -Infinity, 'cart'],
  ['a BigInt', { items: [{ count: 1n }] }, 'cart.items[0].count'],
  ['a function', { f: () => 1 }, 'cart.f'],
  ['a symbol', { s: Symbol('x') }, 'cart.s'],
  ['undefined in an array', { list: [1, undefined] }, 'cart.list[1]'],
  ['a hole of an array', { list: new Array<number>(1) }, 'cart.list[0]'],
  ['a Map', { map: new Map() }, 'cart.map'],
  ['a Set', new Set([1]), 'cart'],
  ['a RegExp', { re: /x/ }, 'cart.re'],
  ['an Error', { error: new RangeError('x') }, 'cart.error'],
  ['a Uint8Array', { bytes: new Uint8Array(2) }, 'cart.bytes'],
  ['a Buffer', { bytes: Buffer.from('x') }, 'cart.bytes'],
  ['a Promise', { later: Promise.resolve(1) }, 'cart.later'],
  ['a boxed number', { boxed: Object(1) as unknown }, 'cart.boxed'],
  ['a Date', { at: new Date(0) }, 'cart.at'],
  ['an invalid Date', { at: new Date(NaN) }, 'cart.at'],
  ['an object with toJSON', { toJSON: () => 'json' }, 'cart'],
  ['an array with toJSON', { list: List.from([1]) }, 'cart.list'],
  ['an array with a property of its own', { list: Object.assign([1, 2], { total: 3 }) }, 'cart.list.total'],
  ['a match of a regular expression', /b(?<rest>.*)/.exec('abc'), 'cart.index'],
  ['an object with a symbol as key', [{ a: 1, [Symbol('b')]: 2 }], 'cart[0]'],
  ['an array with a symbol as key', Object.assign([1], { [Symbol('b')]: 2 }), 'cart'],
  ['a cycle', loop, 'cart.self.loop'],
  ['a NaN in an instance of a class', [new Item(NaN)], 'cart[0].price'],
  ['a key that is no name', { 'a b': { '': NaN } }, 'cart["a b"][""]'],
];

/** What the error says of a value, after its path. */
const NAMED: [string, unknown, RegExp | string][] = [
  ['a number by its value', -Infinity, 'This is -Infinity.'],
  ['a BigInt', 1n, 'This is a bigint.'],
  ['a function', () => 1, 'This is a function.'],
  ['undefined in an array', [undefined], 'This is undefined in an array.'],
  ['a property of an array', Object.assign([1], { total: 3 }), 'This is a property of an array.'],
  ['a class by its name', new Set(), 'This is a Set.'],
  ['a class whose article is "a"', new RangeError('x'), 'This is a RangeError.'],
  ['a class whose article is "an"', new EvalError('x'), 'This is an EvalError.'],
  ['a class without a name', new ((() => class extends Map {})())(), 'This is a class.'],
  ['what is not made by a class', Object.assign(new Map(), { constructor: 'x' }), 'This is a class.'],
  ['a plain object with a symbol as key', { [Symbol('a')]: 1 }, 'This is an Object with a symbol as key.'],
  [
    'an array with a symbol',
    Object.assign([1], { [Symbol('b')]: 2 }),
    'This is an Array with a symbol as key.',
  ],
  ['an object that contains itself', loop, 'This is an object that contains itself.'],
];

const KEPT: [string, unknown][] = [
  ['texts, numbers, booleans and null', ['', 'x', 0, -1.5, 1e300, true, null]],
  ['nested objects', { a: { b: [{ c: 1 }] } }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
  ['an instance of a class', new Item(1)],
  ['an optional property that is undefined', { a: 1, b: undefined }],
  ['the same object twice', [shared, { shared }, shared]],
  ['what is inherited and not written', Object.assign(Object.create({ inherited: NaN }) as object, { a: 1 })],
  ['a key "toJSON" that is no function', { toJSON: 'a text' }],
  ['empty arrays and objects', [[], {}]],
];

describe('the JSON text of a value', () => {
  it.each(LOST)('is refused for %s, by its path', (_, value, path) => {
    expect(() => jsonText('cart', value, false)).toThrow(
      expect.objectContaining({
        code: 'ERR_DATA_NOT_SERIALIZABLE',
        message: expect.stringContaining(
          `session.data.${path} cannot be written as JSON. Store plain values`,
        ),
      }),
    );
  });

  it.each(KEPT)('is that of JSON.stringify for %s', (_, value) => {
    expect(jsonText('cart', value, false)).toBe(JSON.stringify(value));
  });

  it.each(NAMED)('is refused with what the value is: %s', (_, value, named) => {
    const text = messageOf(() => jsonText('cart', value, false));
    expect(text).toContain(named);
    // There is a remedy for what has a toJSON() alone.
    expect(text).not.toContain('read as what toJSON() returns');
  });

  it.each<[string, unknown, boolean]>([
    ['undefined', undefined, false],
    ['an object whose toJSON() returns undefined', { toJSON: () => undefined }, true],
  ])('is refused for %s, of which there is none', (_, value, schema) => {
    expect(messageOf(() => jsonText('cart', value, schema))).toMatch(
      /^session\.data\.cart cannot be written as JSON\. .* objects of these\.$/,
    );
  });

  it('finds what cannot be written beside an object that is there twice', () => {
    expect(
      messageOf(() => jsonText('cart', { a: shared, b: [shared, null, 'x'], c: { n: 1n } }, false)),
    ).toMatch(/cart\.c\.n cannot .*This is a bigint\.$/);
  });

  it('finds a cycle in an array by its index', () => {
    const list: unknown[] = [1, null];
    list[2] = { list };
    expect(messageOf(() => jsonText('cart', { list }, false))).toMatch(/cart\.list\[2\]\.list cannot/);
  });

  it('is refused where reading the value throws, with what was thrown but nothing that it carries', () => {
    const thrown = Object.assign(new RangeError('closed'), { row: 'Ada' });
    const value = {
      at: {
        toJSON: () => {
          throw thrown;
        },
      },
    };
    const error = errorOf(() => jsonText('cart', value, true)) as Error;
    expect(error.message).toMatch(/^session\.data\.cart cannot .* objects of these\.$/);
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'closed' });
    expect(error.cause).not.toHaveProperty('row');
    // Without a schema toJSON() itself is at fault.
    expect(messageOf(() => jsonText('cart', value, false))).toMatch(/cart\.at cannot .* with a toJSON\(\)\./);
    expect(errorOf(() => jsonText('cart', NaN, false))).toHaveProperty('cause', undefined);
  });

  it('is refused where the value can be written, but not be looked at', () => {
    let reads = 0;
    const once = {
      get at() {
        if (reads++ > 0) throw new RangeError('closed');
        return 1;
      },
    };
    expect(messageOf(() => jsonText('cart', once, false))).toMatch(/^session\.data\.cart cannot be written/);
  });

  it('takes -0 as 0, which equals it', () => {
    expect(jsonText('cart', [-0], false)).toBe('[0]');
  });

  it('names the remedy for a Date, and no value', () => {
    const text = messageOf(() => jsonText('cart', { at: new Date(0), name: 'Ada' }, false));
    expect(text).toMatch(/a Date with a toJSON\(\)\. .*z\.coerce\.date\(\) or @Type\(\(\) => Date\)/);
    expect(text).not.toMatch(/1970|Ada/);
  });

  it('names a value that is nested too deep', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(messageOf(() => jsonText('cart', deep, false))).toMatch(/^session\.data\.cart cannot be written/);
  });

  it('may hold a Date where a schema reads it, but no Map', () => {
    expect(jsonText('cart', { at: new Date(0) }, true)).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
    expect(messageOf(() => jsonText('cart', { map: new Map() }, true))).toMatch(
      /cart\.map .*This is a Map\./,
    );
  });

  it('is refused where the schema reads a Date as something else', () => {
    const cart = { items: [{ at: new Date(0) }] };
    expect(() => assertReadBack('cart', cart, { items: [{ at: new Date(0) }] })).not.toThrow();
    for (const back of [undefined, {}, { items: [] }, { items: [{ at: '1970-01-01T00:00:00.000Z' }] }]) {
      expect(messageOf(() => assertReadBack('cart', cart, back))).toMatch(/cart\.items\[0\]\.at cannot/);
    }
  });
});

describe('a schema that reads what JSON wrote', () => {
  class Money {
    constructor(readonly cents: number) {}
    toJSON() {
      return this.cents;
    }
  }
  class Euro extends Money {}
  const date = new Date(0);
  const list = List.from([1]);

  it.each<[string, unknown, unknown]>([
    ['plain values, whatever it makes of them', { a: [1, 'x', null] }, undefined],
    ['a Date', date, new Date(5)],
    ['an instance of the same class', { price: new Money(1) }, { price: new Money(2) }],
    ['an array with a toJSON', { list }, { list }],
    ['a Date in an array', [[date]], [[date]]],
    ['a Date beside what it left out', { a: 1, at: date }, { at: date }],
  ])('gives back %s', (_, value, back) => {
    expect(() => assertReadBack('cart', value, back)).not.toThrow();
  });

  it.each<[string, unknown, unknown, string]>([
    ['a Date as a text', date, '1970-01-01', 'cart'],
    ['a Date as null', date, null, 'cart'],
    ['a Date as a plain object', { at: date }, { at: {} }, 'cart.at'],
    ['an instance of a subclass', new Euro(1), new Money(1), 'cart'],
    ['an array with a toJSON as another', { list }, { list: [1] }, 'cart.list'],
    ['a Date in what is a text', { a: { at: date } }, { a: 'x' }, 'cart.a.at'],
    ['a Date in what is null', [{ at: date }], [null], 'cart[0].at'],
    ['the second of two Dates', [date, date], [date, 0], 'cart[1]'],
  ])('does not give back %s', (_, value, back, path) => {
    expect(messageOf(() => assertReadBack('cart', value, back))).toContain(
      `session.data.${path} cannot be written as JSON`,
    );
  });
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const messageOf = (work: () => unknown): string => (errorOf(work) as Error).message;
