import type { ServerResponse } from 'node:http';
import { admits, type Method } from '../../../../lib/http/response/response-calls.js';
import { unsentResponse } from '../../../support/unsent-response.js';

/** Whether Node itself takes the call, which also changes the response. */
function isTaken(response: ServerResponse, method: Method, args: readonly unknown[]): boolean {
  try {
    (response[method] as (...args: unknown[]) => unknown)(...args);
    return true;
  } catch {
    return false;
  }
}

type Prepare = (response: ServerResponse) => void;
const nothing: Prepare = () => undefined;

/** As the fields of the response are set by code without types. */
const having =
  (fields: object): Prepare =>
  (response) =>
    void Object.assign(response, fields);

const withHeaders =
  (headers: Record<string, string>): Prepare =>
  (response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  };

/** With the verdict of Node, which every case asks once more. */
type Case = [title: string, expected: boolean, args: unknown[], prepare?: Prepare];

function decide([, expected, args, prepare = nothing]: Case, method: Method, response = unsentResponse()) {
  prepare(response);
  expect(admits(response, method, args)).toBe(expected);
  expect(response.headersSent).toBe(false);
  expect(isTaken(response, method, args)).toBe(expected);
}

const heads: Case[] = [
  ['a status', true, [200]],
  ['the lowest status', true, [100]],
  ['the highest status', true, [999]],
  ['a status below', false, [99]],
  ['a status above', false, [1000]],
  ['a negative status', false, [-200]],
  ['a status of digits', true, ['404']],
  ['a status that is no number', false, ['OK']],
  ['a status of digits above', false, ['1000']],
  ['a status that is an array of one', true, [[204]]],
  ['a status with a fraction', true, [200.5]],
  ['the highest status with a fraction', true, [999.5]],
  ['no status', false, []],
  ['not a number', false, [NaN]],
  ['a big integer', false, [200n]],

  ['a message', true, [200, 'Fine']],
  ['a message with a line break', false, [200, 'Fine\nOK']],
  ['no message but headers', true, [200, undefined, { a: 'b' }]],
  ['no message but an invalid header', false, [200, undefined, { a: 'b\n' }]],
  ['a message and an invalid header', false, [200, 'Fine', { a: 'b\n' }]],
  ['an empty message and an invalid header', false, [200, '', { a: 'b\n' }]],
  ['null for the message and an invalid header', false, [200, null, { a: 'b\n' }]],
  ['null for the headers after headers', true, [200, { a: 'b' }, null]],
  ['null for the headers after an invalid header', false, [200, { a: 'b\n' }, null]],
  ['undefined after an invalid header', false, [200, { a: 'b\n' }, undefined]],
  ['two objects, the first with an invalid header', true, [200, { a: 'b\n' }, { a: 'b' }]],
  ['two objects, the second with an invalid header', false, [200, { a: 'b' }, { a: 'b\n' }]],
  ['a number for the headers', true, [200, 5]],
  ['the message of the response', true, [200], having({ statusMessage: 'Fine' })],
  ['an invalid message of the response', false, [200], having({ statusMessage: 'Fine\n' })],
  ['a message in place of an invalid one', true, [200, 'Fine'], having({ statusMessage: 'Fine\n' })],

  ['headers', true, [200, { 'content-type': 'text/plain', 'X-A': 'b', 'content-length': 5 }]],
  ['no headers', true, [200, {}]],
  ['a name with a space', false, [200, { 'a b': 'c' }]],
  ['an empty name', false, [200, { '': 'c' }]],
  ['a second name with a space', false, [200, { a: 'c', 'a b': 'c' }]],
  ['a value with a line break', false, [200, { a: 'b\r\nc: d' }]],
  ['a value beyond Latin 1', false, [200, { a: '\u0100' }]],
  ['a value of Latin 1', true, [200, { a: '\u00ff' }]],
  ['an undefined value', false, [200, { a: undefined }]],
  ['a value of null', true, [200, { a: null }]],
  ['a boolean', true, [200, { a: true }]],
  ['an object', true, [200, { a: {} }]],
  ['an object of an invalid text', false, [200, { a: { toString: () => 'b\n' } }]],
  ['a symbol', false, [200, { a: Symbol('b') }]],
  ['values', true, [200, { a: ['b', 'c'] }]],
  ['no values', true, [200, { a: [] }]],
  ['no values of a name with a space', false, [200, { 'a b': [] }]],
  ['values with a line break', false, [200, { a: ['b', 'c\n'] }]],
  ['values with undefined', false, [200, { a: ['b', undefined] }]],

  ['a flat list', true, [200, ['a', 'b', 'c', 'd']]],
  ['a flat list without the last value', false, [200, ['a', 'b', 'c']], withHeaders({ e: 'f' })],
  ['a flat list with an invalid value', false, [200, ['a', 'b', 'c', 'd\n']]],
  ['a flat list with an invalid name', false, [200, ['a b', 'c']]],
  ['pairs', true, [200, [['a', 'b']]]],
  ['pairs with an invalid value', false, [200, [['a', 'b\n']]]],
  ['a header over one of the response', true, [200, { a: 'b' }], withHeaders({ A: 'c' })],

  ['a trailer of a chunked response', true, [200, { trailer: 'a' }]],
  ['a trailer of a response with a length', false, [200, { Trailer: 'a', 'content-length': 5 }]],
  ['a trailer of lower case, with a length', false, [200, { 'content-length': 5, trailer: 'a' }]],
  ['another name of seven letters', true, [200, { expires: '0', 'content-length': 5 }]],
  ['a trailer of the response', true, [200], withHeaders({ trailer: 'a' })],
  [
    'a trailer of the response, and a length',
    false,
    [200, { 'content-length': 5 }],
    withHeaders({ trailer: 'a' }),
  ],
  [
    'a length of the response, and a trailer',
    false,
    [200, { trailer: 'a' }],
    withHeaders({ 'content-length': '5' }),
  ],
  ['both of the response', false, [200], withHeaders({ trailer: 'a', 'content-length': '5' })],
  ['a trailer without a body', false, [204, { trailer: 'a' }]],
  [
    'a trailer of a response that must not be chunked',
    false,
    [200, { trailer: 'a' }],
    having({ useChunkedEncodingByDefault: false }),
  ],
  [
    'a trailer after the transfer encoding was removed',
    false,
    [200, { trailer: 'a' }],
    (response) => response.removeHeader('transfer-encoding'),
  ],
  [
    'a trailer after a refused head of a response without a body',
    false,
    [200, { trailer: 'a' }],
    (response) => void isTaken(response, 'writeHead', [204, { trailer: 'a' }]),
  ],
];

