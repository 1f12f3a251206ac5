import { jest } from '@jest/globals';
import type { ParsedData } from '../../../lib/core/model/data-schema.js';
import { SessionBag, type JsonByKey } from '../../../lib/core/model/data.js';

function bagOf(stored: JsonByKey) {
  const validate = jest.fn((values: Record<string, unknown>): ParsedData => ({ values }));
  const bag = new SessionBag(stored, {
    beforeChange: () => undefined,
    onCorrupt: (key) => {
      throw new Error(key);
    },
    onDropped: () => undefined,
    parse: validate,
  });
  return { bag, validate };
}

/** As a commit does it. */
function commit(bag: SessionBag): boolean {
  const patch = bag.patch();
  if (patch) bag.settle(patch);
  return patch !== undefined;
}

describe('the patch of a commit', () => {
  const stringify = jest.spyOn(JSON, 'stringify');
  beforeEach(() => stringify.mockClear());
  afterAll(() => stringify.mockRestore());

  it('takes one validation and one serialisation for a key of a new session', () => {
    const { bag, validate } = bagOf({});
    bag.proxy['name'] = 'Ada';
    expect(commit(bag)).toBe(true);
    expect(validate).toHaveBeenCalledTimes(1);
    expect(stringify).toHaveBeenCalledTimes(1);
  });

  it('takes one validation and one serialisation for an object among stored data', () => {
    const { bag, validate } = bagOf({ name: '"Ada"', cart: '[1]' });
    const cart = bag.proxy['cart'] as number[];
    validate.mockClear();
    cart.push(2);
    expect(commit(bag)).toBe(true);
    expect(validate).toHaveBeenCalledTimes(1);
    expect(validate).toHaveBeenCalledWith({ name: 'Ada', cart: [1, 2] });
    expect(stringify).toHaveBeenCalledTimes(1);
  });

  it('takes nothing once a text was written', () => {
    const { bag, validate } = bagOf({});
    bag.proxy['name'] = 'Ada';
    commit(bag);
    validate.mockClear();
    stringify.mockClear();
    expect(commit(bag)).toBe(false);
    expect(validate).not.toHaveBeenCalled();
    expect(stringify).not.toHaveBeenCalled();
  });

  it('takes nothing where nothing or only a text was read', () => {
    const { bag, validate } = bagOf({ name: '"Ada"' });
    expect(commit(bag)).toBe(false);
    expect(validate).not.toHaveBeenCalled();
    expect(bag.proxy['name']).toBe('Ada');
    validate.mockClear();
    expect(commit(bag)).toBe(false);
    expect(validate).not.toHaveBeenCalled();
    expect(stringify).not.toHaveBeenCalled();
  });

  it('compares an object that was read once, and validates nothing', () => {
    const { bag, validate } = bagOf({ cart: '[1]' });
    expect(bag.proxy['cart']).toEqual([1]);
    validate.mockClear();
    expect(commit(bag)).toBe(false);
    expect(validate).not.toHaveBeenCalled();
    expect(stringify).toHaveBeenCalledTimes(1);
  });

  it('keeps for the next commit what was assigned while it was under way', () => {
    const { bag } = bagOf({});
    bag.proxy['name'] = 'Ada';
    const patch = bag.patch()!;
    bag.proxy['name'] = 'Grace';
    bag.settle(patch);
    expect(bag.patch()).toEqual({ set: { name: '"Grace"' }, remove: [] });
  });
});
