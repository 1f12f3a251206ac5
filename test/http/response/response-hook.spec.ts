import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { addCookie, type HeadHeaders } from '../../../lib/http/headers/shared-headers.js';
import {
  hookResponse,
  preallocate,
  type ResponseListener,
} from '../../../lib/http/response/response-hook.js';

/** What the application does with its response. */
type Act = (response: ServerResponse) => void;

interface Received {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

interface Settled {
  resolve(): void;
  reject(error: Error): void;
}

const FAILURE = { status: 503, body: '{"failed":true}' };

/** The ways in which an application begins to respond, with what the client receives. */
const BEGINNINGS: [string, Act, Received['status'], string][] = [
  ['end', (response) => void response.end('text'), 200, 'text'],
  ['write', (response) => (response.write('te'), response.end('xt')), 200, 'text'],
  ['writeHead', (response) => response.writeHead(201, { 'X-Own': '1' }).end('text'), 201, 'text'],
  ['flushHeaders', (response) => (response.flushHeaders(), response.end('text')), 200, 'text'],
  ['end without a body', (response) => void response.writeHead(204).end(), 204, ''],
];

describe('hookResponse', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** One response, by an application that does this under a listener that does that. */
  async function respond(act: Act, listener: Partial<ResponseListener>, onHooked?: Act) {
    const events: string[] = [];
    server.once('request', (_request, response: ServerResponse) => {
      hookResponse(response, {
        beforeHead: (status) => {
          events.push(`before ${status}`);
          return listener.beforeHead?.(status);
        },
        onHead: (one) => {
          events.push('head');
          listener.onHead?.(one);
        },
        answerFailure: listener.answerFailure ?? (() => FAILURE),
        onLost: (error) => events.push(`lost: ${String(error)}`),
      });
      onHooked?.(response);
      act(response);
    });
    const { port } = server.address() as AddressInfo;
    const received = await new Promise<Received>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, (message) => {
        let body = '';
        message.on('data', (chunk) => (body += String(chunk)));
        message.on('error', reject);
        message.on('end', () => resolve({ status: message.statusCode!, headers: message.headers, body }));
      }).on('error', reject);
    });
    return { ...received, events };
  }

  /** A listener that holds the response until it is told to go on. */
  function holding(): { beforeHead(): Promise<void>; reached: Promise<Settled> } {
    let tell!: (settled: Settled) => void;
    const reached = new Promise<Settled>((resolve) => (tell = resolve));
    const beforeHead = () => new Promise<void>((resolve, reject) => tell({ resolve, reject }));
    return { beforeHead, reached };
  }

  describe.each(BEGINNINGS)('by %s', (_name, act, status, body) => {
    it('calls the listener once, and once for the head, before anything is sent', async () => {
      let seen: ServerResponse | undefined;
      const onHead = (head: HeadHeaders) => {
        expect(seen!.headersSent).toBe(false);
        addCookie(head, 'session=1');
      };
      const received = await respond((response) => act((seen = response)), { onHead });
      expect(received.events).toEqual([`before ${status}`, 'head']);
      expect([received.status, received.body]).toEqual([status, body]);
      expect(received.headers['set-cookie']).toEqual(['session=1']);
    });

    it('holds the response for a promise, and sends it unchanged when that resolves', async () => {
      const { beforeHead, reached } = holding();
      let seen: ServerResponse | undefined;
      const responding = respond((response) => act((seen = response)), { beforeHead });
      const { resolve } = await reached;
      await new Promise(setImmediate);
      expect([seen!.headersSent, seen!.writableEnded]).toEqual([true, true]);
      expect(seen!.socket!.bytesWritten).toBe(0);
      expect(() => seen!.setHeader('X-Late', '1')).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }),
      );
      resolve();
      const received = await responding;
      expect([received.status, received.body]).toEqual([status, body]);
      expect(received.events).toEqual([`before ${status}`, 'head']);
    });

    it.each<[string, (error: Error) => Partial<ResponseListener>]>([
      ['the promise rejects', (error) => ({ beforeHead: () => Promise.reject(error) })],
      [
        'the listener throws',
        (error) => ({
          beforeHead: () => {
            throw error;
          },
        }),
      ],
      ['the listener throws at the head', (error) => ({ onHead: throwingOnce(error) })],
    ])('sends a failure alone where %s', async (_what, listener) => {
      const answered: unknown[] = [];
      const error = new Error('the store is down');
      const received = await respond(act, {
        ...listener(error),
        answerFailure: (cause) => (answered.push(cause), FAILURE),
      });
      expect(answered).toEqual([error]);
      expect([received.status, received.body]).toEqual([FAILURE.status, FAILURE.body]);
      expect(received.headers['content-type']).toBe('application/json; charset=utf-8');
    });
  });

  it('drops headers of the replaced body, and keeps the others', async () => {
    const received = await respond(
      (response) => {
        response.setHeader('ETag', '"1"');
        response.setHeader('Location', '/elsewhere');
        response.setHeader('X-Own', '1');
        response.end('text');
      },
      { beforeHead: () => Promise.reject(new Error('the store is down')) },
    );
    const { etag, location, 'x-own': own } = received.headers;
    expect([etag, location, own]).toEqual([undefined, undefined, '1']);
  });

  it('sends a plain 500 where the listener fails to describe the failure', async () => {
    const received = await respond((response) => void response.end('text'), {
      beforeHead: () => Promise.reject(new Error('the store is down')),
      answerFailure: () => {
        throw new Error('no words');
      },
    });
    expect([received.status, received.headers['cache-control']]).toEqual([500, 'no-store']);
    expect(received.events).toContain('lost: Error: no words');
  });

  it('calls the callbacks of a held and of a replaced response', async () => {
    for (const fails of [false, true]) {
      const called: string[] = [];
      await respond(
        (response) => {
          response.write('te', () => called.push('write'));
          response.end('xt', () => called.push('end'));
        },
        { beforeHead: () => (fails ? Promise.reject(new Error('down')) : Promise.resolve()) },
      );
      expect(called.sort()).toEqual(['end', 'write']);
    }
  });

  it('tells a stream to wait while the response is held, and emits drain when it goes on', async () => {
    const { beforeHead, reached } = holding();
    const results: unknown[] = [];
    const responding = respond(
      (response) => {
        results.push(response.write('te'));
        response.once('drain', () => response.end('xt'));
      },
      { beforeHead },
    );
    (await reached).resolve();
    expect((await responding).body).toBe('text');
    expect(results).toEqual([false]);
  });

  it('shows the head to code that patches writeHead later, before the response is held', async () => {
    const order: string[] = [];
    const received = await respond(
      (response) => void response.end('text'),
      { beforeHead: async () => void order.push('before') },
      (response) => {
        const { writeHead } = response;
        response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
          order.push('patched later');
          this.setHeader('X-Later', '1');
          return (writeHead as (...all: unknown[]) => ServerResponse).apply(this, args);
        };
      },
    );
    expect(order).toEqual(['before', 'patched later']);
    expect([received.body, received.headers['x-later']]).toEqual(['text', '1']);
  });

  it('lets Node throw for a head that it refuses, and calls the listener only for the one that is sent', async () => {
    const thrown: unknown[] = [];
    const received = await respond((response) => {
      try {
        response.writeHead(99);
      } catch (error) {
        thrown.push(error);
      }
      response.writeHead(404).end('text');
    }, {});
    expect(thrown).toMatchObject([{ code: 'ERR_HTTP_INVALID_STATUS_CODE' }]);
    expect(received.events).toEqual(['before 404', 'head']);
  });
});

function throwingOnce(error: Error): () => void {
  let thrown = false;
  return () => {
    if (thrown) return;
    thrown = true;
    throw error;
  };
}

describe('preallocate', () => {
  it('leaves every method to the prototype until the response is hooked', () => {
    const called: string[] = [];
    const prototype = Object.fromEntries(
      ['writeHead', 'write', 'end', 'flushHeaders'].map((method) => [
        method,
        function (this: unknown, argument: unknown) {
          called.push(`${method} ${String(argument)}`);
          return this;
        },
      ]),
    );
    const response = Object.create(prototype) as ServerResponse;
    preallocate(response);
    expect(response.writeHead(201)).toBe(response);
    expect(response.write('te')).toBe(response);
    expect(response.end('xt')).toBe(response);
    response.flushHeaders();
    expect(called).toEqual(['writeHead 201', 'write te', 'end xt', 'flushHeaders undefined']);
  });
});
