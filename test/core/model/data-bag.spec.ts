import type { DataParser } from '../../../lib/core/model/data-schema.js';
import { SessionBag, type JsonByKey } from '../../../lib/core/model/data.js';

class Corrupt extends Error {}

function bagOf(stored: JsonByKey | undefined, parse?: DataParser) {
  const reports: unknown[] = [];
  const bag = new SessionBag(stored, {
    beforeChange: () => void reports.push('change'),
    onCorrupt: (key, cause) => {
      throw new Corrupt(key, { cause });
    },
    onDropped: (keys) => void reports.push(keys),
    parse,
  });
  return { bag, data: bag.proxy, reports };
}

const STORED: JsonByKey = { cart: '[1,2]', name: '"Ada"', visits: '7' };

/** As a commit does it. */
function commit(bag: SessionBag): unknown {
  const patch = bag.patch();
  if (patch) bag.settle(patch);
  return patch;
}

describe('the data of a session', () => {
  it('is empty where nothing is stored', () => {
    const { bag, data } = bagOf(undefined);
    expect([Object.keys(data), data['a'], bag.patch(), bag.changed, bag.stored('a')]).toEqual([
      [],
      undefined,
      undefined,
      false,
      undefined,
    ]);
  });

  it('is one object for the whole request, with one value by key', () => {
    const { bag, data } = bagOf(STORED);
    expect(bag.proxy).toBe(data);
    expect(data).toEqual({ cart: [1, 2], name: 'Ada', visits: 7 });
    expect(data['cart']).toBe(data['cart']);
  });

  it('is parsed by key, so that a damaged one is reported when it is read', () => {
    const { bag, data } = bagOf({ cart: '{"secret', name: '"Ada"' });
    expect([data['name'], 'cart' in data, bag.patch()]).toEqual(['Ada', true, undefined]);
    for (const read of [() => data['cart'], () => bag.stored('cart')]) {
      const error = errorOf(read);
      expect(error).toBeInstanceOf(Corrupt);
      expect(error.message).toBe('cart');
      expect((error.cause as Error).message).not.toContain('secret');
    }
  });

  it('lists the keys as they are now', () => {
    const { data } = bagOf(STORED);
    delete data['name'];
    data['visits'] = 8;
    data['later'] = 1;
    expect(Reflect.ownKeys(data)).toEqual(['cart', 'visits', 'later']);
    expect(['name' in data, 'later' in data, data['name']]).toEqual([false, true, undefined]);
    data['name'] = 'Grace';
    expect(Object.keys(data)).toEqual(['cart', 'name', 'visits', 'later']);
  });

  it('is checked before each change', () => {
    const { data, reports } = bagOf(STORED);
    data['a'] = 1;
    delete data['name'];
    expect(reports).toEqual(['change', 'change']);
  });

  it('has no values of what every object has', () => {
    const { bag, data } = bagOf({});
    expect([bag.stored('constructor'), bag.carry(['constructor', 'toString'])]).toEqual([undefined, {}]);
    data['constructor'] = 1;
    expect(commit(bag)).toEqual({ set: { constructor: '1' }, remove: [] });
    delete data['constructor'];
    expect(commit(bag)).toEqual({ set: {}, remove: ['constructor'] });
  });
});

