import type { ServerResponse } from 'node:http';
import fc from 'fast-check';
import { admits } from '../../../../lib/http/response/response-calls.js';
import { http2Responses, type Http2Responses } from '../../../support/http2-responses.js';
import { unsentResponse } from '../../../support/unsent-response.js';

let responses: Http2Responses;
beforeAll(async () => (responses = await http2Responses()));
afterAll(() => responses.close());

const names = fc.constantFrom(
  ...['a', 'A', ' a', 'a b', '', 'etag', 'ETag', 'location', 'set-cookie', 'trailer', 'Trailer', 'te'],
  ...['content-length', 'transfer-encoding', 'connection', 'keep-alive'],
);
const values = fc.constantFrom<unknown>(
  ...['b', '', 'trailers', 'chunked', 'close', 'b\n', 5, 0, true, undefined, null, {}],
  ...[[], ['b'], ['b', 'c'], ['trailers'], ['b\n'], [undefined]],
);
const pair = fc.tuple(names, values);
const pairs = fc.array(pair, { maxLength: 3 });
const headers = fc.oneof(
  pairs.map((list) => Object.fromEntries(list) as unknown),
  pairs,
  pairs.map((list) => list.flat(1) as unknown),
  fc.tuple(pairs, names).map(([list, name]) => [...list.flat(1), name]),
  fc.constantFrom<unknown>(undefined, null, 5),
);
const status = fc.oneof(
  { weight: 3, arbitrary: fc.constant<unknown>(200) },
  fc.constantFrom<unknown>(100, 99, 204, 304, 600, 1000, '200', 'OK', 599.9, 0, undefined, null),
);
const message = fc.constantFrom<unknown>('Fine', '', 'Fine\n', undefined, null);
const heads = fc.oneof<fc.Arbitrary<unknown[]>[]>(
  fc.tuple(status),
  fc.tuple(status, headers),
  fc.tuple(status, message, headers),
  fc.tuple(status, headers, headers),
);

function setAll(response: ServerResponse, list: [string, unknown][]): void {
  for (const [name, value] of list)
    try {
      response.setHeader(name, value as string);
    } catch {
      // Node refuses it, so the response is without it.
    }
}

function isTaken(response: ServerResponse, args: readonly unknown[]): boolean {
  try {
    (response.writeHead as (...args: unknown[]) => unknown)(...args);
    return true;
  } catch {
    return false;
  }
}

const isDestroyed = (response: ServerResponse): boolean =>
  (response as unknown as { stream: { destroyed: boolean } }).stream.destroyed;

describe('any head', () => {
  it('over HTTP/1 is accepted exactly where Node takes it', () => {
    fc.assert(
      fc.property(fc.constantFrom('GET', 'HEAD'), pairs, heads, (method, before, args) => {
        const response = unsentResponse(method);
        setAll(response, before);
        expect(admits(response, 'writeHead', args)).toBe(isTaken(response, args));
      }),
      { numRuns: 5000 },
    );
  });

  it('over HTTP/2 is accepted exactly where Node takes it', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, heads, async (before, args) => {
        const response = await responses.next();
        setAll(response, before);
        // An invalid name ends the stream, after which Node judges nothing.
        fc.pre(!isDestroyed(response));
        const accepted = admits(response, 'writeHead', args);
        expect(accepted).toBe(isTaken(response, args) && !isDestroyed(response));
      }),
      { numRuns: 1000 },
    );
  });
});
