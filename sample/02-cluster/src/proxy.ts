import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * Sends requests to the nodes by turns, and past one that does not answer the door. A toy: in production this
 * is nginx, HAProxy or the platform's load balancer.
 */
export function createProxy(ports: readonly number[]): Server {
  let turn = 0;
  return createServer((incoming, outgoing) => {
    const first = turn++;
    const order = ports.map((_, i) => ports[(first + i) % ports.length]!);
    void forward(incoming, outgoing, order);
  });
}

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, order: number[]): Promise<void> {
  const body = await bodyOf(incoming);
  for (const port of order) {
    if (await answered(incoming, outgoing, body, port)) return;
  }
  outgoing.writeHead(502, { 'Content-Type': 'text/plain' }).end('No node answers.');
}

/** A form is small; so that it can be sent again it is kept. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** False where the node could not be reached at all: only then may another one be asked. */
function answered(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  body: Buffer,
  port: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = {
      ...incoming.headers,
      'x-forwarded-for': incoming.socket.remoteAddress ?? '',
      'x-forwarded-proto': 'http',
    };
    const onward = request({ host: '127.0.0.1', port, method: incoming.method, path: incoming.url, headers });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
      resolve(true);
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') return resolve(false);
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502, { 'Content-Type': 'text/plain' }).end('The node went away in the middle.');
      resolve(true);
    });
    onward.end(body);
  });
}
