import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Catch,
  Controller,
  HttpException,
  Injectable,
  Module,
  Sse,
  UseFilters,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  type MessageEvent,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { GraphQLModule, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import {
  ClientProxyFactory,
  MessagePattern,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { createClient, type Client } from 'graphql-ws';
import { firstValueFrom, NEVER, startWith, throwError, type Observable } from 'rxjs';
import {
  DeviceBound,
  DeviceBoundGuard,
  EndWithSession,
  LoginGuard,
  SessionModule,
  SessionService,
  Subject,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { WebSocket } from 'ws';
import { AppController } from '../../support/app.js';
import {
  BindingBrowser,
  DEVICE_PATH,
  DeviceSigner,
  REFRESH_PATH,
  registrationIn,
} from '../../support/device.js';
import { closeAll, platforms, SECRET, type PlatformName, type Setup } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { startBound } from './device.app.js';

const clients: Client[] = [];
let proxy: ClientProxy | undefined;

afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
  await proxy?.close();
  proxy = undefined;
  await closeAll();
});

/** One value, and then nothing for ever. */
async function* saying(text: string) {
  yield text;
  await new Promise(() => undefined);
}

const resolve = (value: unknown) => value;

@Resolver()
class Resolvers {
  constructor(private readonly sessions: SessionService) {}

  @Query(() => String)
  unused() {
    return 'unused';
  }

  @Mutation(() => String)
  async signIn() {
    await this.sessions.login('alice');
    return 'alice';
  }

  @Mutation(() => String)
  @UseGuards(LoginGuard)
  rename(@Subject() subject: string) {
    return subject;
  }

  @Mutation(() => String)
  @DeviceBound()
  pay() {
    return 'paid';
  }

  @Subscription(() => String, { resolve })
  @UseGuards(LoginGuard)
  news(@Subject() subject: string) {
    return saying(`for ${subject}`);
  }

  @Subscription(() => String, { resolve })
  @DeviceBound()
  secrets() {
    return saying('secret');
  }
}

const apollo = (): DynamicModule =>
  GraphQLModule.forRoot<ApolloDriverConfig>({
    driver: ApolloDriver,
    autoSchemaFile: true,
    subscriptions: { 'graphql-ws': true },
  });

const mercurius = (): DynamicModule =>
  GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    subscription: { fullWsTransport: true },
  });

const drivers: [string, PlatformName, () => DynamicModule][] = [
  ['Apollo on Express', 'express', apollo],
  ['Apollo on Fastify', 'fastify', apollo],
  ['Mercurius on Fastify', 'fastify', mercurius],
];

/** A client of graphql-ws over one socket. */
function subscriber(url: string, cookie: string) {
  class WithCookie extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, { headers: { cookie } });
    }
  }
  const closes: number[] = [];
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WithCookie,
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => undefined,
  });
  client.on('closed', (event) => closes.push((event as { code: number }).code));
  clients.push(client);
  return {
    closes,
    /** The first value, or the code of the error. */
    first: (field: string) =>
      new Promise<unknown>((done) => {
        type Errors = readonly { extensions?: Record<string, unknown> }[] | undefined;
        const fail = (errors: unknown) =>
          done(Array.isArray(errors) && (errors as Errors)![0]?.extensions?.['code']);
        client.subscribe<Record<string, unknown>>(
          { query: `subscription { ${field} }` },
          {
            next: ({ data, errors }) => (errors ? fail(errors) : done(data?.[field])),
            error: fail,
            complete: () => undefined,
          },
        );
      }),
  };
}

