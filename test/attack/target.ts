import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What a target does wrong. */
export type Fault =
  | 'keeps the anonymous id at login'
  | 'adopts an unknown id at login'
  | 'keeps the id at a second login'
  | 'keeps the id at a re-login'
  | 'sets a cookie at a read'
  | 'logout ends nothing'
  | 'logout ends the last cookie only'
  | 'a write revives the session'
  | 'logout refuses a dead cookie'
  | 'logout leaves the cookie'
  | 'cross-site login'
  | 'cross-site logout'
  | 'cross-site write'
  | 'refuses clients without an origin'
  | 'GET logs out'
  | 'loses writes'
  | 'loses increments'
  | 'stores the login late'
  | 'stores the write late'
  | 'token of 32 bits'
  | 'token names the user'
  | 'compares a part of the token'
  | 'fails on an escape'
  | 'tells ended tokens apart'
  | 'token from the query'
  | 'token from the body'
  | 'token from a header'
  | 'token in a body'
  | 'first cookie wins'
  | 'login may be cached'
  | 'pages may be kept'
  | 'pages may be kept without Vary'
  | 'shares the user between requests'
  | 'keeps the data at a switch of users';

export interface Flaws {
  fault?: Fault | undefined;
  /** The cookie, with a `%` for the value. */
  cookie?: string | undefined;
  /** Where a page has the token against CSRF, which then takes the place of the origin. */
  csrf?: 'json' | 'meta' | 'input' | 'cookie' | undefined;
  tls?: { key: Buffer; cert: Buffer } | undefined;
}

interface Session {
  user: string | undefined;
  data: Record<string, string>;
  count: number;
  rotated: boolean;
}

export const COOKIE = '__Host-sid=%; Path=/; Secure; HttpOnly; SameSite=Lax';

/** How long a late store takes, in milliseconds: longer than a request, shorter than the attack waits. */
const LATE = 60;

type Fields = Record<string, string>;

/** A small application of plain Node whose sessions are right, but for one fault. */
export class Target {
  readonly #sessions = new Map<string, Session>();
  readonly #ended = new Set<string>();
  readonly #server;
  #user: string | undefined;
  url = '';
  /** Every value of the cookie that was set. */
  readonly issued: string[] = [];
  readonly csrfToken = `a"b&${randomBytes(8).toString('hex')}`;

