import type { IncomingMessage } from 'node:http';
import type { Type } from '@nestjs/common';
import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import { AllowCrossOrigin, Session, SessionService, type SessionStore } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { Manager } from 'socket.io-client';
import type { Data } from '../../support/app.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway, transports, type Transport } from './gateways.js';

// Nobody waits for handleConnection(): where it rejects, the process ends.
const escaped: unknown[] = [];
const note = (error: unknown) => escaped.push(error);
beforeEach(() => {
  escaped.length = 0;
  process.on('unhandledRejection', note);
});
afterEach(async () => {
  closeClients();
  await closeAll();
  await new Promise(setImmediate);
  process.off('unhandledRejection', note);
  expect(escaped).toEqual([]);
});

/** What the gateway of a spec was told. */
class Told {
  readonly connected: (string | undefined)[] = [];
  readonly left: (string | undefined)[] = [];
}

interface IoClient {
  request: IncomingMessage;
}

function gatewayOf({ answer }: Transport, told: Told, namespace = '/'): Type {
  @WebSocketGateway(namespace === '/' ? {} : { namespace })
  class Gateway implements OnGatewayConnection, OnGatewayDisconnect {
    readonly #requests = new WeakMap<object, IncomingMessage>();

    constructor(private readonly sessions: SessionService<Data>) {}

    async handleConnection(client: IoClient, request = client.request) {
      this.#requests.set(client, request);
      told.connected.push((await this.sessions.open(request)).subject);
    }

    async handleDisconnect(client: IoClient) {
      told.left.push((await this.sessions.open(this.#requests.get(client)!)).subject);
    }

    @SubscribeMessage('look')
    look(@Session() session: Session<Data>) {
      return answer({ subject: session.subject });
    }

    @SubscribeMessage('open')
    @AllowCrossOrigin()
    open() {
      return answer({ ok: true });
    }
  }
  return Gateway;
}

describe.each(everywhere)('open() in handleConnection() by %s', (_, transport, platform) => {
  const run = async () => {
    const [store, told] = [new SpyStore(), new Told()];
    const gateways = [gatewayOf(transport, told)];
    const options = { store: store as SessionStore };
    return { ...(await startGateway(transport, platform, { gateways, options })), store, told };
  };

  it('knows nobody of a socket that another site opened', async () => {
    const { app, client, told } = await run();
    const cookie = await loginAs(app, 'alice');
    const foreign = await client({ cookie, origin: 'https://evil.example' });
    await until(() => told.connected.length === 1);
    expect(await foreign.ask('open')).toEqual({ ok: true });
    expect(await foreign.ask('look')).toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
    const own = await client({ cookie });
    expect(await own.ask('look')).toEqual({ subject: 'alice' });
    expect(told.connected).toEqual([undefined, 'alice']);
  });

  it('asks nothing of the store, nor does it in handleDisconnect()', async () => {
    const { app, client, store, told } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    await until(() => told.connected.length === 1);
    expect(told.connected).toEqual(['alice']);
    expect(store.count('load')).toBe(1);
    store.fail('rejects');
    alice.close();
    await until(() => told.left.length === 1);
    expect(told.left).toEqual(['alice']);
    expect(store.count('load')).toBe(1);
  });

  it('knows nobody in handleDisconnect() of a session that ended', async () => {
    const { app, client, sessions, told } = await run();
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    await sessions.revokeAll('alice');
    await alice.closed;
    await until(() => told.left.length === 1);
    expect(told.left).toEqual([undefined]);
  });
});

describe.each(platforms)('open() of a socket that is known, with socket.io on %s', (platform) => {
  it('has its session in a further namespace, while the store is down', async () => {
    const [store, root, news] = [new SpyStore(), new Told(), new Told()];
    const { app, url } = await startGateway(transports.io, platform, {
      gateways: [gatewayOf(transports.io, root), gatewayOf(transports.io, news, 'news')],
      options: { store: store as SessionStore },
    });
    const manager = new Manager(url, {
      extraHeaders: { cookie: await loginAs(app, 'alice') },
      transports: ['websocket'],
      reconnection: false,
    });
    const first = manager.socket('/');
    await until(() => root.connected.length === 1);
    store.fail('rejects');
    const second = manager.socket('/news');
    await until(() => news.connected.length === 1);
    expect([root.connected, news.connected]).toEqual([['alice'], ['alice']]);
    await until(() => second.connected);
    first.close();
    second.close();
  });

  it('asks anew where an address is given, by which it was not opened', async () => {
    const opened: unknown[] = [];
    @WebSocketGateway()
    class Gateway implements OnGatewayConnection {
      constructor(private readonly sessions: SessionService<Data>) {}

      async handleConnection({ request }: IoClient) {
        const { subject } = await this.sessions.open(request, { ip: '203.0.113.9' });
        opened.push(subject);
      }
    }
    const store = new SpyStore();
    const { app, client } = await startGateway(transports.io, platform, {
      gateways: [Gateway],
      options: { store: store as SessionStore },
    });
    await client({ cookie: await loginAs(app, 'alice') });
    await until(() => opened.length === 1);
    expect(opened).toEqual(['alice']);
    expect(store.count('load')).toBe(2);
  });
});
