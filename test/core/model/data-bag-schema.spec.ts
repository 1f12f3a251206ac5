import { jest } from '@jest/globals';
import type { DataParser, ParsedData } from '../../../lib/core/model/data-schema.js';
import { SessionBag, type JsonByKey } from '../../../lib/core/model/data.js';

type Data = Record<string, any>;

/** `at` is a Date, `count` a number, `tags` a list that is empty by default; `end` requires `at`. Others are kept. */
function read({ at, count, tags, ...rest }: Data): ParsedData {
  const invalid = [];
  if (at !== undefined && Number.isNaN(Date.parse(String(at)))) invalid.push({ key: 'at' });
  if (count !== undefined && typeof count !== 'number') invalid.push({ key: 'count' });
  if (rest['end'] !== undefined && at === undefined) invalid.push({ key: 'at' });
  if (invalid.length > 0) return { invalid };
  return {
    values: {
      ...rest,
      ...(at !== undefined && { at: new Date(at as string) }),
      ...(count !== undefined && { count: count as unknown }),
      tags: tags ?? [],
    },
  };
}

/** Whatever is stored under `at`, a text is read. */
const asText: DataParser = ({ at, ...rest }) => ({
  values: { ...rest, ...(at !== undefined && { at: 'x' }) },
});

function bagOf(stored: JsonByKey, by: (data: Data) => ParsedData = read) {
  const parse = jest.fn(by);
  const dropped: string[][] = [];
  const bag = new SessionBag(stored, {
    beforeChange: () => undefined,
    onCorrupt: (key) => {
      throw new Error(key);
    },
    onDropped: (keys) => void dropped.push(keys),
    parse,
  });
  return { bag, parse, dropped, data: bag.proxy as Data };
}

const AT = '"1970-01-01T00:00:00.000Z"';
const LATER = '"1970-01-02T00:00:00.000Z"';

const refused = (code: string, part: string): Error =>
  expect.objectContaining({ code, message: expect.stringContaining(part) }) as Error;

describe('data that a schema reads', () => {
  it('is what the schema makes of it, at once and once', () => {
    const { data, parse } = bagOf({ at: AT, name: '"Ada"' });
    expect(data).toEqual({ at: new Date(0), name: 'Ada', tags: [] });
    expect([data['none'], 'none' in data, data['at'] === data['at']]).toEqual([undefined, false, true]);
    expect(parse).toHaveBeenCalledTimes(1);
    expect(parse).toHaveBeenCalledWith({ at: '1970-01-01T00:00:00.000Z', name: 'Ada' });
  });

  it('is not read where nothing is stored and the application looks at nothing', () => {
    const { bag, parse } = bagOf({});
    expect([bag.patch(), bag.changed]).toEqual([undefined, false]);
    expect(parse).not.toHaveBeenCalled();
  });

  it('has defaults, which are stored once they are changed', () => {
    const { bag, data } = bagOf({});
    expect([Object.keys(data), 'tags' in data, data['tags'], bag.patch()]).toEqual([
      ['tags'],
      true,
      [],
      undefined,
    ]);
    data['tags'].push('a');
    expect(bag.patch()).toEqual({ set: { tags: '["a"]' }, remove: [] });
  });

  it('is stored again only where a Date was changed in place', () => {
    const { bag, data } = bagOf({ at: '0' });
    expect([data['at'].getTime(), bag.patch()]).toEqual([0, undefined]);
    data['at'].setTime(86_400_000);
    const patch = bag.patch()!;
    expect(patch).toEqual({ set: { at: LATER }, remove: [] });
    bag.settle(patch);
    expect(bag.patch()).toBeUndefined();
    // What the schema read at first is no longer what is stored.
    data['at'].setTime(0);
    expect(bag.patch()).toEqual({ set: { at: AT }, remove: [] });
  });

  it.each([['dark'], [null], [7]])('stores a default that is assigned: %j', (value) => {
    const { bag, data } = bagOf({}, (stored) => ({ values: { theme: value, ...stored } }));
    expect([data['theme'], bag.patch()]).toEqual([value, undefined]);
    data['theme'] = value;
    expect(bag.patch()).toEqual({ set: { theme: JSON.stringify(value) }, remove: [] });
  });

  it('lacks what a schema leaves undefined', () => {
    const { data } = bagOf({ a: '1', b: '2' }, () => ({ values: { a: undefined } }));
    expect([Object.keys(data), 'a' in data, data['a']]).toEqual([['b'], false, undefined]);
  });

  it('loses what does not fit with the next commit, even if the application only writes', () => {
    const { bag, data, dropped } = bagOf({ count: '"many"', name: '"Ada"' });
    expect(dropped).toEqual([['count']]);
    data['a'] = 1;
    expect([Object.keys(data), dropped]).toEqual([['name', 'tags', 'a'], [['count']]]);
    expect(bag.patch()).toEqual({ set: { a: '1' }, remove: ['count'] });
  });

  it('reports nothing where all fits', () => {
    expect(bagOf({ count: '1' }).dropped).toEqual([]);
  });

  it('keeps what was assigned in place of a value of another request that does not fit', () => {
    const { bag, data, dropped } = bagOf({ count: '1' });
    data['count'] = 2;
    bag.rebase({ count: '"many"', at: '"never"' });
    expect(data).toEqual({ count: 2, tags: [] });
    expect(dropped).toEqual([['at']]);
    expect(bag.patch()).toEqual({ set: { count: '2' }, remove: ['at'] });
  });

  it('is read again once another request has stored something', () => {
    const { bag, data } = bagOf({ count: '1', at: AT });
    expect([data['count'], data['at']]).toEqual([1, new Date(0)]);
    bag.rebase({ count: '2', at: AT });
    expect(data).toEqual({ count: 2, at: new Date(0), tags: [] });
    bag.accept('at', LATER);
    expect(data).toEqual({ count: 2, at: new Date(86_400_000), tags: [] });
    bag.reset({ count: '3' });
    expect(data).toEqual({ count: 3, tags: [] });
  });

  it('is read apart from what the application holds', () => {
    const { bag, data } = bagOf({ at: AT, count: '"many"' });
    data['at'] = new Date(5);
    expect([bag.stored('at'), bag.stored('tags'), bag.stored('count')]).toEqual([new Date(0), [], undefined]);
  });
});