describe.each(drivers)('a device-bound session over GraphQL with %s', (_name, platform, driver) => {
  const run = () =>
    startBound(
      platform,
      { idle: '2h' },
      { controllers: [AppController], imports: [driver()], providers: [Resolvers] },
    );

  it('begins with a mutation, and mutations need its bound cookie', async () => {
    const { browser, clock } = await run();
    const mutate = (field: string, cookie = browser.cookie) =>
      browser.post('/graphql', { query: `mutation { ${field} }` }, { cookie });
    browser.loggedIn = await browser.post('/graphql', { query: 'mutation { signIn }' });
    const { challenge } = registrationIn(browser.loggedIn);
    expect((await mutate('pay')).body).toContain('ERR_DEVICE_REQUIRED');
    expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
    clock.advance('11s');
    expect((await mutate('pay')).json()).toEqual({ data: { pay: 'paid' } });
    expect((await mutate('rename')).json()).toEqual({ data: { rename: 'alice' } });
    for (const field of ['pay', 'rename']) {
      const refused = await mutate(field, browser.unbound);
      expect(refused.body).toContain('ERR_LOGIN_REQUIRED');
      expect(refused.json()['data']).toBeNull();
    }
  });

  it('has subscriptions until the bound cookie of their handshake is over', async () => {
    const { browser, clock, url } = await run();
    await browser.bind();
    clock.advance('1m');
    const thief = subscriber(url, browser.cookie);
    expect(await thief.first('secrets')).toBe('secret');
    clock.advance('7m');
    await browser.refresh();
    const later = subscriber(url, browser.cookie);
    expect(await later.first('news')).toBe('for alice');
    clock.advance('3m');
    await until(() => thief.closes.length > 0);
    expect([thief.closes, later.closes]).toEqual([[4205], []]);
    expect(await later.first('secrets')).toBe('secret');
  });

  it('has no subscription without the bound cookie, and one of @DeviceBound() for no other session', async () => {
    const { browser, clock, url } = await run();
    await browser.bind();
    clock.advance('1m');
    const unbound = subscriber(url, browser.unbound);
    expect(await unbound.first('news')).toBe('ERR_LOGIN_REQUIRED');
    expect(await unbound.first('secrets')).toBe('ERR_LOGIN_REQUIRED');
    const ordinary = new BindingBrowser(url);
    await ordinary.login();
    const other = subscriber(url, ordinary.cookie);
    expect(await other.first('news')).toBe('for alice');
    expect(await other.first('secrets')).toBe('ERR_DEVICE_REQUIRED');
  });
});

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

/** Sends the code of an error to the sender of the message, which otherwise learns nothing. */
@Catch()
class CodeFilter implements ExceptionFilter {
  catch(error: unknown) {
    return throwError(() => ({ code: codeOf(error) }));
  }
}

@Controller()
@UseFilters(CodeFilter)
class MessageController {
  @MessagePattern('plain')
  plain() {
    return 'plain';
  }

  @MessagePattern('bound')
  @DeviceBound()
  bound() {
    return 'bound';
  }
}

describe.each(platforms)('device-bound sessions in a hybrid application on %s', (platform) => {
  const run = (setup: Setup = {}) =>
    startBound(
      platform,
      {},
      {
        controllers: [AppController, MessageController],
        ...setup,
        prepare: async (app) => {
          const service = app.connectMicroservice<MicroserviceOptions>(
            { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
            { inheritAppConfig: true },
          );
          await app.startAllMicroservices();
          const { port } = service.unwrap<Server>().address() as AddressInfo;
          proxy = ClientProxyFactory.create({
            transport: Transport.TCP,
            options: { host: '127.0.0.1', port },
          });
        },
      },
    );
  const send = (pattern: string): Promise<unknown> =>
    firstValueFrom(proxy!.send<unknown, unknown>(pattern, '')).catch((error: unknown) => error);

  it('bind over HTTP, and no message handler may ask for one', async () => {
    const { browser } = await run();
    expect((await browser.bind()).status).toBe(200);
    expect(await send('plain')).toBe('plain');
    expect(await send('bound')).toMatchObject({ code: 'ERR_NO_SESSION' });
  });

  it('do not concern messages where DeviceBoundGuard is global, as LoginGuard does not', async () => {
    const { browser } = await run({
      providers: [{ provide: APP_GUARD, useClass: DeviceBoundGuard }],
    });
    expect(await send('plain')).toBe('plain');
    expect(await send('bound')).toMatchObject({ code: 'ERR_NO_SESSION' });
    expect((await browser.get('/me')).status).toBe(401);
  });
});

/** A rate limit for everything, as a throttler has it. */
@Injectable()
class LimitGuard implements CanActivate {
  asked = 0;

  canActivate(_context: ExecutionContext): boolean {
    if (++this.asked > 2) throw new HttpException('Too many requests', 429);
    return true;
  }
}

describe.each(platforms)('the paths of devices beside a rate limit of the application on %s', (platform) => {
  it('are not limited, and cost nobody anything: no write, no event per byte, and small responses', async () => {
    const limit = new LimitGuard();
    const { browser, clock, app, url, told } = await startBound(
      platform,
      { idle: '2h' },
      { providers: [{ provide: APP_GUARD, useValue: limit }] },
    );
    await browser.bind();
    clock.advance('8m');
    const { asked } = limit;
    expect((await browser.refresh()).status).toBe(200);
    expect(limit.asked).toBe(asked);
    await browser.get('/me');
    expect((await browser.get('/me')).status).toBe(429);
    const key = app.get(SessionService);
    const before = JSON.stringify(await key.list('alice'));
    const stranger = new BindingBrowser(url);
    const signer = new DeviceSigner();
    for (let i = 0; i < 20; i++) {
      const answers = [
        await stranger.post(DEVICE_PATH, undefined, {
          headers: { 'secure-session-response': signer.registration('x'.repeat(75)) },
        }),
        await stranger.post(REFRESH_PATH, undefined, {
          headers: { 'sec-secure-session-id': browser.sessionId },
        }),
        await browser.ask(),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 200, 403]);
      for (const { body, setCookies } of answers) {
        expect(body.length).toBeLessThan(200);
        expect(setCookies).toEqual([]);
      }
    }
    expect(limit.asked).toBe(asked + 2);
    expect(JSON.stringify(await key.list('alice'))).toBe(before);
    expect(told('reused')).toEqual([]);
    expect((await browser.refresh()).status).toBe(200);
  });
});

