import { inspect } from 'node:util';
import { DataProxyHandler, proxyOf } from '../../../lib/core/model/data-proxy.js';

/** Data as a map, with a list of what was done to it. Is strict about its keys: texts, and to be read those that it has. */
class MapData extends DataProxyHandler {
  readonly done: string[] = [];
  readonly #values: Map<string, unknown>;
  closed = false;

  constructor(values: Record<string, unknown>) {
    super();
    this.#values = new Map(Object.entries(values));
  }

  ownKeys = (): string[] => [...this.#values.keys()];
  protected hasKey = (key: string): boolean => this.#values.has(key.normalize());

  protected read(key: string): unknown {
    if (!this.#values.has(key)) throw new Error(`has no ${key}`);
    return this.#values.get(key);
  }

  protected assign(key: string, value: unknown): void {
    this.done.push(value === undefined ? `delete ${key}` : `set ${key}`);
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }

  protected beforeChange(): void {
    if (this.closed) throw new Error('closed');
    this.done.push('check');
  }
}

function dataOf(values: Record<string, unknown>) {
  const handler = new MapData(values);
  return { handler, data: proxyOf(handler) };
}

describe('session data as an object', () => {
  it('has the keys of the data and no others', () => {
    const { data } = dataOf({ a: 1, toString: 'mine' });
    expect(Object.entries(data)).toEqual([
      ['a', 1],
      ['toString', 'mine'],
    ]);
    expect(['a' in data, 'b' in data, 'constructor' in data, '__proto__' in data]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([data['a'], data['b'], data['constructor'], data['__proto__']]).toEqual([
      1,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('describes a key as an ordinary property, and describes nothing else', () => {
    const { data } = dataOf({ a: 1 });
    expect(Object.getOwnPropertyDescriptors(data)).toEqual({
      a: { value: 1, writable: true, enumerable: true, configurable: true },
    });
    for (const key of ['b', 'constructor', Symbol.toPrimitive, Symbol('a')])
      expect(Object.getOwnPropertyDescriptor(data, key)).toBeUndefined();
  });

  it('has no prototype, and takes none', () => {
    const { data } = dataOf({});
    expect(Object.getPrototypeOf(data)).toBeNull();
    expect(Reflect.setPrototypeOf(data, {})).toBe(false);
    expect(Reflect.setPrototypeOf(data, null)).toBe(true);
  });

  it('cannot be frozen', () => {
    expect(Reflect.preventExtensions(dataOf({}).data)).toBe(false);
  });

  it('is a text where a template needs one, and no number', () => {
    const { data } = dataOf({ a: 1 });
    expect([`${data as never}`, Number(data), (data as unknown as string) + '']).toEqual([
      '[object Object]',
      NaN,
      '[object Object]',
    ]);
    expect(Symbol.toPrimitive in data && !(Symbol.iterator in data)).toBe(true);
    expect([Reflect.get(data, Symbol.iterator), Reflect.get(data, inspect.custom)]).toEqual([
      undefined,
      expect.any(Function),
    ]);
  });

  it('is inspected as a plain object, with the options of the caller', () => {
    const { data } = dataOf({ a: { b: { c: { d: 1 } } } });
    expect(inspect(data, { depth: 0 })).toBe('{ a: [Object] }');
    expect(inspect(data, { depth: 9, compact: true })).toBe('{ a: { b: { c: { d: 1 } } } }');
    expect(inspect({ data }, { depth: 1 })).toBe('{ data: { a: [Object] } }');
    expect(inspect(dataOf({ a: 'x' }).data, { colors: true })).toBe("{ a: \u001b[32m'x'\u001b[39m }");
  });

  it('that cannot be read does not break a log', () => {
    const { handler, data } = dataOf({ a: 1 });
    handler.ownKeys = () => {
      throw new Error('damaged');
    };
    expect(inspect(data)).toBe('[unreadable session data]');
  });
});

describe('a change of session data', () => {
  it.each<[string, (data: Record<string, unknown>) => boolean, string[]]>([
    ['an assignment', (data) => Reflect.set(data, 'b', 2), ['check', 'set b']],
    ['a deletion', (data) => Reflect.deleteProperty(data, 'a'), ['check', 'delete a']],
    ['a deletion of what is not there', (data) => Reflect.deleteProperty(data, 'b'), []],
    ['a deletion of a symbol', (data) => Reflect.deleteProperty(data, Symbol('a')), []],
    ['a defined value', (data) => Reflect.defineProperty(data, 'b', { value: 2 }), ['check', 'set b']],
  ])('is checked before: %s', (_, act, done) => {
    const { handler, data } = dataOf({ a: 1 });
    expect(act(data)).toBe(true);
    expect(handler.done).toEqual(done);
  });

  it('is not made where nothing can be stored any more', () => {
    const { handler, data } = dataOf({ a: 1 });
    handler.closed = true;
    expect(() => (data['a'] = 2)).toThrow('closed');
    expect(() => delete data['a']).toThrow('closed');
    expect(() => Object.defineProperty(data, 'a', { value: 2 })).toThrow('closed');
    // There is nothing to store.
    expect(delete data['b']).toBe(true);
    expect([handler.done, data['a']]).toEqual([[], 1]);
  });

  it.each<[string, (data: Record<string, unknown>) => unknown, string]>([
    ['a symbol', (data) => Reflect.set(data, Symbol('a'), 1), '"Symbol(a)"'],
    ['an empty key', (data) => (data[''] = 1), 'session.data: ""'],
    ['"__proto__"', (data) => (data['__proto__'] = {}), '"__proto__"'],
    ['a getter', (data) => Object.defineProperty(data, 'b', { get: () => 1 }), 'session.data.b:'],
    ['a setter', (data) => Object.defineProperty(data, 'b', { set: () => undefined }), 'session.data.b:'],
    [
      'a getter of a symbol',
      (data) => Object.defineProperty(data, Symbol('b'), { get: () => 1 }),
      '"Symbol(b)"',
    ],
  ])('is refused of %s, by its name', (_, act, named) => {
    const { handler, data } = dataOf({ a: 1 });
    expect(() => act(data)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_KEY', message: expect.stringContaining(named) }),
    );
    expect(handler.ownKeys()).toEqual(['a']);
  });
});