describe('data that a schema has to accept', () => {
  it.each<[string, (data: Data) => unknown, string]>([
    ['a value that does not fit', (data) => (data['count'] = 'many'), 'count does not fit'],
    ['a value that requires another', (data) => (data['end'] = 1), 'at does not fit'],
  ])('is refused for %s', (_, act, part) => {
    const { bag, data } = bagOf({});
    act(data);
    expect(bag.changed).toBe(true);
    expect(() => bag.patch()).toThrow(refused('ERR_DATA_INVALID', part));
  });

  it('is refused for the deletion of a key that another value requires', () => {
    const { bag, data } = bagOf({ at: AT, end: '1', name: '"Ada"' });
    delete data['at'];
    data['name'] = 'Grace';
    expect(() => bag.patch()).toThrow(refused('ERR_DATA_INVALID', 'at does not fit'));
  });

  it('is asked for nothing by a deletion alone', () => {
    const { bag, data, parse } = bagOf({ at: AT });
    parse.mockClear();
    delete data['at'];
    expect(bag.patch()).toEqual({ set: {}, remove: ['at'] });
    expect(parse).not.toHaveBeenCalled();
  });

  it('is refused where a Date would be read as something else', () => {
    const { bag, data } = bagOf({}, asText);
    data['at'] = new Date(0);
    for (const write of [() => bag.patch(), () => bag.carry(['at']), () => bag.textFor('at', new Date(0))])
      expect(write).toThrow(refused('ERR_DATA_NOT_SERIALIZABLE', 'session.data.at'));
  });
});

describe('a value that is written at once', () => {
  it('is checked beside the data as it is now', () => {
    const { bag, data } = bagOf({ count: '1' });
    expect(() => bag.textFor('end', 1)).toThrow(refused('ERR_DATA_INVALID', 'at does not fit'));
    data['at'] = new Date(0);
    expect(bag.textFor('end', 1)).toBe('1');
    expect(bag.textFor('at', new Date(86_400_000))).toBe(LATER);
    expect(bag.textFor('none', undefined)).toBeUndefined();
    expect(() => bag.textFor('count', 'many')).toThrow(refused('ERR_DATA_INVALID', 'count does not fit'));
  });
});

describe('data that a new session takes over', () => {
  it('is checked where it differs from what is stored', () => {
    const { bag, data, parse } = bagOf({ at: AT, count: '1' });
    parse.mockClear();
    expect(bag.carry(['at', 'count', 'none'])).toEqual({ at: AT, count: '1' });
    expect(parse).not.toHaveBeenCalled();
    data['count'] = 2;
    expect(bag.carry(['at', 'count'])).toEqual({ at: AT, count: '2' });
    expect(parse).toHaveBeenCalledTimes(1);
    data['count'] = 'many';
    expect(() => bag.carry(['count'])).toThrow(refused('ERR_DATA_INVALID', 'count does not fit'));
    // What is not taken over need not fit.
    expect(bag.carry(['at'])).toEqual({ at: AT });
  });

  it('is restored as the schema reads it, and without what does not fit', () => {
    const { bag, data } = bagOf({});
    bag.restore({ at: AT, count: '"many"' });
    expect(data).toEqual({ at: new Date(0), tags: [] });
    expect(bag.patch()).toEqual({ set: { at: AT }, remove: [] });
  });
});