describe('what a commit writes', () => {
  type Act = (data: Record<string, any>) => unknown;
  it.each<[string, Act, object | undefined]>([
    ['nothing that was only read', (data) => [data['cart'], data['name']], undefined],
    ['nothing that was assigned as it is', (data) => (data['cart'] = [1, 2]), undefined],
    ['nothing for a deletion of what is not there', (data) => (data['none'] = undefined), undefined],
    ['a new key', (data) => (data['a'] = null), { set: { a: 'null' }, remove: [] }],
    ['a change in place', (data) => data['cart'].push(3), { set: { cart: '[1,2,3]' }, remove: [] }],
    [
      'what was deleted, beside what was set',
      (data) => {
        delete data['cart'];
        delete data['name'];
        data['visits'] = 8;
      },
      { set: { visits: '8' }, remove: ['cart', 'name'] },
    ],
  ])('is %s', (_, act, patch) => {
    const { bag, data } = bagOf(STORED);
    act(data);
    expect(bag.changed).toBe(patch !== undefined);
    expect(bag.patch()).toEqual(patch);
    expect(commit(bag)).toEqual(patch);
    expect(commit(bag)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['NaN', NaN],
    ['a Date', new Date(0)],
  ])('cannot be %s, which JSON does not give back', (_, value) => {
    const { bag, data } = bagOf(STORED);
    data['a'] = value;
    expect(bag.changed).toBe(true);
    expect(() => bag.patch()).toThrow(expect.objectContaining({ code: 'ERR_DATA_NOT_SERIALIZABLE' }));
  });

  it('is compared with what the last commit wrote', () => {
    const { bag, data } = bagOf(STORED);
    data['name'] = 'Grace';
    delete data['visits'];
    commit(bag);
    expect([bag.stored('name'), bag.stored('visits'), bag.stored('cart')]).toEqual([
      'Grace',
      undefined,
      [1, 2],
    ]);
    data['name'] = 'Ada';
    data['visits'] = 7;
    expect(bag.patch()).toEqual({ set: { name: '"Ada"', visits: '7' }, remove: [] });
  });

  it('is stored where the data was replaced meanwhile', () => {
    const { bag, data } = bagOf(STORED);
    data['name'] = 'Grace';
    const patch = bag.patch()!;
    bag.reset({ cart: '[5]' });
    bag.settle(patch);
    expect(data).toEqual({ cart: [5], name: 'Grace' });
    expect(bag.patch()).toBeUndefined();
  });

  it('is written again where another patch was stored than the last one that was made', () => {
    const { bag, data } = bagOf({});
    data['name'] = 'Ada';
    const first = bag.patch()!;
    data['name'] = 'Grace';
    bag.patch();
    bag.settle(first);
    expect(bag.patch()).toEqual({ set: { name: '"Grace"' }, remove: [] });
  });
});

describe('data that a new session takes over', () => {
  it('is that of the keys, as it is now', () => {
    const { bag, data } = bagOf(STORED);
    delete data['name'];
    data['later'] = [true];
    (data['cart'] as number[]).push(3);
    const all = bag.carry(['cart', 'name', 'visits', 'later', 'none']);
    expect(all).toEqual({ cart: '[1,2,3]', visits: '7', later: '[true]' });
    expect(bag.carry(['visits'])).toEqual({ visits: '7' });
  });

  it('counts as assigned once it is restored', () => {
    const { bag, data } = bagOf({});
    bag.restore({ cart: '[1]', name: '"Ada"' });
    expect(data).toEqual({ cart: [1], name: 'Ada' });
    expect(bag.patch()).toEqual({ set: { cart: '[1]', name: '"Ada"' }, remove: [] });
  });

  it('replaces all', () => {
    const { bag, data } = bagOf(STORED);
    const cart = data['cart'] as number[];
    data['name'] = 'Grace';
    bag.reset({ cart: '[5]' });
    cart.push(3);
    expect([{ ...data }, bag.patch()]).toEqual([{ cart: [5] }, undefined]);
  });
});

describe('what another request stored meanwhile', () => {
  it('is taken over, but for the changes of this one', () => {
    const { bag, data } = bagOf(STORED);
    expect([data['cart'], data['visits']]).toEqual([[1, 2], 7]);
    data['name'] = 'Grace';
    bag.rebase({ cart: '[1,2,3]', name: '"Eve"', later: '1' });
    expect(data).toEqual({ cart: [1, 2, 3], name: 'Grace', later: 1 });
    expect(bag.patch()).toEqual({ set: { name: '"Grace"' }, remove: [] });
  });

  it('leaves an object that both have, and freezes one that it replaced', () => {
    const { bag, data } = bagOf({ cart: '[1]', list: '[2]' });
    const { cart, list } = data as { cart: number[]; list: number[] };
    bag.rebase({ cart: '[1]', list: '[3]' });
    expect([data['cart'] === cart, Object.isFrozen(cart)]).toEqual([true, false]);
    expect([data['list'] === list, Object.isFrozen(list)]).toEqual([false, true]);
  });

  it('does not undo a deletion or a change in place', () => {
    const { bag, data } = bagOf(STORED);
    delete data['name'];
    (data['cart'] as number[]).push(3);
    bag.rebase({ cart: '[9]', name: '"Eve"', visits: '7' });
    expect(data).toEqual({ cart: [1, 2, 3], visits: 7 });
    expect(bag.patch()).toEqual({ set: { cart: '[1,2,3]' }, remove: ['name'] });
  });

  it.each<[string, string | undefined, object]>([
    ['set', '[3]', { cart: [3], name: 'Ada', visits: 7 }],
    ['removed', undefined, { name: 'Ada', visits: 7 }],
  ])('is accepted for one key that it %s', (_, text, expected) => {
    const stored = Object.freeze({ ...STORED });
    const { bag, data } = bagOf(stored);
    const cart = data['cart'];
    bag.accept('cart', text);
    expect({ ...data }).toStrictEqual(expected);
    expect([bag.patch(), Object.isFrozen(cart)]).toEqual([undefined, true]);
  });
});

describe('a value that is written at once', () => {
  it('has its text, or none where it is removed', () => {
    const { bag } = bagOf(STORED);
    expect([bag.textFor('a', [1]), bag.textFor('a', undefined)]).toEqual(['[1]', undefined]);
    expect(() => bag.textFor('a', new Date(0))).toThrow(
      expect.objectContaining({ code: 'ERR_DATA_NOT_SERIALIZABLE' }),
    );
  });
});

it('freezes what was read once nothing can be stored', () => {
  const { bag, data } = bagOf(STORED);
  const cart = data['cart'] as number[];
  bag.close();
  expect(() => cart.push(3)).toThrow(TypeError);
});

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
