import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attackOn } from './attack-on.js';
import { CONFIG } from './target.js';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An application that sends something odd to one path, and a 401 to all others. */
const odd = (path: string, respond: RequestListener): Promise<string> =>
  serve((request, response) => {
    if (request.url === path) respond(request, response);
    else response.writeHead(401).end();
  });

const csrf = (from: object) => ({ ...CONFIG, csrf: { path: '/csrf', from, to: { header: 'x-csrf' } } });

describe('a target that responds with nonsense', () => {
  it('says that a response is missing where the connection becomes another protocol', async () => {
    const url = await odd('/login', ({ socket }) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
    await expect(attackOn(url, CONFIG)).rejects.toThrow(
      'POST /login: the connection ended without a response',
    );
  });

  it('takes a CSRF cookie that is no escape of a URL as it is', async () => {
    const sent: unknown[] = [];
    const url = await serve(({ url: path, headers }, response) => {
      if (path === '/csrf') response.setHeader('set-cookie', 'XSRF-TOKEN=%E0%A4%A');
      if (path === '/login') sent.push(headers['x-csrf']);
      response.writeHead(401).end();
    });
    await expect(attackOn(url, csrf({ cookie: 'XSRF-TOKEN' }))).rejects.toThrow('The login does not work');
    expect(sent).toEqual(['%E0%A4%A']);
  });

  it.each([
    ['tags that do not end', '<meta '.repeat(170_000)],
    ['a tag of one word', `<meta ${'a'.repeat(1_000_000)}>`],
    ['many tags of one word', `<meta ${'a'.repeat(4_000)}>`.repeat(250)],
  ])(
    'reads a page of %s for its CSRF token',
    async (_, page) => {
      const url = await odd('/csrf', (_request, response) => response.end(page));
      await expect(attackOn(url, csrf({ meta: 'csrf-token' }))).rejects.toThrow(
        'There is no CSRF token at /csrf.',
      );
    },
    20_000,
  );
});