  constructor(private readonly flaws: Flaws = {}) {
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#handle(request, response);
    this.#server = flaws.tls ? createSecureServer(flaws.tls, listener) : createServer(listener);
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    this.url = `${this.flaws.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #has(fault: Fault): boolean {
    return this.flaws.fault === fault;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const fields = await fieldsOf(request);
    response.setHeader('cache-control', 'no-store');
    if (this.#has('fails on an escape') && request.headers.cookie?.includes('%00'))
      return reply(response, 500, {});
    if (request.method !== 'GET' && this.#isForeign(request, url.pathname, fields))
      return reply(response, 403, {});
    const id = this.#idOf(request, url, fields);
    const route = `${request.method} ${url.pathname}`;
    const routes: Record<string, () => unknown> = {
      'GET /': () => this.#home(response),
      'GET /csrf': () => this.#csrf(response),
      'POST /login': () => this.#login(response, id, fields),
      'POST /relogin': () => this.#relogin(response, id),
      'POST /logout': () => this.#logout(response, id),
      'GET /logout': () =>
        this.#has('GET logs out') ? this.#logout(response, id) : reply(response, 405, {}),
      'GET /me': () => this.#me(response, id),
      'POST /data': () => this.#write(response, id, fields),
      'GET /data': () => reply(response, 200, { ...this.#session(id)?.data }),
      'POST /increment': () => this.#increment(response, id),
      'GET /count': () => reply(response, 200, { count: this.#session(id)?.count ?? 0 }),
      'GET /account': () => this.#account(response, id),
    };
    await (routes[route] ?? (() => reply(response, 404, {})))();
  }

  #isForeign(request: IncomingMessage, path: string, fields: Fields): boolean {
    if (this.flaws.csrf && path !== '/logout')
      return ![request.headers['x-csrf-token'], fields['_csrf']].includes(this.csrfToken);
    if (this.#has(`cross-site ${path === '/data' ? 'write' : path.slice(1)}` as Fault)) return false;
    const { origin, 'sec-fetch-site': site } = request.headers;
    if (site !== undefined) return site !== 'same-origin';
    if (origin === undefined) return this.#has('refuses clients without an origin');
    return origin !== this.url;
  }

  #idOf({ headers }: IncomingMessage, url: URL, fields: Fields): string | undefined {
    const ids = [...(headers.cookie ?? '').matchAll(/sid=([^;]*)/g)].map(([, value]) =>
      value!.replace(/x{5000}$/, ''),
    );
    if (this.#has('token from the query')) ids.push(...url.searchParams.getAll(this.#name));
    if (this.#has('token from the body') && fields[this.#name]) ids.push(fields[this.#name]!);
    if (this.#has('token from a header')) ids.push(...(headers.authorization ?? '').split(' ').slice(1));
    return new Set(ids).size > 1 && !this.#has('first cookie wins') ? undefined : ids[0];
  }

  get #name(): string {
    return (this.flaws.cookie ?? COOKIE).split('=')[0]!;
  }

  #session(id: string | undefined): Session | undefined {
    if (id !== undefined && this.#has('compares a part of the token'))
      return [...this.#sessions].find(([key]) => key.slice(0, 30) === id.slice(0, 30))?.[1];
    return this.#sessions.get(id ?? '');
  }

  #begin(response: ServerResponse, session: Session, id = this.#newId(session.user)): void {
    this.#sessions.set(id, session);
    this.#setCookie(response, id);
  }

  #newId(user = ''): string {
    if (this.#has('token of 32 bits')) return randomBytes(4).toString('hex');
    const random = randomBytes(32).toString('base64url');
    return this.#has('token names the user')
      ? `${random}.${Buffer.from(user).toString('base64url')}`
      : random;
  }

  #setCookie(response: ServerResponse, value: string, more = ''): void {
    if (value !== '') this.issued.push(value);
    const lines = (this.flaws.cookie ?? COOKIE).split('\n');
    response.setHeader(
      'set-cookie',
      lines.map((line) => line.replace('%', value) + more),
    );
  }

  #home(response: ServerResponse): void {
    if (this.#has('sets a cookie at a read')) this.#begin(response, empty());
    reply(response, 200, {});
  }

  #csrf(response: ServerResponse): void {
    const token = this.csrfToken;
    const escaped = token.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
    if (this.flaws.csrf === 'cookie')
      response.setHeader('set-cookie', `XSRF-TOKEN=${encodeURIComponent(token)}`);
    const pages = {
      json: JSON.stringify({ form: { token } }),
      meta: `<head><META content="${escaped}" name=csrf-token></head>`,
      input: `<form><input name="other" value="1"><input type='hidden' name='_csrf' value='${escaped}' /></form>`,
      cookie: '',
    };
    response.end(pages[this.flaws.csrf ?? 'json']);
  }

  #login(response: ServerResponse, id: string | undefined, { user, password }: Fields): void {
    if (password !== `password-of-${user}`) return reply(response, 401, {});
    const former = this.#session(id);
    const session = { ...empty(), user };
    if (former && former.user !== user && this.#has('keeps the data at a switch of users'))
      session.data = former.data;
    const keeps =
      (former && !former.user && this.#has('keeps the anonymous id at login')) ||
      (former?.user === user && former && this.#has('keeps the id at a second login')) ||
      (!former && this.#has('adopts an unknown id at login'));
    if (former && !keeps) this.#sessions.delete(id!);
    const next = keeps && id !== undefined ? id : this.#newId(user);
    if (this.#has('login may be cached')) response.removeHeader('cache-control');
    this.#setCookie(response, next);
    response.setHeader('location', '/me');
    const store = () => void this.#sessions.set(next, session);
    if (this.#has('stores the login late')) void wait(LATE).then(store);
    else store();
    reply(response, 303, {});
  }

  #relogin(response: ServerResponse, id: string | undefined): void {
    const session = this.#session(id);
    if (!session?.user) return this.#refuse(response, id);
    if (!this.#has('keeps the id at a re-login')) {
      this.#sessions.delete(id!);
      this.#begin(response, session);
    }
    reply(response, 200, {});
  }

  #logout(response: ServerResponse, id: string | undefined): void {
    if (!this.#session(id) && this.#has('logout refuses a dead cookie')) return reply(response, 401, {});
    if (!this.#has('logout ends nothing')) {
      // Every token of the session goes with it.
      const session = this.#session(id);
      for (const [key, one] of this.#sessions) {
        if (key !== id && (one !== session || this.#has('logout ends the last cookie only'))) continue;
        this.#sessions.delete(key);
        this.#ended.add(key);
      }
    }
    if (!this.#has('logout leaves the cookie')) this.#setCookie(response, '', '; Max-Age=0');
    reply(response, 200, {});
  }

  async #me(response: ServerResponse, id: string | undefined): Promise<void> {
    const session = this.#session(id);
    if (!session?.user) return this.#refuse(response, id);
    this.#user = session.user;
    if (this.#has('shares the user between requests')) await wait(5);
    if (this.#has('logout ends the last cookie only') && !session.rotated) {
      session.rotated = true;
      this.#begin(response, session);
    }
    const user = this.#has('shares the user between requests') ? this.#user : session.user;
    reply(response, 200, { user, ...(this.#has('token in a body') && { token: id }) });
  }

  #refuse(response: ServerResponse, id: string | undefined): void {
    const ended = this.#has('tells ended tokens apart') && this.#ended.has(id ?? '');
    reply(response, 401, { message: ended ? 'Your session has ended.' : 'Log in.' });
  }

  async #write(
    response: ServerResponse,
    id: string | undefined,
    { key = '', value = '' }: Fields,
  ): Promise<void> {
    const session = this.#session(id);
    if (!session) {
      this.#begin(response, { ...empty(), data: { [key]: value } });
      return reply(response, 200, {});
    }
    const copy = { ...session.data, [key]: value };
    if (this.#has('a write revives the session')) {
      await wait(20);
      this.#sessions.set(id!, session);
    }
    if (this.#has('loses writes')) {
      await wait(5);
      session.data = copy;
    } else if (this.#has('stores the write late')) void wait(LATE).then(() => (session.data[key] = value));
    else session.data[key] = value;
    reply(response, 200, {});
  }

  async #increment(response: ServerResponse, id: string | undefined): Promise<void> {
    const session = this.#session(id);
    if (!session) return this.#refuse(response, id);
    const next = session.count + 1;
    if (this.#has('loses increments')) {
      await wait(5);
      session.count = next;
    } else session.count++;
    reply(response, 200, {});
  }

  #account(response: ServerResponse, id: string | undefined): void {
    const session = this.#session(id);
    if (!session?.user) return this.#refuse(response, id);
    if (this.flaws.fault?.startsWith('pages may be kept')) response.setHeader('cache-control', 'private');
    if (this.#has('pages may be kept')) response.setHeader('vary', 'Cookie');
    reply(response, 200, { user: session.user });
  }
}

const empty = (): Session => ({ user: undefined, data: {}, count: 0, rotated: false });

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function fieldsOf(request: IncomingMessage): Promise<Fields> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const { 'content-type': type = '' } = request.headers;
  if (type.startsWith('application/x-www-form-urlencoded'))
    return Object.fromEntries(new URLSearchParams(text));
  return text === '' ? {} : (JSON.parse(text) as Fields);
}

/** A config of the target. */
export const CONFIG = {
  users: {
    first: { name: 'alice', password: 'password-of-alice' },
    second: { name: 'robert', password: 'password-of-robert' },
  },
  login: { path: '/login', json: { user: '{{name}}', password: '{{password}}' } },
  logout: { path: '/logout' },
  relogin: { path: '/relogin' },
  read: { path: '/me', loggedIn: { status: 200, json: { '/user': '{{name}}' } } },
  write: { path: '/data', json: { key: '{{key}}', value: '{{value}}' }, read: { path: '/data' } },
  increment: { path: '/increment', read: { path: '/count' }, count: { json: '/count' } },
  private: ['/account'],
  anonymous: ['/'],
  parallel: 6,
  samples: 4,
};
