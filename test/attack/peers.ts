import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import cookieSession from 'cookie-session';
import session from 'express-session';
import { SECRET } from '../support/platforms.js';

/** What both libraries make of a request. */
type Data = Record<string, unknown>;
type PeerRequest = IncomingMessage & { session: (Data & Partial<session.Session>) | null };

/** How an application uses a library for sessions. */
export interface Peer {
  middleware: (request: any, response: any, next: (error?: unknown) => void) => void;
  login(request: PeerRequest, user: string): Promise<void> | void;
  logout(request: PeerRequest, response: ServerResponse): Promise<void> | void;
}

/** As found in many tutorials: nothing is regenerated, and the logout only takes the cookie away. */
export const carelessExpressSession = (): Peer => ({
  middleware: session({ secret: SECRET, resave: true, saveUninitialized: true, cookie: { httpOnly: false } }),
  login: ({ session: data }, user) => void Object.assign(data!, { user }),
  logout: (_, response) => void response.setHeader('set-cookie', 'connect.sid=; Path=/; Max-Age=0'),
});

/** As its documentation shows. */
export const documentedExpressSession = (): Peer => ({
  middleware: session({
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto' },
  }),
  async login(request, user) {
    const own = request.session as session.Session;
    await promisify(own.regenerate.bind(own))();
    Object.assign(request.session!, { user });
  },
  async logout(request) {
    const own = request.session as session.Session;
    await promisify(own.destroy.bind(own))();
  },
});

export const documentedCookieSession = (): Peer => ({
  middleware: cookieSession({ name: 'session', keys: [SECRET], sameSite: 'lax' }),
  login: (request, user) => void (request.session = { user }),
  logout: (request) => void (request.session = null),
});

/** The routes of `target.ts`, without counting, over a library. */
export async function startPeer(peer: Peer): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    // The libraries need what Express adds to a request.
    Object.assign(request, { originalUrl: request.url });
    peer.middleware(request, response, (error) => {
      if (error) response.writeHead(500).end();
      else void handle(peer, request as PeerRequest, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function handle(peer: Peer, request: PeerRequest, response: ServerResponse): Promise<void> {
  const fields = await fieldsOf(request);
  switch (`${request.method} ${request.url}`) {
    case 'POST /login':
      if (fields['password'] !== `password-of-${fields['user']}`) return reply(response, 401, {});
      await peer.login(request, fields['user']!);
      return reply(response, 200, {});
    case 'POST /logout':
      await peer.logout(request, response);
      return reply(response, 200, {});
    case 'GET /me':
    case 'GET /account':
      return reply(response, request.session?.['user'] ? 200 : 401, { user: request.session?.['user'] });
    case 'POST /data':
      // The application looks something up.
      await wait(10);
      Object.assign(request.session!, { [fields['key']!]: fields['value'] });
      return reply(response, 200, {});
    case 'GET /data':
      return reply(response, 200, { ...request.session });
    default:
      return reply(response, request.url === '/' ? 200 : 404, {});
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

async function fieldsOf(request: IncomingMessage): Promise<Record<string, string>> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Record<string, string>);
}
