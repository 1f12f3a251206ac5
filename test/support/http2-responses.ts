import type { ServerResponse } from 'node:http';
import { connect, createServer, type ClientHttp2Stream, type Http2ServerResponse } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Http2Responses {
  /** A response over HTTP/2 that nobody has begun. */
  next(method?: string): Promise<ServerResponse>;
  /** What the client receives of the last one, or that its stream broke. */
  received(): Promise<{ status: number; body: string } | 'broken'>;
  close(): void;
}

/** Node's own responses over HTTP/2: all of one connection, a stream each. */
export async function http2Responses(): Promise<Http2Responses> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on('error', () => undefined);
  let last: Http2ServerResponse | undefined;
  let received: ReturnType<Http2Responses['received']>;
  return {
    async next(method = 'GET') {
      last?.stream?.close();
      const request = client.request({ ':method': method, ':path': '/' });
      received = receive(request);
      request.end();
      const [, response] = (await once(server, 'request')) as [unknown, Http2ServerResponse];
      response.stream.on('error', () => undefined);
      last = response;
      return response as unknown as ServerResponse;
    },
    received: () => received,
    close() {
      client.destroy();
      server.close();
    },
  };
}

async function receive(request: ClientHttp2Stream): ReturnType<Http2Responses['received']> {
  let status = NaN;
  let body = '';
  request.setEncoding('utf8');
  request.on('response', (headers) => (status = Number(headers[':status'])));
  request.on('data', (text: string) => (body += text));
  try {
    await once(request, 'end');
  } catch {
    return 'broken';
  }
  return { status, body };
}
