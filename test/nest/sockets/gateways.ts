import type { INestApplication, Type, WebSocketAdapter } from '@nestjs/common';
import { UseGuards, UseInterceptors } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  AllowCrossOrigin,
  CurrentUser,
  LoginGuard,
  Logout,
  Passive,
  Relogin,
  Session,
  SessionInterceptor,
  SessionService,
  Subject,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { platforms, start, type PlatformName, type Running, type Setup } from '../../support/platforms.js';
import { connectIo, connectWs, type Client, type Headers, type Refused } from './clients.js';

/** An adapter of Nest's gateways with a client of it. */
export interface Transport {
  name: string;
  /** Without one the adapter is that of Nest's default. */
  adapter?(app: INestApplication): WebSocketAdapter;
  connect(url: string, headers?: Headers): Promise<Client | Refused>;
  /** How a handler answers, so that the client has the answer to its message. */
  answer(value: unknown): unknown;
}

const ws: Transport = {
  name: 'ws',
  adapter: (app) => new WsAdapter(app),
  connect: (url, headers) => connectWs(url, headers),
  answer: (data) => ({ event: 'answer', data }),
};

const io: Transport = {
  name: 'socket.io',
  adapter: (app) => new IoAdapter(app),
  connect: (url, headers) => connectIo(url, headers),
  answer: (value) => value,
};

export const transports = { ws, io };

/** Every behaviour of gateways is specified once and holds on all. */
export const everywhere: [string, Transport, PlatformName][] = [ws, io].flatMap((transport) =>
  platforms.map(([platform]): [string, Transport, PlatformName] => [
    `${transport.name} on ${platform}`,
    transport,
    platform,
  ]),
);

/** A gateway with the usual messages. */
export function gatewayFor({ answer }: Transport): Type {
  @WebSocketGateway()
  class Gateway {
    constructor(private readonly sessions: SessionService<Data>) {}

    @SubscribeMessage('look')
    look(@Session() session: Session<Data>) {
      return answer({ subject: session.subject ?? null, data: { ...session.data }, state: session.state });
    }

    @SubscribeMessage('who')
    @UseGuards(LoginGuard)
    who(@Subject() subject: string) {
      return answer({ subject });
    }

    @SubscribeMessage('user')
    user(@CurrentUser() user: unknown) {
      return answer({ user });
    }

    @SubscribeMessage('poll')
    @Passive()
    poll() {
      return answer({ ok: true });
    }

    @SubscribeMessage('sensitive')
    @Relogin('5m')
    sensitive() {
      return answer({ ok: true });
    }

    @SubscribeMessage('set')
    set(@Session() session: Session<Data>, @MessageBody() body: Data) {
      Object.assign(session.data, body);
      return answer({ ok: true });
    }

    @SubscribeMessage('set and fail')
    setAndFail(@Session() session: Session<Data>) {
      session.data['failed'] = true;
      throw new Error('internals');
    }

    @SubscribeMessage('commit')
    @UseInterceptors(SessionInterceptor)
    async commit(@Session() session: Session<Data>, @MessageBody() body: Data) {
      Object.assign(session.data, body);
      await session.commit();
      return answer({ state: session.state });
    }

    @SubscribeMessage('count')
    async count() {
      return answer({ n: await this.sessions.current.update('n', (n) => Number(n ?? 0) + 1) });
    }

    @SubscribeMessage('login')
    async login() {
      const code = (error: { code: string }) => error.code;
      return answer({ code: await this.sessions.login('mallory').then(() => 'in', code) });
    }

    @SubscribeMessage('logout')
    @Logout()
    logout() {
      return answer({ ok: true });
    }

    @SubscribeMessage('open')
    @AllowCrossOrigin()
    open() {
      return answer({ ok: true });
    }
  }
  return Gateway;
}

export interface GatewayApp extends Running {
  sessions: SessionService<Data>;
  connect(headers?: Headers): Promise<Client | Refused>;
  /** One that is not refused. */
  client(headers?: Headers): Promise<Client>;
  /** How much is open. */
  size(): { sessions: number; attached: number };
}

/** An application with a gateway. To be closed by `closeAll()`. */
export async function startGateway(
  transport: Transport,
  platform: PlatformName,
  setup: Setup & { gateways?: Type[] } = {},
): Promise<GatewayApp> {
  const { gateways = [gatewayFor(transport)], prepare, ...rest } = setup;
  const running = await start(platform, {
    controllers: [AppController],
    ...rest,
    providers: [...gateways, ...(rest.providers ?? [])],
    prepare: async (app) => {
      const adapter = transport.adapter?.(app);
      if (adapter) app.useWebSocketAdapter(adapter);
      await prepare?.(app);
    },
  });
  const { app, url } = running;
  const connect = (headers?: Headers) => transport.connect(url, headers);
  return {
    ...running,
    sessions: app.get<SessionService<Data>>(SessionService),
    connect,
    async client(headers) {
      const client = await connect(headers);
      if ('refused' in client) throw new Error(`refused: ${JSON.stringify(client)}`);
      return client;
    },
    size: () =>
      app.get<{ attachments: { size: { sessions: number; attached: number } } }>(SESSION_ENGINE).attachments
        .size,
  };
}
