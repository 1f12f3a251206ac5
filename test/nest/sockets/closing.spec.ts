import { once } from 'node:events';
import { get, type IncomingMessage, type Server } from 'node:http';
import { Controller, Get, Sse, UseGuards, type CanActivate, Injectable } from '@nestjs/common';
import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { NEVER, startWith } from 'rxjs';
import type { Namespace, Socket } from 'socket.io';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { SealedCookie } from 'nest-sessions/sealed';
import { EndWithSession, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients } from './clients.js';
import { everywhere, startGateway, transports } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

describe.each(everywhere)('sockets of sealed cookies by %s', (_, transport, platform) => {
  it('close each when the cookie of its own handshake is over', async () => {
    const { client, clock, url } = await startGateway(transport, platform, {
      options: { store: new SealedCookie() },
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const former = browser.cookie;
    clock.advance('16m');
    await browser.get('/look');
    await browser.get('/look');
    const later = await client({ cookie: browser.cookie });
    const earlier = await client({ cookie: former });
    clock.advance('14m');
    expect(await earlier.closed).toMatchObject({ code: 4205 });
    expect(later.open).toBe(true);
  });
});

describe.each(platforms)('sockets of socket.io on %s', (platform) => {
  const serverOf = async (options: object = {}) => {
    const servers: Namespace[] = [];
    const found: Socket[] = [];
    @WebSocketGateway(options)
    class Gateway {
      @WebSocketServer() server!: Namespace;

      handleConnection(socket: Socket) {
        servers.push(this.server);
        found.push(socket);
      }
    }
    const gateways = [Gateway];
    return { ...(await startGateway(transports.io, platform, { gateways })), servers, found };
  };

  it('close all, also where a listener of one throws', async () => {
    const { app, client, sessions, found } = await serverOf();
    const cookie = await loginAs(app, 'alice');
    const both = [await client({ cookie }), await client({ cookie })];
    found[0]!.once('disconnecting', () => {
      throw new Error('of the application');
    });
    await sessions.revokeAll('alice');
    expect((await both[1]!.closed).code).toBe(4401);
  });

  it('leave no listener behind in a connection whose client leaves and comes again', async () => {
    const { app, url, found } = await serverOf();
    const cookie = await loginAs(app, 'alice');
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      headers: { cookie },
    });
    await once(socket, 'message');
    const count = () => (found[0]!.conn as unknown as NodeJS.EventEmitter).listenerCount('close');
    // The packets of socket.io to join a namespace, and to leave it.
    socket.send('40');
    await until(() => found.length === 1);
    const before = count();
    for (let i = 2; i < 7; i++) {
      const left = once(found.at(-1)! as unknown as NodeJS.EventEmitter, 'disconnect');
      socket.send('41');
      await left;
      socket.send('40');
      await until(() => found.length === i);
    }
    expect(count()).toBe(before);
    socket.close();
  });

  it('give a client that comes back nothing of a session that ended while it was away', async () => {
    const { app, url, sessions, found, servers } = await serverOf({ connectionStateRecovery: {} });
    const cookie = await loginAs(app, 'alice');
    const socket = io(url, {
      extraHeaders: { cookie },
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    });
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    await found[0]!.join('alice');
    const heard: unknown[] = [];
    socket.on('news', (news) => heard.push(news));
    servers[0]!.to('alice').emit('news', 1);
    await until(() => heard.length === 1);
    const gone = once(found[0]! as unknown as NodeJS.EventEmitter, 'disconnect');
    socket.io.engine.close();
    await gone;
    await sessions.revokeAll('alice');
    servers[0]!.to('alice').emit('news', 2);
    socket.connect();
    await until(() => found.length === 2);
    expect([found[1]!.recovered, [...found[1]!.rooms].includes('alice')]).toEqual([false, false]);
    expect(heard).toEqual([1]);
    socket.io._close();
  });
});

describe.each(platforms)('running responses on %s', (platform) => {
  it('leave nothing behind when their client goes before they begin', async () => {
    let pass: () => void = () => undefined;
    let asked = 0;
    @Injectable()
    class Slow implements CanActivate {
      canActivate() {
        asked++;
        return new Promise<boolean>((resolve) => (pass = () => resolve(true)));
      }
    }
    @Controller()
    @UseGuards(Slow)
    class Slowly {
      @Sse('events')
      @EndWithSession()
      events() {
        return NEVER;
      }

      @Get('file')
      @EndWithSession()
      file() {
        return NEVER;
      }
    }
    const { app, url } = await start(platform, { controllers: [Slowly] });
    const { attachments } = app.get<{ attachments: { size: { attached: number } } }>(SESSION_ENGINE);
    const cookie = await loginAs(app, 'alice');
    let closed = 0;
    const server = app.getHttpServer() as NodeJS.EventEmitter;
    server.on('request', (_, response: NodeJS.EventEmitter) => response.once('close', () => closed++));
    for (const path of ['/events', '/file']) {
      const [before, seen] = [closed, asked];
      const request = get(url + path, { headers: { cookie } }).on('error', () => undefined);
      await until(() => asked === seen + 1);
      request.destroy();
      await until(() => closed === before + 1);
      pass();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(attachments.size.attached).toBe(0);
    }
  });
});

describe.each(platforms)('streams of an application that closes on %s', (platform) => {
  it('end with their session, for which it waits', async () => {
    @Controller()
    class Events {
      @Sse('events')
      @EndWithSession()
      events() {
        return NEVER.pipe(startWith({ data: 'begun' }));
      }
    }
    const { app, url } = await start(platform, { controllers: [Events] });
    const cookie = await loginAs(app, 'alice');
    const [response] = (await once(
      get(`${url}/events`, { agent: false, headers: { cookie } }),
      'response',
    )) as [IncomingMessage];
    const ended = once(response.resume(), 'end');
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    const server = app.getHttpServer() as Server;
    await until(() => !server.listening);
    expect(closed).toBe(false);
    await app.get<SessionService>(SessionService).revokeAll('alice');
    await ended;
    await closing;
  });
});
