import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Inject, UseGuards, type DynamicModule } from '@nestjs/common';
import { GraphQLModule, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { createClient, type Client } from 'graphql-ws';
import { AllowCrossOrigin, LoginGuard, Relogin, Session, SessionService, Subject } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { WebSocket } from 'ws';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { AppController, type Data } from '../../support/app.js';
import { closeAll, start, type PlatformName, type Setup } from '../../support/platforms.js';
import { until } from '../../support/until.js';

const clients: Client[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.dispose();
  await closeAll();
});

const resolve = (value: unknown) => value;

/** One value, and then nothing for ever. */
async function* saying(text: string) {
  yield text;
  await new Promise(() => undefined);
}

@Resolver()
class Resolvers {
  constructor(@Inject(SessionService) private readonly sessions: SessionService<Data>) {}

  /** Logs in whom a request is of. */
  @Mutation(() => String, { nullable: true })
  async login() {
    await this.sessions.login('mallory');
    return 'mallory';
  }

  @Query(() => String)
  unused() {
    return 'unused';
  }

  @Subscription(() => String, { resolve })
  @UseGuards(LoginGuard)
  news(@Subject() subject: string) {
    return saying(`news for ${subject}`);
  }

  @Subscription(() => String, { resolve })
  anybody(@Session() session: Session<Data>) {
    return saying(`for ${session.subject ?? 'nobody'}`);
  }

  @Subscription(() => String, { resolve })
  @Relogin('5m')
  sensitive() {
    return saying('sensitive');
  }

  @Subscription(() => String, { resolve })
  @AllowCrossOrigin()
  open() {
    return saying('open');
  }

  @Subscription(() => Number, { resolve })
  async *counted(@Session() session: Session<Data>) {
    yield await session.update('n', (n) => Number(n ?? 0) + 1);
    await new Promise(() => undefined);
  }
}

type OnConnect = (sessions: SessionService) => (context: { extra: unknown }) => unknown;

interface Driver {
  platform: PlatformName;
  module(onConnect?: OnConnect): DynamicModule;
}

const apollo = (platform: PlatformName): Driver => ({
  platform,
  module: (onConnect) =>
    GraphQLModule.forRootAsync<ApolloDriverConfig>({
      driver: ApolloDriver,
      inject: [SessionService],
      useFactory: (sessions: SessionService) => ({
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': onConnect ? { onConnect: onConnect(sessions) as never } : true },
      }),
    }),
});

const mercurius: Driver = {
  platform: 'fastify',
  module: () =>
    GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      subscription: { fullWsTransport: true },
    }),
};

const drivers: [string, Driver][] = [
  ['Apollo on Express', apollo('express')],
  ['Apollo on Fastify', apollo('fastify')],
  ['Mercurius on Fastify', mercurius],
];

async function run(driver: Driver, { onConnect, ...setup }: Setup & { onConnect?: OnConnect } = {}) {
  const running = await start(driver.platform, {
    ...setup,
    controllers: [AppController],
    providers: [Resolvers],
    imports: [driver.module(onConnect)],
  });
  const { app, url } = running;
  return {
    ...running,
    sessions: app.get<SessionService<Data>>(SessionService),
    size: () => app.get<{ attachments: { size: { attached: number } } }>(SESSION_ENGINE).attachments.size,
    connect: (headers: Record<string, string> = {}, claims: Record<string, unknown> = {}) =>
      connect(`${url.replace('http', 'ws')}/graphql`, headers, claims),
  };
}

interface Heard {
  values: unknown[];
  codes: unknown[];
  closed: { code: number; reason: string } | undefined;
}

/** A client of graphql-ws over one socket. */
function connect(url: string, headers: Record<string, string>, claims: Record<string, unknown>) {
  class WithHeaders extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, { headers });
    }
  }
  const closes: { code: number; reason: string }[] = [];
  const client = createClient({
    url,
    webSocketImpl: WithHeaders,
    lazy: false,
    retryAttempts: 0,
    connectionParams: claims,
    onNonLazyError: () => undefined,
  });
  client.on('closed', (event) => closes.push(event as { code: number; reason: string }));
  clients.push(client);
  return {
    closes,
    connected: new Promise<void>((done) => client.on('connected', () => done())),
    subscribe(field: string, operation = 'subscription'): Heard {
      const heard: Heard = { values: [], codes: [], closed: undefined };
      client.subscribe(
        { query: `${operation} { ${field} }` },
        {
          next: ({ data, errors }) => {
            if (data) heard.values.push(data[field]);
            for (const { extensions } of errors ?? []) heard.codes.push(extensions?.['code']);
          },
          error: (error) => {
            if (Array.isArray(error)) {
              for (const { extensions } of error as { extensions?: { code: string } }[])
                heard.codes.push(extensions?.code);
            } else heard.closed = error as { code: number; reason: string };
          },
          complete: () => undefined,
        },
      );
      return heard;
    },
  };
}

