import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import compression from 'compression';
import session from 'express-session';
import { addCookie } from '../../../../lib/http/headers/shared-headers.js';
import { hookResponse, preallocate } from '../../../../lib/http/response/response-hook.js';
import { FAILURE, HookedServer } from '../../../support/hooked-exchange.js';
import { unsentResponse } from '../../../support/unsent-response.js';

let server: HookedServer;
beforeAll(async () => (server = await new HookedServer().listen()));
afterAll(() => server.close());

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders';
type AnyMethod = (this: ServerResponse, ...args: unknown[]) => unknown;

const OF_EARLIER_CODE = new Error('of earlier code');

/** Code that patches a method and is called with the original. */
const patch =
  (method: Method, around: (original: AnyMethod, response: ServerResponse, args: unknown[]) => unknown) =>
  (response: ServerResponse): void => {
    const original = response[method] as AnyMethod;
    response[method] = function (this: ServerResponse, ...args: unknown[]) {
      return around(original, this, args);
    } as never;
  };

/** The method throws at its first call. */
function failsOnce(method: Method): (response: ServerResponse) => void {
  let failed = false;
  return patch(method, (original, response, args) => {
    if (failed) return original.apply(response, args);
    failed = true;
    throw OF_EARLIER_CODE;
  });
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('an error of code that has patched the response before', () => {
  it.each<[Method, (response: ServerResponse) => unknown]>([
    ['write', (response) => response.write('te')],
    ['end', (response) => response.end('text')],
    ['flushHeaders', (response) => response.flushHeaders()],
    ['writeHead', (response) => response.writeHead(201)],
  ])('in %s is thrown to the application, which can respond nevertheless', async (method, call) => {
    const { received, events } = await server.exchange(
      (response) => {
        expect(thrownBy(() => call(response))).toBe(OF_EARLIER_CODE);
        response.end('text');
      },
      { earlier: failsOnce(method) },
    );
    expect(received).toMatchObject({ status: 200, body: 'text' });
    expect(events.filter((event) => event === 'head')).toHaveLength(1);
  });

  it('does not keep an error of the listener from replacing the response later', async () => {
    const { received } = await server.exchange(
      (response) => {
        expect(thrownBy(() => response.write('te'))).toBe(OF_EARLIER_CODE);
        expect(thrownBy(() => response.end('text'))).toBeUndefined();
      },
      {
        earlier: failsOnce('write'),
        onHead: () => {
          throw new Error('the store is down');
        },
      },
    );
    expect(received).toMatchObject(FAILURE);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['given to it', () => undefined],
    ['set before', (response) => response.setHeader('X-Before', '1')],
  ])('in writeHead keeps the cookie for the next response, with headers %s', async (_where, prepare) => {
    const { received } = await server.exchange(
      (response) => {
        prepare(response);
        expect(thrownBy(() => response.writeHead(201, { 'X-Own': '1' }))).toBe(OF_EARLIER_CODE);
        response.writeHead(404).end('text');
      },
      { earlier: failsOnce('writeHead'), onHead: (head) => addCookie(head, 'session=1') },
    );
    expect(received).toMatchObject({ status: 404, headers: { 'set-cookie': ['session=1'] } });
  });

  it('replaces a held response while nothing is sent, and its callbacks are called', async () => {
    let called = 0;
    const { received, events } = await server.exchange(
      async (response, { resolve }) => {
        response.writeHead(201).write('te', () => called++);
        response.end('xt');
        resolve();
        await turn();
        await turn();
      },
      { holds: true, earlier: failsOnce('writeHead') },
    );
    expect(received).toMatchObject(FAILURE);
    expect(events).toEqual(['before 201', 'head', 'failure: Error: of earlier code']);
    expect(called).toBe(1);
  });

  it('cuts a held response off once its head is sent', async () => {
    const { received, events } = await server.exchange(
      (response, { resolve }) => {
        response.writeHead(201).write('te');
        response.end('xt');
        resolve();
      },
      { holds: true, earlier: failsOnce('write') },
    );
    expect(received).toBe('broken');
    expect(events).toEqual(['before 201', 'head', 'lost: Error: of earlier code']);
  });

  it('is reported to the listener where it comes as the replaced response is discarded', async () => {
    const { events } = await server.exchange(
      async (response, { reject }) => {
        response.end('text', () => undefined);
        reject(new Error('the store is down'));
        await turn();
        await turn();
      },
      {
        holds: true,
        earlier: patch('end', (original, response, args) => {
          if (typeof args[2] === 'function') throw OF_EARLIER_CODE;
          return original.apply(response, args);
        }),
      },
    );
    expect(events).toEqual([
      'before 200',
      'failure: Error: the store is down',
      'head',
      'lost: Error: of earlier code',
    ]);
  });
});

describe('flushHeaders', () => {
  it.each<[string, boolean, number]>([
    ['passed on', false, 200],
    ['held', true, 200],
    ['refused', false, 99],
  ])('gets no arguments where it is %s', async (_how, holds, status) => {
    const given: unknown[][] = [];
    await server.exchange(
      (response, { resolve }) => {
        response.statusCode = status;
        thrownBy(() => response.flushHeaders());
        response.statusCode = 200;
        response.end();
        resolve();
      },
      {
        holds,
        earlier: patch('flushHeaders', (original, response, args) => {
          given.push(args);
          return original.apply(response, args);
        }),
      },
    );
    expect(given).toEqual([[]]);
  });
});

describe('code that patches writeHead after the hook', () => {
  it.each<[string, (response: ServerResponse) => unknown]>([
    ['end', (response) => response.end('text')],
    ['write', (response) => (response.write('te'), response.end('xt'))],
    ['flushHeaders', (response) => (response.flushHeaders(), response.end('text'))],
    ['writeHead', (response) => response.writeHead(200).end('text')],
  ])('is called once for a response that begins with %s, while that is held', async (_method, call) => {
    let called = 0;
    const { received } = await server.exchange(
      (response, { resolve }) => {
        call(response);
        expect(called).toBe(1);
        resolve();
      },
      {
        holds: true,
        later: patch('writeHead', (original, response, args) => {
          called++;
          return original.apply(response, args);
        }),
      },
    );
    expect(received).toMatchObject({ status: 200, body: 'text' });
    expect(called).toBe(1);
  });
});

/** Runs a middleware of Express on the response. */
const through =
  (middleware: (request: never, response: never, next: () => void) => unknown) =>
  (response: ServerResponse): void =>
    void middleware(response.req as never, response as never, () => undefined);

describe('middleware after the hook', () => {
  const compress = (response: ServerResponse): void => {
    response.req.headers['accept-encoding'] = 'gzip';
    through(compression())(response);
  };

  it.each(['pipe', 'late listener'])(
    'compresses all of a stream that waits for its drain, while the response is held (%s)',
    async (how) => {
      // What is left of it never fills the socket, so that only the compression has a drain.
      const chunks = Array.from({ length: 40 }, () => 'text'.repeat(15_000));
      const stream = Readable.from(chunks);
      const { received } = await server.exchange(
        async (response, { resolve }) => {
          response.setHeader('Content-Type', 'text/plain');
          if (how === 'pipe') stream.pipe(response);
          else {
            const send = (): void => {
              while (chunks.length > 0) if (!response.write(chunks.shift())) return;
              response.end();
            };
            send();
            response.on('drain', send);
          }
          await turn();
          await turn();
          expect(response.headersSent).toBe(true);
          resolve();
        },
        { holds: true, later: compress },
      );
      expect(received).toMatchObject({ status: 200, headers: { 'content-encoding': 'gzip' } });
    },
  );

  const otherSession = session({ secret: 'a'.repeat(32), resave: true, saveUninitialized: true });

  it.each<[string, (response: ServerResponse) => unknown]>([
    ['writeHead', (response) => response.writeHead(201)],
    ['write', (response) => response.write('te')],
    ['flushHeaders', (response) => response.flushHeaders()],
  ])('that stores a session at the end does not write a second head after a held %s', async (_how, begin) => {
    const { received, events } = await server.exchange(
      async (response, { resolve }) => {
        begin(response);
        response.end('xt');
        await turn();
        resolve();
      },
      { holds: true, later: through(otherSession as never) },
    );
    expect(received).toMatchObject({ body: expect.stringMatching(/xt$/) as string });
    expect(events.filter((event) => event === 'head')).toHaveLength(1);
  });
});

describe('preallocate', () => {
  it('adds each property that the hook sets later', () => {
    const response = unsentResponse();
    const before = Reflect.ownKeys(response).length;
    preallocate(response);
    const keys = Reflect.ownKeys(response);
    hookResponse(response, {} as never);
    expect(Reflect.ownKeys(response)).toEqual(keys);
    expect(keys).toHaveLength(before + 5);
  });
});
