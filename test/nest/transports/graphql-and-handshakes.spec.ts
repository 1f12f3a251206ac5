import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { All, Controller, HttpCode, Injectable, Req, UseGuards } from '@nestjs/common';
import { ExternalContextCreator, HttpAdapterHost } from '@nestjs/core';
import {
  AllowCrossOrigin,
  LoginGuard,
  Logout,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { AppController, type Data } from '../../support/app.js';
import { Browser, send } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';

afterEach(closeAll);

/** The resolvers of a GraphQL schema. */
@Injectable()
class Resolvers {
  constructor(private readonly sessions: SessionService<Data>) {}

  query() {
    return this.sessions.current.subject ?? null;
  }

  async login() {
    await this.sessions.login('mallory');
    return 'mallory';
  }

  @Logout()
  logout() {
    return 'bye';
  }

  @AllowCrossOrigin()
  open() {
    return 'open';
  }

  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }
}

type Field = 'query' | 'login' | 'logout' | 'open' | 'guarded';
type AnyRequest = IncomingMessage & { query: Record<string, string>; raw?: IncomingMessage };

/** Calls resolvers as @nestjs/graphql does: with the arguments of GraphQL, in a context of that type. */
@Controller('graphql')
class GraphqlController {
  constructor(
    private readonly creator: ExternalContextCreator,
    private readonly resolvers: Resolvers,
  ) {}

  @All()
  @HttpCode(200)
  @AllowCrossOrigin()
  async run(@Req() request: AnyRequest) {
    const { field = 'query', operation = 'query', as = 'req' } = request.query;
    const { resolvers } = this;
    const resolve = this.creator.create(
      resolvers,
      resolvers[field as Field],
      field,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      'graphql',
    );
    const given = as === 'nothing' ? {} : { [as]: request };
    return { [field]: await resolve(undefined, {}, given, { operation: { operation } }) };
  }
}

async function open(platform: PlatformName, options: Partial<SessionModuleOptions> = {}) {
  const running = await start(platform, {
    controllers: [AppController, GraphqlController],
    providers: [Resolvers],
    options,
  });
  return { ...running, sessions: running.app.get<SessionService<Data>>(SessionService) };
}