@Controller()
class StreamController {
  @Sse('stream')
  @EndWithSession()
  @UseGuards(LoginGuard)
  stream(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'begun' }));
  }
}

@Module({ controllers: [AppController, StreamController] })
class AppModule {}

/** What a device sends and gets over one connection of HTTP/2. */
class Http2Browser {
  readonly device = new DeviceSigner();
  readonly #jar = new Map<string, string>();

  constructor(readonly client: ClientHttp2Session) {}

  get cookie(): string {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get unbound(): string {
    return [...this.#jar]
      .filter(([name]) => !name.endsWith('-bound'))
      .map((pair) => pair.join('='))
      .join('; ');
  }

  open(method: string, path: string, headers: Record<string, string>, body?: unknown) {
    const cookie = headers['cookie'] ?? this.cookie;
    const stream = this.client.request({
      ':method': method,
      ':path': path,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
      ...(cookie && { cookie }),
    });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
    return stream;
  }

  async send(method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
    const stream = this.open(method, path, headers, body);
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    for (const one of (head['set-cookie'] as string[] | undefined) ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(one)!;
      this.#jar.set(name!, value!);
    }
    let text = '';
    for await (const part of stream) text += String(part);
    return { status: head[':status'], headers: head as Record<string, string>, body: text };
  }
}

async function startHttp2(platform: PlatformName) {
  const clock = new FakeClock();
  const module = await Test.createTestingModule({
    imports: [SessionModule.forRoot({ secret: SECRET, clock, deviceBound: true, idle: '2h' }), AppModule],
  }).compile();
  const app =
    platform === 'fastify'
      ? module.createNestApplication(new FastifyAdapter({ http2: true } as never), { logger: false })
      : module.createNestApplication(new ExpressAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  return { app, clock, client, browser: new Http2Browser(client) };
}

describe('device-bound sessions over HTTP/2 on Fastify', () => {
  let running: Awaited<ReturnType<typeof startHttp2>>;
  beforeEach(async () => (running = await startHttp2('fastify')));
  afterEach(async () => {
    running.client.destroy();
    await running.app.close();
  });

  it('register, refresh, need the bound cookie, and end their streams with it', async () => {
    const { browser, clock } = running;
    const login = await browser.send('POST', '/login', {}, { user: 'alice' });
    const [, first] = /challenge="([^"]+)"/.exec(login.headers['secure-session-registration']!)!;
    const registered = await browser.send('POST', DEVICE_PATH, {
      'secure-session-response': browser.device.registration(first!),
    });
    expect(registered.status).toBe(200);
    const { session_identifier: id } = JSON.parse(registered.body) as { session_identifier: string };
    clock.advance('11s');
    expect((await browser.send('GET', '/me')).status).toBe(200);
    expect((await browser.send('GET', '/me', { cookie: browser.unbound })).status).toBe(401);
    const stream = browser.open('GET', '/stream', {});
    let text = '';
    stream.on('data', (part) => (text += String(part)));
    await until(() => text.includes('begun'));
    clock.advance('8m');
    const asked = await browser.send('POST', REFRESH_PATH, { 'sec-secure-session-id': id });
    const [, next] = /^"([^"]+)"/.exec(asked.headers['secure-session-challenge']!)!;
    const refreshed = await browser.send('POST', REFRESH_PATH, {
      'sec-secure-session-id': id,
      'secure-session-response': browser.device.refresh(next!),
    });
    expect([asked.status, refreshed.status]).toEqual([403, 200]);
    clock.advance('3m');
    await until(() => stream.readableEnded || stream.closed);
    expect(text).toContain('session-ended');
    expect((await browser.send('GET', '/me')).status).toBe(200);
  });
});
