import {
  callbackOf,
  copyHead,
  headersAt,
  pairsOf,
  type Headers,
} from '../../../../lib/http/response/response-calls.js';

const callback = () => undefined;

describe('the headers of writeHead', () => {
  it.each<[string, unknown[], number | undefined]>([
    ['no arguments', [], undefined],
    ['a status', [200], undefined],
    ['a message', [200, 'Fine'], undefined],
    ['headers', [200, { a: 'b' }], 1],
    ['a list', [200, ['a', 'b']], 1],
    ['a message and headers', [200, 'Fine', { a: 'b' }], 2],
    ['an empty message and headers', [200, '', { a: 'b' }], 2],
    ['a message and a list', [200, 'Fine', ['a', 'b']], 2],
    ['undefined and headers', [200, undefined, { a: 'b' }], 2],
    ['null and headers', [200, null, { a: 'b' }], 2],
    ['headers and undefined', [200, { a: 'b' }, undefined], 1],
    ['headers and null', [200, { a: 'b' }, null], 1],
    ['headers twice', [200, { a: 'b' }, { c: 'd' }], 2],
    ['a message and null', [200, 'Fine', null], undefined],
    ['null', [200, null], undefined],
    ['a number', [200, 5], undefined],
    ['headers and a number', [200, { a: 'b' }, 5], undefined],
  ])('stand where Node reads them: %s', (_title, args, at) => expect(headersAt(args)).toBe(at));
});

describe('the callback of a call', () => {
  it.each<[string, unknown[], unknown]>([
    ['none', [], undefined],
    ['none after a chunk', ['text', 'utf8'], undefined],
    ['alone', [callback], callback],
    ['after a chunk', ['text', callback], callback],
    ['after a chunk and an encoding', ['text', 'utf8', callback], callback],
    ['before another', ['text', callback, () => undefined], callback],
  ])('is the first function: %s', (_title, args, expected) => expect(callbackOf(args)).toBe(expected));
});

describe('headers', () => {
  it.each<[string, Headers, unknown[]]>([
    [
      'an object',
      { a: 'b', c: ['d', 'e'] },
      [
        ['a', 'b'],
        ['c', ['d', 'e']],
      ],
    ],
    ['an empty object', {}, []],
    [
      'a flat list',
      ['a', 'b', 'c', ['d', 'e']],
      [
        ['a', 'b'],
        ['c', ['d', 'e']],
      ],
    ],
    [
      'a flat list with a name twice',
      ['a', 'b', 'a', 'c'],
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
    ],
    ['an empty list', [], []],
    [
      'pairs',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a pair with values', [['a', ['b', 'c']]] as unknown as Headers, [['a', ['b', 'c']]]],
  ])('are names with values: %s', (_title, headers, pairs) => expect(pairsOf(headers)).toEqual(pairs));
});

describe('the copy of a head', () => {
  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['a status', [200]],
    ['a message', [200, 'Fine', { a: 'b' }]],
    ['null and undefined', [200, null, undefined]],
    ['a function', [200, callback]],
    ['headers', [200, { a: 'b', c: ['d', 'e'], f: 5, g: [], h: undefined }]],
    ['a flat list', [200, ['a', 'b', 'c', ['d', 'e']]]],
    [
      'pairs',
      [
        200,
        [
          ['a', 'b'],
          ['c', 'd'],
        ],
      ],
    ],
  ])('is equal to the arguments: %s', (_title, args) => expect(copyHead(args)).toStrictEqual(args));

  it.each<[string, () => unknown, (changed: never) => void]>([
    ['headers', () => ({ a: 'b' }), (headers: { a: string }) => (headers.a = 'c')],
    ['the values of a header', () => ({ a: ['b'] }), (headers: { a: string[] }) => headers.a.push('c')],
    ['a flat list', () => ['a', 'b'], (list: string[]) => (list[1] = 'c')],
    ['the values in a flat list', () => ['a', ['b']], (list: string[][]) => list[1]!.push('c')],
    ['pairs', () => [['a', 'b']], (list: string[][]) => list.push(['c', 'd'])],
    ['a pair', () => [['a', 'b']], (list: string[][]) => (list[0]![1] = 'c')],
  ])('stays what it was when %s change later', (_title, make, change) => {
    const given = make();
    const copy = copyHead([200, given]);
    change(given as never);
    expect(given).not.toEqual(make());
    expect(copy).toEqual([200, make()]);
  });
});
