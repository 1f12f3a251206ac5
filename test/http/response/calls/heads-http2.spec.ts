import type { ServerResponse } from 'node:http';
import { admits } from '../../../../lib/http/response/response-calls.js';
import { http2Responses, type Http2Responses } from '../../../support/http2-responses.js';

let responses: Http2Responses;
beforeAll(async () => (responses = await http2Responses()));
afterAll(() => responses.close());

/** Whether Node itself takes the head. An invalid name it does not refuse at the call: it ends the stream. */
function isTaken(response: ServerResponse, args: readonly unknown[]): boolean {
  try {
    (response.writeHead as (...args: unknown[]) => unknown)(...args);
    return !(response as unknown as { stream: { destroyed: boolean } }).stream.destroyed;
  } catch {
    return false;
  }
}

type Headers = Record<string, string | string[]>;
type Case = [title: string, expected: boolean, args: unknown[], before?: Headers];

const heads: Case[] = [
  ['a status', true, [200]],
  ['a status below', false, [199]],
  ['an informational status', false, [100]],
  ['the highest status', true, [599]],
  ['a status above', false, [600]],
  ['a negative status', false, [-1]],
  ['a status of digits', true, ['404']],
  ['a status of digits above', false, ['1000']],
  ['a status with a fraction', true, [200.5]],
  ['the highest status with a fraction', true, [599.5]],
  ['no status', true, []],
  ['zero', true, [0]],
  ['a status that is no number', true, ['OK']],

  ['null in place of headers', false, [200, null]],
  ['null after a message', false, [200, 'Fine', null]],
  ['null after headers', false, [200, { a: 'b' }, null]],
  ['null for the message', true, [200, null, { a: 'b' }]],
  ['undefined in place of headers', true, [200, undefined]],
  ['connection', true, [200, { connection: 'close' }]],
  ['connection with trailers', false, [200, { Connection: 'trailers' }]],
  ['connection with trailers on the response', false, [200], { connection: 'trailers' }],
  [
    'connection, dropped, over that of the response',
    false,
    [200, { connection: 'a' }],
    { connection: 'trailers' },
  ],
  [
    'connection, listed, in place of that of the response',
    true,
    [200, ['connection', 'a']],
    { connection: 'trailers' },
  ],
  ['connection in two cases, the first dropped', false, [200, { Connection: 'trailers', connection: 'a' }]],
  [
    'connection with trailers, listed after another',
    false,
    [200, ['Connection', 'a', 'connection', 'trailers']],
  ],
  [
    'connection with trailers, listed before another',
    false,
    [200, ['connection', 'trailers', 'connection', 'a']],
  ],
  ['connection, listed twice', true, [200, ['connection', 'a', 'connection', 'b']]],
  ['connection with a list of trailers', true, [200, { connection: ['trailers'] }]],
  ['headers', true, [200, { 'content-type': 'text/plain', 'X-A': 'b' }]],
  ['headers after a message', false, [200, 'Fine', { te: 'gzip' }]],
  ['headers of the response', true, [200], { a: 'b' }],
  ['a name in spaces', true, [200, { ' a ': 'b' }]],
  ['a name with a space', false, [200, { 'a b': 'c' }]],
  ['a name that begins well', false, [200, { 'a\u00e9': 'c' }]],
  ['a name that ends well', false, [200, { '\u00e9a': 'c' }]],
  ['an empty name', false, [200, { '': 'c' }]],
  ['a name of each sign', true, [200, { "!#$%&'*+-.^_`|~09AZ": 'c' }]],
  ['a pseudo-header', false, [200, { ':path': '/' }]],
  ['an undefined value', false, [200, { a: undefined }]],
  ['a value of null', false, [200, { a: null }]],
  ['an empty value', true, [200, { a: '' }]],
  ['zero as value', true, [200, { a: 0 }]],
  ['one bad header among good ones', false, [200, { a: 'b', te: 'gzip', c: 'd' }]],

  ['te with trailers', true, [200, { te: 'trailers' }]],
  ['te with another value', false, [200, { te: 'gzip' }]],
  ['TE with another value', false, [200, { TE: 'gzip' }]],
  ['another header with trailers', true, [200, { a: 'trailers' }]],
  ['another value of another header', true, [200, { tea: 'gzip' }]],
  ...['upgrade', 'http2-settings', 'keep-alive', 'proxy-connection', 'transfer-encoding', ' Keep-Alive '].map(
    (name): Case => [`the header of the connection "${name}"`, false, [200, { [name]: 'a' }]],
  ),
  ['a header of the connection on the response', false, [200], { 'keep-alive': 'a' }],
  ['a header of the connection over a good one', false, [200, { te: 'gzip' }], { te: 'trailers' }],

  ['a header of several values', true, [200, { 'x-several': ['a', 'b'] }]],
  ['no values of a header that stands once', true, [200, { etag: [] }]],
  ...[
    'access-control-allow-credentials',
    'access-control-max-age',
    'age',
    'content-encoding',
    'content-language',
    'content-length',
    'content-location',
    'content-md5',
    'content-range',
    'content-type',
    'date',
    'etag',
    'expires',
    'last-modified',
    'location',
    'retry-after',
    'tk',
    'x-content-type-options',
  ].flatMap((name): Case[] => [
    [`one value in a list of ${name}`, true, [200, { [name]: ['1'] }]],
    [`two values of ${name}`, false, [200, { [name]: ['1', '2'] }]],
  ]),
  ['two values of Location', false, [200, { Location: ['a', 'b'] }]],
  ['two values of a header of the response that stands once', false, [200], { location: ['a', 'b'] }],
  ['a text of two letters that stands once', true, [200, { etag: 'ab' }]],

  ['a header of the connection without values', true, [200, { 'keep-alive': [] }]],
  ['te with a list of trailers', true, [200, { te: ['trailers'] }]],
  ['te with trailers twice', false, [200, { te: ['trailers', 'trailers'] }]],
  ['te without values', true, [200, { te: [] }]],
  ['one value over two of the response', true, [200, { etag: 'a' }], { etag: ['b', 'c'] }],
  ['one value over two of the response, in other case', true, [200, { ' ETag ': 'a' }], { etag: ['b', 'c'] }],
  ['one value in a list over two of the response', true, [200, ['etag', 'a']], { etag: ['b', 'c'] }],
  ['one value in a list over one of the response', true, [200, ['etag', 'a']], { etag: 'b' }],
  ['a good header over one of the connection', true, [200, { te: 'trailers' }], { te: 'gzip' }],
  ['a header twice in an object', true, [200, { etag: 'a', ETag: 'b' }]],
  ['a header twice in a flat list', false, [200, ['etag', 'a', 'ETag', 'b']]],
  [
    'a header twice in pairs',
    false,
    [
      200,
      [
        ['etag', 'a'],
        ['etag', 'b'],
      ],
    ],
  ],
  ['a header twice, first empty', true, [200, ['etag', '', 'etag', 'b']]],
  ['a header twice, then without values', true, [200, ['etag', 'a', 'etag', []]]],
  ['a header of several values twice in a list', true, [200, ['x-several', 'a', 'x-several', 'b']]],
  ['a flat list', true, [200, ['a', 'b', 'c', 'd']]],
  ['an empty list', true, [200, []]],
  ['a flat list without the last value', false, [200, ['a', 'b', 'c']]],
  ['a flat list with a bad header', false, [200, ['a', 'b', 'te', 'gzip']]],
  ['a flat list with the name of a bad header as value', true, [200, ['a', 'upgrade']]],
  ['a flat list with a number as name', false, [200, [5, 'b']]],
  ['one pair', true, [200, [['a', 'b']]]],
  [
    'pairs',
    true,
    [
      200,
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
  ],
  [
    'pairs with a bad header',
    false,
    [
      200,
      [
        ['a', 'b'],
        ['te', 'gzip'],
      ],
    ],
  ],
  ['pairs with a symbol as name', false, [200, [[Symbol('a'), 'b']]]],
];

describe('a head over HTTP/2', () => {
  it.each(heads.map((one) => [one[1] ? 'accepted' : 'refused', one[0], one] as const))(
    'is %s as by Node: %s',
    async (_verdict, _title, [, expected, args, before = {}]) => {
      const response = await responses.next();
      for (const [name, value] of Object.entries(before)) response.setHeader(name, value);
      expect(admits(response, 'writeHead', args)).toBe(expected);
      expect(response.headersSent).toBe(false);
      expect(isTaken(response, args)).toBe(expected);
    },
  );

  it('is accepted after a refused one, as by Node', async () => {
    const response = await responses.next();
    expect(isTaken(response, [700])).toBe(false);
    expect(response.getHeaders()).toHaveProperty(':status');
    expect(admits(response, 'writeHead', [200])).toBe(true);
    expect(isTaken(response, [200])).toBe(true);
  });

  it('is refused after a refused one that left its header, as by Node', async () => {
    const response = await responses.next();
    expect(isTaken(response, [200, { te: 'gzip' }])).toBe(false);
    expect(admits(response, 'writeHead', [200])).toBe(false);
    expect(isTaken(response, [200])).toBe(false);
  });

  it.each(['write', 'end', 'flushHeaders'] as const)(
    'that %s sends is judged by the headers of the response',
    async (method) => {
      const response = await responses.next();
      expect(admits(response, method, ['text'])).toBe(true);
      expect(admits(response, method, ['text', null])).toBe(true);
      response.setHeader('keep-alive', 'a');
      expect(admits(response, method, ['text'])).toBe(false);
      expect(() => (response[method] as (chunk: string) => unknown)('text')).toThrow();
    },
  );
});
