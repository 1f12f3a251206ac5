import { assertDataObject, deepFreeze, invalidData, keyName } from '../../../lib/core/model/data-checks.js';
import type { DataFault } from '../../../lib/core/model/data-fault.js';

describe('what may be assigned to session.data', () => {
  it.each<[string, unknown]>([
    ['an object', { cart: [] }],
    ['an empty object', {}],
    ['an object without a prototype', Object.create(null)],
    ['an instance of a class', new (class Data {})()],
  ])('is %s', (_, value) => {
    expect(() => assertDataObject(value)).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'cart'],
    ['an array', []],
    ['a Map', new Map()],
    ['a Promise', Promise.resolve({})],
    ['a function', () => ({})],
  ])('is not %s', (_, value) => {
    expect(() => assertDataObject(value)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_INVALID', message: expect.stringContaining('session.data') }),
    );
  });

  it('has no key that data cannot have', () => {
    expect(() => assertDataObject({ cart: [], '': 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_KEY' }),
    );
  });
});

describe('a key of the data', () => {
  it.each(['a', 'a b', 'constructor', '__proto', '0', '😀'])('may be %j', (key) => {
    expect(keyName(key)).toBe(key);
  });

  it.each(['', '__proto__', 'a\0', '\ud800', 'a\udfff', Symbol('a'), Symbol.iterator])(
    'may not be %p',
    (key) => {
      expect(() => keyName(key)).toThrow(expect.objectContaining({ code: 'ERR_DATA_KEY' }));
    },
  );
});

describe('the error for data that does not fit', () => {
  const fault = (key: string, detail?: string): DataFault => ({ key, ...(detail && { detail }) });
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => fault('cart', `rule ${i}`));

  it.each<[string, DataFault[], string]>([
    ['one key', [fault('cart')], 'session.data: cart does not fit'],
    ['two keys', [fault('cart'), fault('name')], 'session.data: cart, name do not fit'],
    ['a key once that has two faults', [fault('cart', 'a'), fault('cart', 'b')], ': cart does not fit'],
    ['no detail where there is none', [fault('cart')], 'of the option "data". '],
    [
      'each detail once',
      [fault('a', 'x'), fault('b', 'x'), fault('c', 'y')],
      'of the option "data" (x; y). ',
    ],
    ['five details', numbered(5), ' (rule 0; rule 1; rule 2; rule 3; rule 4). '],
    ['the first five of seven', numbered(7), ' (rule 0; rule 1; rule 2; rule 3; rule 4; and 2 more). '],
  ])('names %s', (_, faults, part) => {
    const error = invalidData(faults);
    expect(error.code).toBe('ERR_DATA_INVALID');
    expect(error.message).toContain(part);
    expect('cause' in error).toBe(false);
  });

  it('has the error of the class or schema as its cause', () => {
    const cause = new Error('transform');
    expect(invalidData([fault('cart')], cause).cause).toBe(cause);
  });
});

describe('a value that can no longer be stored', () => {
  it('is frozen with all that it contains', () => {
    const value = { list: [{ a: 1 }], nothing: null, deep: { deeper: { deepest: {} } } };
    deepFreeze(value);
    for (const part of [
      value,
      value.list,
      value.list[0],
      value.deep,
      value.deep.deeper,
      value.deep.deeper.deepest,
    ])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('is frozen below what was frozen before', () => {
    const inner = { a: 1 };
    deepFreeze(Object.freeze({ inner }));
    expect(Object.isFrozen(inner)).toBe(true);
  });

  it('may contain itself', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    deepFreeze(loop);
    expect(Object.isFrozen(loop)).toBe(true);
  });

  it.each([
    ['a text', 'x'],
    ['null', null],
    ['undefined', undefined],
    ['a Buffer', Buffer.from('x')],
  ])('may be or contain %s, which cannot be frozen', (_, value) => {
    const holder = { value };
    expect(() => deepFreeze(value)).not.toThrow();
    expect(() => deepFreeze(holder)).not.toThrow();
    expect(holder.value).toBe(value);
  });
});
