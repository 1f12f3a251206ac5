import type { ServerResponse } from 'node:http';
import { connect, createServer, type Http2Server, type Http2ServerResponse } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { hookResponse } from '../../../../lib/http/response/response-hook.js';

describe('a held response over HTTP/2', () => {
  let server: Http2Server;
  beforeAll(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());

  /** One response, which is held until the application is done. */
  async function respond(act: (response: Http2ServerResponse) => unknown) {
    const lost: unknown[] = [];
    let thrown: unknown;
    server.once('request', (_request, response: Http2ServerResponse) => {
      hookResponse(response as unknown as ServerResponse, {
        beforeHead: async () => void (await turn()),
        onHead: (head) => void head.setHeader('x-session', 'kept'),
        answerFailure: () => ({ status: 503, body: '' }),
        onLost: (error) => void lost.push(error),
      });
      try {
        act(response);
      } catch (error) {
        thrown = error;
        response.stream.close();
      }
    });
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      const stream = client.request({ ':path': '/' });
      const [headers, body] = await Promise.all([
        once(stream, 'response').then(([one]) => one as Record<string, unknown>),
        text(stream),
      ]);
      return { status: headers[':status'], session: headers['x-session'], body, lost, thrown };
    } finally {
      client.destroy();
    }
  }

  it('is sent when it goes on', async () => {
    const received = await respond((response) => {
      response.writeHead(404);
      expect(response.statusCode).toBe(404);
      response.write('te');
      response.end('xt');
    });
    expect(received).toEqual({ status: 404, session: 'kept', body: 'text', lost: [], thrown: undefined });
  });

  it('accepts a head without a status, as Node does', async () => {
    const received = await respond((response) => {
      response.writeHead(undefined as never);
      response.end('text');
    });
    expect(received).toMatchObject({ status: 200, body: 'text', lost: [], thrown: undefined });
  });

  it('ignores a second end, as Node does', async () => {
    const received = await respond((response) => {
      response.end('text');
      response.end('more');
    });
    expect(received).toMatchObject({ status: 200, body: 'text', lost: [], thrown: undefined });
  });

  it('leaves the message of the status alone, for which Node prints a warning', async () => {
    const uses: string[] = [];
    const received = await respond((response) => {
      Object.defineProperty(response, 'statusMessage', {
        get: () => void uses.push('read'),
        set: () => void uses.push('written'),
      });
      const writeHead = response.writeHead.bind(response);
      response.writeHead = (status: number) => writeHead(status);
      response.end('text');
    });
    expect([received.body, uses]).toEqual(['text', []]);
  });
});