describe('a head over HTTP/1.1', () => {
  it.each(heads.map((one) => [one[1] ? 'accepted' : 'refused', one[0], one] as const))(
    'is %s as by Node: %s',
    (_verdict, _title, one) => decide(one, 'writeHead'),
  );

  it.each([
    ['1.1', { httpVersionMinor: 1 }, true],
    ['1.0', { httpVersionMinor: 0 }, false],
    ['0.9', { httpVersionMajor: 0, httpVersionMinor: 9 }, false],
  ])('with a trailer is judged by the version of the request: %s', (_version, fields, expected) => {
    const { req } = unsentResponse();
    Object.assign(req, fields);
    const Response = unsentResponse().constructor as new (request: typeof req) => ServerResponse;
    decide(['', expected, [200, { trailer: 'a' }]], 'writeHead', new Response(req));
  });

  it('with a trailer is refused for a HEAD request', () =>
    decide(['', false, [200, { trailer: 'a' }]], 'writeHead', unsentResponse('HEAD')));
});

describe.each(['write', 'end', 'flushHeaders'] as const)('the head that %s sends over HTTP/1.1', (method) => {
  const args = method === 'flushHeaders' ? [] : ['text'];
  const implicit: Case[] = [
    ['of a new response', true, args],
    ['with headers', true, args, withHeaders({ a: 'b' })],
    ['with a status below', false, args, having({ statusCode: 99 })],
    ['with a status above', false, args, having({ statusCode: 1000 })],
    ['with a status of digits', true, args, having({ statusCode: '404' })],
    ['with a status that is no number', false, args, having({ statusCode: 'OK' })],
    ['with an invalid message', false, args, having({ statusMessage: 'a\n' })],
    ['with a trailer', true, args, withHeaders({ trailer: 'a' })],
    ['with a trailer and a length', false, args, withHeaders({ trailer: 'a', 'content-length': '4' })],
  ];
  it.each(implicit.map((one) => [one[0], one[1], one] as const))(
    '%s is accepted as by Node: %s',
    (_title, _expected, one) => decide(one, method),
  );
});

describe('a head', () => {
  it('is judged by the arguments of writeHead alone, not by those of a body', () => {
    const response = unsentResponse();
    expect(admits(response, 'write', ['text', 'utf8', { a: 'b\n' }])).toBe(true);
    expect(admits(response, 'end', ['text', undefined, { 'a b': 'c' }])).toBe(true);
    expect(admits(response, 'writeHead', ['200'])).toBe(true);
    response.statusCode = 99;
    expect(admits(response, 'writeHead', [200, 'Fine'])).toBe(true);
  });

  it('is never an invalid chunk', () => {
    expect(admits(unsentResponse(), 'flushHeaders', [5])).toBe(true);
    expect(admits(unsentResponse(), 'writeHead', [200, 'latin1'])).toBe(true);
  });

  // The copy is dear: most responses have to do without.
  it.each<[string, Method, unknown[], boolean]>([
    ['a status', 'writeHead', [200], false],
    ['the lowest status', 'writeHead', [100], false],
    ['the highest status', 'writeHead', [999], false],
    ['texts and numbers', 'writeHead', [200, { a: 'b', expires: 'c', 'content-length': 5 }], false],
    ['values', 'writeHead', [200, { a: ['b', 'c'] }], false],
    ['a chunk', 'write', ['text'], false],
    ['a chunk of bytes', 'write', [new Uint8Array(1)], false],
    ['a text as second argument of the end', 'end', ['text', 'latin1'], false],
    ['nothing', 'flushHeaders', [], false],
    ['a message', 'writeHead', [200, 'Fine'], true],
    ['a flat list', 'writeHead', [200, ['a', 'b']], true],
    ['a trailer', 'writeHead', [200, { trailer: 'a' }], true],
    ['a boolean', 'writeHead', [200, { a: true }], true],
  ])(
    'of %s (%s) is judged on a copy of the response only where that is needed',
    (_title, method, args, copied) => {
      const response = unsentResponse();
      let copies = 0;
      Object.assign(response, { getRawHeaderNames: () => (copies++, []) });
      expect(admits(response, method, args)).toBe(true);
      expect(copies).toBe(copied ? 1 : 0);
    },
  );

  it('that is judged on a copy leaves the arguments as they are', () => {
    const list = [['a', 'b']];
    const headers = { trailer: 'a', b: ['c'] };
    expect(admits(unsentResponse(), 'writeHead', [200, list])).toBe(true);
    expect(admits(unsentResponse(), 'writeHead', [200, headers])).toBe(true);
    expect([list, headers]).toEqual([[['a', 'b']], { trailer: 'a', b: ['c'] }]);
  });
});
