import type { ServerResponse } from 'node:http';
import { connect, createServer, type Http2ServerResponse } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Http2Responses {
  /** A response over HTTP/2 that nobody has begun. */
  next(method?: string): Promise<ServerResponse>;
  close(): void;
}

/** Node's own responses over HTTP/2: all of one connection, a stream each. */
export async function http2Responses(): Promise<Http2Responses> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on('error', () => undefined);
  let last: Http2ServerResponse | undefined;
  return {
    async next(method = 'GET') {
      last?.stream?.close();
      client
        .request({ ':method': method, ':path': '/' })
        .on('error', () => undefined)
        .resume()
        .end();
      const [, response] = (await once(server, 'request')) as [unknown, Http2ServerResponse];
      response.stream.on('error', () => undefined);
      last = response;
      return response as unknown as ServerResponse;
    },
    close() {
      client.destroy();
      server.close();
    },
  };
}
