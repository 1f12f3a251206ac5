import fc from 'fast-check';
import type { Call } from './hook-server.js';

const one = fc.constantFrom;
const values = one<unknown>(
  'plain',
  'caf\u00e9',
  '',
  7,
  'en \u2013 dash',
  'line\nbreak',
  undefined,
  null,
  ['a', 'b'],
  ['\u2013'],
  {},
);
const names = one(
  'x-one',
  'X-Two',
  'vary',
  'Cache-Control',
  'set-cookie',
  'content-type',
  'trailer',
  '',
  'no token',
  'b(d',
);
const statuses = one<unknown>(
  200,
  200,
  200,
  201,
  204,
  304,
  404,
  '202',
  200.9,
  99,
  1000,
  0,
  -1,
  NaN,
  undefined,
  null,
  'text',
);
const messages = one<unknown>('Fine', '', 'caf\u00e9', 'en \u2013 dash', 'line\nbreak');
const chunks = one<unknown>(
  'text',
  'text',
  '',
  Buffer.from('bytes'),
  new Uint8Array([1, 2]),
  undefined,
  null,
  0,
  1,
  false,
  true,
  {},
  [1],
);
const encodings = one<unknown>(undefined, undefined, null, 'utf8', 'latin1', 'hex');

const pairs = fc.uniqueArray(fc.tuple(names, values), { maxLength: 3, selector: ([name]) => name });
const headers = fc.oneof(
  { weight: 3, arbitrary: pairs.map((list) => Object.fromEntries(list)) },
  pairs,
  pairs.map((list) => list.flat()),
  pairs.map((list) => [...list.flat(), 'x-odd']),
  fc.constant(undefined),
);
const heads = fc.oneof(
  fc.tuple(statuses),
  fc.tuple(statuses, headers),
  fc.tuple(statuses, messages),
  fc.tuple(statuses, messages, headers),
  fc.tuple(statuses, fc.constant(undefined), headers),
);

const call = (method: string, args: fc.Arbitrary<readonly unknown[]>): fc.Arbitrary<Call> =>
  args.map((given) => ({ method, args: given }));

/** What prepares an answer, and may come too late. */
const preparing = fc.oneof(
  call('setHeader', fc.tuple(names, values)),
  call('appendHeader', fc.tuple(names, values)),
  call('removeHeader', fc.tuple(names)),
  call('status', fc.tuple(one<unknown>(200, 404, 99, 1000))),
  call('message', fc.tuple(messages)),
);
const answering = fc.oneof(
  { weight: 3, arbitrary: call('writeHead', heads) },
  { weight: 3, arbitrary: call('write', fc.tuple(chunks, encodings)) },
  { weight: 2, arbitrary: call('end', fc.tuple(chunks, encodings)) },
  call('end', fc.tuple()),
  call('flushHeaders', fc.tuple()),
);
/** What an application may do with a response, in any order, valid or not. */
export const calls = fc.array(
  fc.oneof({ weight: 1, arbitrary: preparing }, { weight: 4, arbitrary: answering }),
  {
    minLength: 1,
    maxLength: 6,
  },
);
export const methods = one('GET', 'GET', 'POST', 'HEAD');