const FOREIGN: [string, Record<string, string>][] = [
  ['Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
  ['Origin', { origin: 'https://evil.example' }],
];

describe.each(platforms)('GraphQL on %s', (platform) => {
  it.each(
    FOREIGN.flatMap(([name, headers]) =>
      ['req', 'request', 'nothing'].map((as): [string, string, object] => [name, as, headers]),
    ),
  )('refuses what %s tells to be of another site, with %s in its context', async (_, as, foreign) => {
    const { url } = await open(platform);
    const headers = foreign as Record<string, string>;
    const ask = async (method: string, query: string, more = headers) =>
      send(`${url}/graphql?as=${as}&${query}`, method, more);
    const login = await ask('POST', 'field=login&operation=mutation');
    expect([login.status, login.json()['code'], login.setCookies]).toEqual([403, 'ERR_CROSS_ORIGIN', []]);
    expect((await ask('POST', 'field=query')).status).toBe(403);
    // Reading by GET is for the browser to keep from other sites; a mutation and a logout are not.
    expect((await ask('GET', 'field=query')).status).toBe(200);
    expect((await ask('GET', 'field=login&operation=mutation')).status).toBe(403);
    expect((await ask('GET', 'field=logout')).status).toBe(403);
    expect((await ask('POST', 'field=open')).status).toBe(200);
    for (const own of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: url }] as Record<string, string>[])
      expect((await ask('POST', 'field=login&operation=mutation', own)).status).toBe(200);
  });

  it('lets pass what the option lets pass', async () => {
    const some = await open(platform, { crossOrigin: { allow: ['https://app.example.com'] } });
    const all = await open(platform, { crossOrigin: 'allow' });
    const ask = async (url: string, origin: string) =>
      (await send(`${url}/graphql?field=login&operation=mutation`, 'POST', { origin })).status;
    expect(await ask(some.url, 'https://app.example.com')).toBe(200);
    expect(await ask(some.url, 'https://evil.example')).toBe(403);
    expect(await ask(all.url, 'https://evil.example')).toBe(200);
  });

  it('finds the session by the request in its context where there is no asynchronous one', async () => {
    const { url, app } = await open(platform, { context: false });
    const cookie = await loginAs(app, 'alice');
    const ask = async (headers: Record<string, string>, method = 'GET') =>
      (await send(`${url}/graphql?field=guarded`, method, headers)).status;
    expect([await ask({}), await ask({ cookie })]).toEqual([401, 200]);
    expect(await ask({ cookie, origin: 'https://evil.example' }, 'POST')).toBe(403);
  });

  it('refuses a subscription whose socket another site opened', async () => {
    const { app, url } = await open(platform);
    const resolvers = app.get(Resolvers);
    const resolve = app
      .get(ExternalContextCreator)
      .create(
        resolvers,
        resolvers.open,
        'open',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        'graphql',
      );
    const subscribe = app
      .get(ExternalContextCreator)
      .create(
        resolvers,
        resolvers.guarded,
        'guarded',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        'graphql',
      );
    const host = new URL(url).host;
    const over = (origin: string) => ({
      extra: { request: { method: 'GET', headers: { host, origin, upgrade: 'websocket' } } },
    });
    const info = { operation: { operation: 'subscription' } };
    await expect(subscribe(undefined, {}, over('https://evil.example'), info)).rejects.toMatchObject({
      code: 'ERR_CROSS_ORIGIN',
    });
    // It has the session of its handshake: nobody's here.
    await expect(subscribe(undefined, {}, over(url), info)).rejects.toMatchObject({
      code: 'ERR_LOGIN_REQUIRED',
    });
    // As graphql-ws has it under Apollo.
    const nested = { req: over(url) };
    await expect(resolve(undefined, {}, nested, info)).resolves.toBe('open');
    await expect(subscribe(undefined, {}, { req: over('https://evil.example') }, info)).rejects.toMatchObject(
      { code: 'ERR_CROSS_ORIGIN' },
    );
    await expect(resolve(undefined, {}, over('https://evil.example'), info)).resolves.toBe('open');
  });
});

/** The raw request of a handshake with these headers, as a server has it when it is upgraded. */
async function handshake(headers: Record<string, string>): Promise<IncomingMessage> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const upgraded = once(server, 'upgrade') as Promise<[IncomingMessage]>;
  const outgoing = httpRequest({
    port,
    host: '127.0.0.1',
    headers: { connection: 'upgrade', upgrade: 'websocket', ...headers },
  });
  outgoing.on('error', () => undefined).end();
  const [request] = await upgraded;
  const { remoteAddress } = request.socket;
  request.socket.destroy();
  server.close();
  // An address is gone with its connection.
  Object.defineProperty(request.socket, 'remoteAddress', { value: remoteAddress, configurable: true });
  return request;
}

interface Settable {
  set(name: string, value: unknown): void;
}

const HOST = 'app.example.com';

