import type { DynamicModule } from '@nestjs/common';
import { UseGuards } from '@nestjs/common';
import { Query, Resolver, Subscription } from '@nestjs/graphql';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createClient, type Client } from 'graphql-ws';
import { LoginGuard, SessionService, Subject, type SessionStore } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import type { Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { jest } from '@jest/globals';
import { closeClients, connectIo } from '../nest/sockets/clients.js';
import { gatewayFor, startGateway, transports } from '../nest/sockets/gateways.js';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';
import { until } from '../support/until.js';
import { load } from './examples.js';

const PAGE = 'docs/gateways.md';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const one of opened.splice(0)) one.close();
  closeClients();
  await closeAll();
});

@Resolver()
class Resolvers {
  @Query(() => String)
  unused() {
    return 'unused';
  }

  @Subscription(() => String, { resolve: (value: unknown) => value })
  async *news(@Subject() subject: string) {
    yield await Promise.resolve(`news for ${subject}`);
    await new Promise(() => undefined);
  }
}

/** A client of graphql-ws, with the close codes that it was told, and the first value of a subscription. */
function subscribe(url: string, headers: Record<string, string>, retryAttempts: number) {
  class WithHeaders extends WebSocket {
    constructor(address: string, protocols: string) {
      super(address, protocols, { headers });
    }
  }
  const client: Client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WithHeaders,
    retryAttempts,
    retryWait: () => new Promise((done) => void setImmediate(done)),
  });
  opened.push({ close: () => client.dispose() });
  const told: { codes: number[]; value: unknown } = { codes: [], value: undefined };
  client.on('closed', (event) => told.codes.push((event as { code: number }).code));
  client.subscribe(
    { query: 'subscription { news }' },
    { next: ({ data }) => (told.value = data?.['news']), error: () => undefined, complete: () => undefined },
  );
  return told;
}

describe.each(platforms)('onConnect of docs/gateways.md on %s', (platform) => {
  const run = async () => {
    const { subscriptions } = await load<{ subscriptions: DynamicModule }>(PAGE, 'Subscriptions of GraphQL');
    const store = new SpyStore();
    const running = await start(platform, {
      controllers: [AppController],
      providers: [Resolvers],
      imports: [subscriptions],
      options: { store: store as SessionStore },
    });
    return { ...running, store };
  };

  it('refuses who is not logged in, and other sites, with 4403', async () => {
    const { app, url } = await run();
    const printed = jest.spyOn(console, 'error');
    const cookie = await loginAs(app, 'alice');
    const nobody = subscribe(url, {}, 0);
    const foreign = subscribe(url, { cookie, origin: 'https://evil.example' }, 0);
    await until(() => nobody.codes.length > 0 && foreign.codes.length > 0);
    expect([nobody.codes, foreign.codes]).toEqual([[4403], [4403]]);
    expect(printed).not.toHaveBeenCalled();
  });

  it('has clients try again while the store is down', async () => {
    const { app, url, store } = await run();
    const printed = jest.spyOn(console, 'error');
    const cookie = await loginAs(app, 'alice');
    store.fail('rejects');
    const alice = subscribe(url, { cookie }, Infinity);
    await until(() => alice.codes.length > 1);
    expect(new Set(alice.codes)).toEqual(new Set([1013]));
    store.heal();
    await until(() => alice.value !== undefined);
    expect(alice.value).toBe('news for alice');
    expect(printed).not.toHaveBeenCalled();
  });
});

interface Page {
  connect(url: string, options: object): Socket;
  connectAnew(socket: Socket): Socket;
}

const io = transports.io;

describe.each(platforms)('the client of docs/gateways.md on %s', (platform) => {
  const run = async () => {
    const store = new SpyStore();
    const running = await startGateway(io, platform, {
      gateways: [gatewayFor(io)],
      options: { store: store as SessionStore },
    });
    const { connect, connectAnew } = await load<Page>(PAGE, 'When the session ends');
    /** Its cookie is that of the time when it connects, as a browser's. */
    const page = (headers: Record<string, string>) => {
      const socket = connect(running.url, {
        extraHeaders: headers,
        transports: ['websocket'],
        forceNew: true,
      });
      opened.push(socket);
      return socket;
    };
    const who = (socket: Socket) => socket.emitWithAck('look') as Promise<{ subject: string | null }>;
    return { ...running, store, page, who, connectAnew };
  };

  it('connects by itself after an outage', async () => {
    const { app, page, who, store } = await run();
    const cookie = await loginAs(app, 'alice');
    store.fail('rejects');
    const socket = page({ cookie });
    await new Promise((done) => socket.once('connect_error', done));
    expect(socket.active).toBe(false);
    store.heal();
    await until(() => socket.connected);
    expect(await who(socket)).toMatchObject({ subject: 'alice' });
  });

  it('connects by itself after another login of the same browser, and not after a logout', async () => {
    const { app, page, who, url, sessions } = await run();
    const headers = { cookie: await loginAs(app, 'alice') };
    const socket = page(headers);
    await until(() => socket.connected);
    const ends: string[] = [];
    socket.on('session-ended', ({ reason }: { reason: string }) => ends.push(reason));
    const gone = new Promise((done) => socket.once('disconnect', done));
    const response = await fetch(`${url}/login`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'bob' }),
    });
    headers.cookie = response.headers.getSetCookie()[0]!.split(';')[0]!;
    await gone;
    await until(() => socket.connected);
    expect(ends).toEqual(['replaced']);
    expect(await who(socket)).toMatchObject({ subject: 'bob' });
    const said = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    await sessions.revokeAll('bob');
    await until(() => !socket.connected && ends.length === 2);
    expect(said).toHaveBeenCalledWith('Log in again: revoked');
    expect(socket.active).toBe(false);
  });

  it('connects with the session of a login', async () => {
    const { app, page, who, connectAnew } = await run();
    const headers: Record<string, string> = {};
    const socket = page(headers);
    await until(() => socket.connected);
    expect(await who(socket)).toMatchObject({ subject: null });
    headers['cookie'] = await loginAs(app, 'alice');
    connectAnew(socket);
    await until(() => socket.connected);
    expect(await who(socket)).toMatchObject({ subject: 'alice' });
  });
});

describe.each(platforms)('a gateway on another port than the page, on %s', (platform) => {
  @WebSocketGateway({ cors: { origin: 'https://app.example', credentials: true } })
  class Feed {
    constructor(readonly sessions: SessionService) {}

    @SubscribeMessage('who')
    @UseGuards(LoginGuard)
    who(@Subject() subject: string) {
      return { subject };
    }
  }

  it.each([
    ['is refused', 'block', { refused: { code: 'ERR_CROSS_ORIGIN' } }],
    ['is taken where the option lists its page', { allow: ['https://app.example'] }, { open: true }],
  ] as const)('%s', async (_, crossOrigin, outcome) => {
    const { app, url } = await startGateway(io, platform, { gateways: [Feed], options: { crossOrigin } });
    const headers = { cookie: await loginAs(app, 'alice'), origin: 'https://app.example' };
    expect(await connectIo(url, headers, ['polling'])).toMatchObject(outcome);
    const preflight = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, {
      method: 'OPTIONS',
      headers: { origin: headers.origin, 'access-control-request-method': 'GET' },
    });
    expect(preflight.headers.get('access-control-allow-credentials')).toBe('true');
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });
});