describe.each(drivers)('subscriptions over graphql-ws with %s', (_name, driver) => {
  it('have the session of the handshake, for guards and decorators', async () => {
    const { app, connect: open } = await run(driver);
    const alice = open({ cookie: await loginAs(app, 'alice') });
    const [news, anybody] = [alice.subscribe('news'), alice.subscribe('anybody')];
    await until(() => news.values.length > 0 && anybody.values.length > 0);
    expect([news.values, anybody.values]).toEqual([['news for alice'], ['for alice']]);
    const nobody = open();
    const [refused, passing] = [nobody.subscribe('news'), nobody.subscribe('anybody')];
    await until(() => refused.codes.length > 0 && passing.values.length > 0);
    expect([refused.codes, passing.values]).toEqual([['ERR_LOGIN_REQUIRED'], ['for nobody']]);
  });

  it('end with the session, and the socket closes with the code', async () => {
    const { app, connect: open, sessions, size } = await run(driver);
    const [alice, bob] = [
      open({ cookie: await loginAs(app, 'alice') }),
      open({ cookie: await loginAs(app, 'bob') }),
    ];
    const [news, others] = [alice.subscribe('news'), bob.subscribe('news')];
    await until(() => news.values.length > 0 && others.values.length > 0);
    await sessions.revokeAll('alice');
    await until(() => alice.closes.length > 0);
    expect(alice.closes[0]).toMatchObject({ code: 4401, reason: 'revoked' });
    expect(bob.closes).toEqual([]);
    expect(size()).toMatchObject({ attached: 1 });
  });

  it('are refused over a socket that another site opened, but where a resolver allows it', async () => {
    const { app, connect: open } = await run(driver);
    const foreign = open({ cookie: await loginAs(app, 'alice'), origin: 'https://evil.example' });
    const [news, allowed] = [foreign.subscribe('news'), foreign.subscribe('open')];
    await until(() => news.codes.length > 0 && allowed.values.length > 0);
    expect([news.codes, allowed.values]).toEqual([['ERR_CROSS_ORIGIN'], ['open']]);
  });

  it.each<[string, (headers: Record<string, unknown>) => Record<string, unknown>]>([
    ['directly', (headers) => headers],
    ['as headers', (headers) => ({ headers })],
  ])('believe nothing that connection_init claims %s', async (_how, claim) => {
    const { app, connect: open } = await run(driver);
    const cookie = await loginAs(app, 'alice');
    const claims = claim({ cookie, 'sec-fetch-site': 'same-origin', 'x-forwarded-host': 'evil.example' });
    const [nobody, foreign] = [open({}, claims), open({ cookie, origin: 'https://evil.example' }, claims)];
    const [anybody, news] = [nobody.subscribe('anybody'), foreign.subscribe('news')];
    await until(() => anybody.values.length > 0 && news.codes.length > 0);
    expect([anybody.values, news.values, news.codes]).toEqual([['for nobody'], [], ['ERR_CROSS_ORIGIN']]);
  });

  it('leave the session alone where a mutation over the socket asks for the current one', async () => {
    const { app, connect: open, sessions } = await run(driver);
    const cookie = await loginAs(app, 'alice');
    const alice = open({ cookie });
    const news = alice.subscribe('news');
    await until(() => news.values.length > 0);
    const login = alice.subscribe('login', 'mutation');
    await until(() => login.codes.length > 0);
    expect(login.codes).toEqual(['ERR_NO_SESSION']);
    expect((await sessions.open({ cookie })).subject).toBe('alice');
    expect(alice.closes).toEqual([]);
  });

  it('ask for a fresh login, and update the session', async () => {
    const { app, clock, connect: open, sessions } = await run(driver);
    const cookie = await loginAs(app, 'alice');
    clock.advance('6m');
    const alice = open({ cookie });
    const [sensitive, counted] = [alice.subscribe('sensitive'), alice.subscribe('counted')];
    await until(() => sensitive.codes.length > 0 && counted.values.length > 0);
    expect([sensitive.codes, counted.values]).toEqual([['ERR_RELOGIN_REQUIRED'], [1]]);
    expect((await sessions.open({ cookie })).data).toEqual({ n: 1 });
  });

  it('leave nothing behind when the client goes', async () => {
    const { app, connect: open, size } = await run(driver);
    const alice = open({ cookie: await loginAs(app, 'alice') });
    const news = alice.subscribe('news');
    await until(() => news.values.length > 0);
    expect(size()).toMatchObject({ attached: 1 });
    await clients.pop()!.dispose();
    await until(() => size().attached === 0);
  });
});

// Mercurius tells its onConnect nothing of the request.
describe.each(drivers.slice(0, 2))('onConnect of graphql-ws with %s', (_name, driver) => {
  it('opens the session, with which the socket ends before its first operation', async () => {
    const onConnect: OnConnect = (sessions) => (context) => {
      const { request, socket } = context.extra as Parameters<typeof Object> & {
        request: never;
        socket: object;
      };
      return sessions.connect(request, socket).then(
        (session) => session.loggedIn,
        () => false,
      );
    };
    const { app, connect: open, sessions, url } = await run(driver, { onConnect });
    const cookie = await loginAs(app, 'alice');
    const alice = open({ cookie });
    await alice.connected;
    await sessions.revokeAll('alice');
    await until(() => alice.closes.length > 0);
    expect(alice.closes[0]).toMatchObject({ code: 4401, reason: 'revoked' });
    // Who is not logged in, and other sites, are refused: 4403 of the protocol.
    const [nobody, foreign] = [open(), open({ cookie, origin: 'https://evil.example' })];
    await until(() => nobody.closes.length > 0 && foreign.closes.length > 0);
    expect([nobody.closes[0]!.code, foreign.closes[0]!.code]).toEqual([4403, 4403]);
    expect(url).toBeDefined();
  });
});