describe.each(platforms)('the handshake of a socket on %s', (platform) => {
  const code = (error: unknown) => (error as { code?: string }).code;

  it.each([
    ['of a page of its own', { origin: `https://${HOST}` }, null],
    ['of no browser', {}, null],
    ['of another site', { origin: 'https://evil.example' }, 'ERR_CROSS_ORIGIN'],
    ['of another port', { origin: `https://${HOST}:8443` }, 'ERR_CROSS_ORIGIN'],
    ['of a sandboxed frame', { origin: 'null' }, 'ERR_CROSS_ORIGIN'],
    ['of nothing', { origin: '' }, 'ERR_CROSS_ORIGIN'],
    ['of another site by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }, 'ERR_CROSS_ORIGIN'],
    ['of a page of its own by Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin' }, null],
  ])('opens a session %s, or is refused', async (_, headers, refused) => {
    const { app, sessions } = await open(platform);
    const all = { host: HOST, cookie: await loginAs(app, 'alice'), ...headers };
    const sources = [all, new Headers(all), await handshake(all), { headers: all }];
    for (const source of sources) {
      const opened = await sessions.open(source).catch(code);
      expect(typeof opened === 'object' ? opened.subject : opened).toBe(refused ?? 'alice');
    }
  });

  it('is a 403 where a handler lets the error through', async () => {
    const { sessions } = await open(platform);
    await expect(sessions.open({ host: HOST, origin: 'https://evil.example' })).rejects.toMatchObject({
      statusCode: 403,
      message: expect.stringContaining('crossOrigin') as string,
    });
  });

  it('passes for the origins of the option', async () => {
    const some = await open(platform, { crossOrigin: { allow: ['https://evil.example'] } });
    const all = await open(platform, { crossOrigin: 'allow' });
    const headers = { host: HOST, origin: 'https://evil.example' };
    expect((await some.sessions.open(headers)).loggedIn).toBe(false);
    expect((await all.sessions.open(headers)).loggedIn).toBe(false);
  });

  it('passes its address to protection', async () => {
    const { app, sessions, url } = await open(platform, { protection: 'strong' });
    const loggedIn = async () => {
      const browser = new Browser(url);
      await browser.post('/login', { user: 'alice' });
      return { host: HOST, cookie: browser.cookie };
    };
    expect((await sessions.open(await handshake(await loggedIn()))).loggedIn).toBe(true);
    expect((await sessions.open(await handshake(await loggedIn()), { ip: '192.0.2.9' })).loggedIn).toBe(
      false,
    );
    const elsewhere = await handshake(await loggedIn());
    Object.defineProperty(elsewhere.socket, 'remoteAddress', { value: '192.0.2.9' });
    expect((await sessions.open(elsewhere)).loggedIn).toBe(false);
    // What a framework made of the request counts before the connection.
    const seen = { headers: await loggedIn(), ip: '192.0.2.9', socket: { remoteAddress: '127.0.0.1' } };
    expect((await sessions.open(seen)).loggedIn).toBe(false);
    await app.close();
  });
});

describe('the handshake behind a proxy', () => {
  const run = async (platform: PlatformName, trustProxy: boolean) => {
    const { app, url } = await start(platform, {
      controllers: [AppController],
      options: { protection: 'strong' },
      trustProxy,
    });
    if (trustProxy && platform === 'express')
      app.get(HttpAdapterHost).httpAdapter.getInstance<Settable>().set('trust proxy', 1);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' }, { headers: { 'x-forwarded-for': '192.0.2.1' } });
    const from = async (more: Record<string, string>) =>
      handshake({ host: 'internal', cookie: browser.cookie, ...more });
    return { sessions: app.get(SessionService), from };
  };

  it('on Express goes by "trust proxy", for the address and the host', async () => {
    const { sessions, from } = await run('express', true);
    const headers = {
      'x-forwarded-for': '198.51.100.7, 192.0.2.1',
      'x-forwarded-host': HOST,
      origin: `https://${HOST}`,
    };
    expect((await sessions.open(await from(headers))).loggedIn).toBe(true);
    expect((await sessions.open(await from({ ...headers, 'x-forwarded-for': '192.0.2.2' }))).loggedIn).toBe(
      false,
    );
  });

  it('on Express trusts no forwarded address without it', async () => {
    const { sessions, from } = await run('express', false);
    const forged = { 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' };
    await expect(sessions.open(await from(forged))).rejects.toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
    // The address of the login is that of the connection, and so is this one.
    expect((await sessions.open(await from({ 'x-forwarded-for': '192.0.2.2' }))).loggedIn).toBe(true);
  });

  it('on Fastify has no address, unless it is given', async () => {
    const { sessions, from } = await run('fastify', true);
    expect((await sessions.open(await from({ 'x-forwarded-for': '192.0.2.2' }))).loggedIn).toBe(true);
    const request = await from({ 'x-forwarded-for': '192.0.2.2' });
    expect((await sessions.open(request, { ip: '192.0.2.1' })).loggedIn).toBe(true);
    expect((await sessions.open(request, { ip: '192.0.2.2' })).loggedIn).toBe(false);
  });
});
