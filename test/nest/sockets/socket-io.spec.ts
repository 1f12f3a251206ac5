import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { LoginGuard, Subject } from 'nest-sessions';
import { UseGuards } from '@nestjs/common';
import { loginAs } from 'nest-sessions/testing';
import type { Server } from 'socket.io';
import { Manager } from 'socket.io-client';
import { closeAll, platforms } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients, connectIo, type Client } from './clients.js';
import { gatewayFor, startGateway, transports } from './gateways.js';

afterEach(async () => {
  closeClients();
  await closeAll();
});

@WebSocketGateway({ namespace: 'news' })
class NewsGateway {
  @WebSocketServer() server!: Server;

  @SubscribeMessage('who')
  @UseGuards(LoginGuard)
  who(@Subject() subject: string) {
    return { subject, room: 'news' };
  }

  @SubscribeMessage('shout')
  shout() {
    this.server.emit('news', 'heard');
    return { ok: true };
  }
}

const io = transports.io;

describe.each(platforms)('socket.io on %s', (platform) => {
  const run = () => startGateway(io, platform, { gateways: [gatewayFor(io), NewsGateway] });
  const opened = (client: Awaited<ReturnType<typeof connectIo>>) => client as Client;

  it('has the session of a handshake by polling, too', async () => {
    const { app, url, sessions, size } = await run();
    const cookie = await loginAs(app, 'alice');
    const alice = opened(await connectIo(url, { cookie }, ['polling']));
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    await sessions.revokeAll('alice');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
    const bob = opened(await connectIo(url, { cookie: await loginAs(app, 'bob') }, ['polling', 'websocket']));
    expect(await bob.ask('who')).toEqual({ subject: 'bob' });
    expect(size()).toEqual({ sessions: 1, attached: 1 });
    bob.close();
    await until(() => size().attached === 0);
  });

  it('needs no adapter of the application', async () => {
    const { adapter: _adapter, ...byDefault } = io;
    const { app, client, sessions } = await startGateway(byDefault, platform);
    const alice = await client({ cookie: await loginAs(app, 'alice') });
    expect(await alice.ask('who')).toEqual({ subject: 'alice' });
    await sessions.revokeAll('alice');
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
  });

  it('has it in every namespace', async () => {
    const { app, url, sessions } = await run();
    const cookie = await loginAs(app, 'alice');
    const [root, news] = [
      opened(await connectIo(url, { cookie })),
      opened(await connectIo(`${url}/news`, { cookie })),
    ];
    expect(await news.ask('who')).toEqual({ subject: 'alice', room: 'news' });
    expect(await root.ask('who')).toEqual({ subject: 'alice' });
    await sessions.revokeAll('alice');
    expect([await root.closed, await news.closed]).toEqual(Array(2).fill({ code: 4401, reason: 'revoked' }));
  });

  it.each(['polling', 'websocket'])('tells every namespace of one connection why, by %s', async (way) => {
    const { app, url, sessions, size } = await run();
    const manager = new Manager(url, {
      extraHeaders: { cookie: await loginAs(app, 'alice') },
      transports: [way],
      reconnection: false,
      autoConnect: false,
    });
    const heard: Record<string, unknown[]> = { '/': [], '/news': [] };
    for (const [namespace, told] of Object.entries(heard)) {
      const socket = manager.socket(namespace);
      const connected = new Promise<void>((resolve) => socket.once('connect', () => resolve()));
      socket.on('session-ended', (end) => told.push(end));
      socket.on('disconnect', (reason) => told.push(reason));
      socket.connect();
      await connected;
    }
    expect(size()).toEqual({ sessions: 1, attached: 1 });
    await sessions.revokeAll('alice');
    await until(() => Object.values(heard).every((told) => told.includes('io server disconnect')));
    const told = [{ code: 4401, reason: 'revoked' }, 'io server disconnect'];
    expect(heard).toEqual({ '/': told, '/news': told });
    expect(size()).toEqual({ sessions: 0, attached: 0 });
  });

  it('sends nothing to the sockets of a session that ended', async () => {
    const { app, url, sessions } = await run();
    const alice = opened(await connectIo(`${url}/news`, { cookie: await loginAs(app, 'alice') }));
    const bob = opened(await connectIo(`${url}/news`, { cookie: await loginAs(app, 'bob') }));
    await sessions.revokeAll('alice');
    await bob.ask('shout');
    await alice.closed;
    await until(() => bob.heard.length > 0);
    expect(alice.heard).toEqual([]);
  });
});
