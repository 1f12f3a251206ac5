import type { Server } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import type { Client } from '../core/storage/backend.js';
import { AgentCookies } from './agent-cookies.js';
import { engineOf } from './engine-of.js';
import { exchange, type AgentBody, type AgentHeaders, type AgentResponse } from './exchange.js';

/** The options of `sessionAgent()`. */
export interface SessionAgentOptions {
  /** Headers of every request, such as the `user-agent` of a device. @default none */
  headers?: AgentHeaders;
}

/** What a single request has of its own. */
export interface AgentRequest {
  /** Headers of this request. They take the place of the agent's own, `cookie` included. @default none */
  headers?: AgentHeaders;
  /** An object or a list is sent as JSON, URLSearchParams as a form; a text or bytes as they are. @default no body */
  body?: AgentBody;
}

/**
 * A device: an HTTP client with cookies of its own, which sees the application as a browser does over HTTPS. It keeps the
 * Secure cookie over plain HTTP, and follows no redirects. It sends no `Origin` and no `Sec-Fetch-Site` unless a request has them among its headers.
 */
export class SessionAgent {
  /** @internal */
  readonly app: INestApplication;
  /** @internal */
  readonly cookies: AgentCookies;
  readonly #headers: AgentHeaders;

  /**
   * Made by `sessionAgent()`.
   *
   * @internal
   */
  constructor(app: INestApplication, headers: AgentHeaders, cookies: AgentCookies) {
    this.app = app;
    this.#headers = headers;
    this.cookies = cookies;
  }

  /** The Cookie header with all its cookies, as a thief would copy it; '' if there are none. */
  get cookie(): string {
    return this.cookies.header();
  }

  /** Another agent with a copy of the cookies that this one has now. */
  copy(): SessionAgent {
    return new SessionAgent(this.app, this.#headers, this.cookies.copy());
  }

  /** Sends a GET, as {@link send}. */
  get(path: string, request?: AgentRequest): Promise<AgentResponse> {
    return this.send('GET', path, request);
  }

  /** Sends a POST, as {@link send}. */
  post(path: string, body?: AgentBody, request?: Omit<AgentRequest, 'body'>): Promise<AgentResponse> {
    return this.send('POST', path, { ...request, ...(body !== undefined && { body }) });
  }

  /** Sends a PUT, as {@link send}. */
  put(path: string, body?: AgentBody, request?: Omit<AgentRequest, 'body'>): Promise<AgentResponse> {
    return this.send('PUT', path, { ...request, ...(body !== undefined && { body }) });
  }

  /** Sends a PATCH, as {@link send}. */
  patch(path: string, body?: AgentBody, request?: Omit<AgentRequest, 'body'>): Promise<AgentResponse> {
    return this.send('PATCH', path, { ...request, ...(body !== undefined && { body }) });
  }

  /** Sends a DELETE, as {@link send}. */
  delete(path: string, request?: AgentRequest): Promise<AgentResponse> {
    return this.send('DELETE', path, request);
  }

  /**
   * Sends a request, and keeps the cookies of the response. The application is started on a free port of this machine
   * if it does not listen yet; `app.close()` ends that. Rejects only if there is no response at all.
   *
   * @param path with the query, and with the application's prefix
   */
  async send(
    method: string,
    path: string,
    { headers = {}, body }: AgentRequest = {},
  ): Promise<AgentResponse> {
    const address = await addressOf(this.app);
    const [pathname = '/'] = path.split('?', 1);
    const cookie = this.cookies.header(pathname);
    const sent = { ...(cookie !== '' && { cookie }), ...lowerCased(this.#headers), ...lowerCased(headers) };
    const response = await exchange({ ...address, method, path, headers: sent }, body);
    for (const one of response.headers['set-cookie'] ?? []) this.cookies.keep(one, pathname);
    return response;
  }

  /** As whom the agent logs in. @internal */
  get identity(): { cookie?: string; client: Client } {
    const { 'user-agent': userAgent } = lowerCased(this.#headers);
    const cookie = this.cookie;
    return { ...(cookie !== '' && { cookie }), client: { ...(userAgent !== undefined && { userAgent }) } };
  }
}

/** An agent without cookies. Each one is a device of its own. */
export function sessionAgent(
  app: INestApplication,
  { headers = {} }: SessionAgentOptions = {},
): SessionAgent {
  const { clock } = engineOf(app, 'sessionAgent()').config;
  return new SessionAgent(app, headers, new AgentCookies(clock));
}

const starting = new WeakMap<INestApplication, Promise<unknown>>();

/** Several agents may come first at the same time. */
async function addressOf(app: INestApplication): Promise<{ host: string; port: number }> {
  const server = app.getHttpServer() as Server;
  if (!server.listening) {
    const start = starting.get(app) ?? app.listen(0, '127.0.0.1');
    starting.set(app, start);
    await start.finally(() => starting.delete(app));
  }
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError(
      'sessionAgent(): the application listens on no port. Let it listen on one, or do not let it listen before.',
    );
  // One that listens on all addresses listens on this one.
  return { host: address.address === '::1' ? '::1' : '127.0.0.1', port: address.port };
}

const lowerCased = (headers: AgentHeaders): AgentHeaders =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
