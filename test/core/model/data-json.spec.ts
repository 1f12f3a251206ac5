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

const KEPT: [string, unknown][] = [
  ['texts, numbers, booleans and null', ['', 'x', 0, -1.5, 1e300, true, null]],
  ['nested objects', { a: { b: [{ c: 1 }] } }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
  ['an instance of a class', new Item(1)],
  ['an optional property that is undefined', { a: 1, b: undefined }],
  ['the same object twice', [loop.self === undefined, { a: 1 }]],
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

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}
