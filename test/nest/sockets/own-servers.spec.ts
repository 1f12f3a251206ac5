import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { SessionService, type Session, type SessionEnd } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { Server as IoServer, type Socket as IoSocket } from 'socket.io';
import { WebSocketServer, type WebSocket } from 'ws';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { AppController, type Data } from '../../support/app.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { until } from '../../support/until.js';
import { closeClients, connectIo, connectWs, type Client } from './clients.js';

const servers: Server[] = [];
afterEach(async () => {
  closeClients();
  await closeAll();
  for (const server of servers.splice(0)) server.close();
});

async function run(platform: PlatformName) {
  const running = await start(platform, { controllers: [AppController] });
  const sessions = running.app.get<SessionService<Data>>(SessionService);
  const server = createServer();
  servers.push(server);
  const opened: Session<Data>[] = [];
  const refused: unknown[] = [];
  new WebSocketServer({ server }).on('connection', (socket: WebSocket, request: IncomingMessage) => {
    sessions.connect(request, socket).then(
      (session) => opened.push(session),
      (error: { code: string }) => refused.push(error.code),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const size = () =>
    running.app.get<{ attachments: { size: { attached: number } } }>(SESSION_ENGINE).attachments.size
      .attached;
  return { ...running, sessions, opened, refused, size, server: url };
}

describe.each(platforms)('a server of the application’s own on %s', (platform) => {
  it('has the session of a socket by connect(), which closes with it', async () => {
    const { app, sessions, opened, server } = await run(platform);
    const alice = (await connectWs(server, { cookie: await loginAs(app, 'alice') })) as Client;
    await until(() => opened.length > 0);
    expect(opened[0]!.subject).toBe('alice');
    await opened[0]!.update('n', () => 1);
    await sessions.revoke(opened[0]!.id);
    expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
  });

  it.each([[['polling']], [['polling', 'websocket']], [['websocket']]])(
    'closes a socket of socket.io by %s, long after the request of its handshake',
    async (ways) => {
      const { app } = await start(platform, { controllers: [AppController] });
      const sessions = app.get<SessionService<Data>>(SessionService);
      const server = createServer();
      server.keepAliveTimeout = 1;
      servers.push(server);
      const found: IoSocket[] = [];
      new IoServer(server).on('connection', (socket) => {
        void sessions.connect(socket.request, socket).then(() => found.push(socket));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
      const alice = (await connectIo(url, { cookie: await loginAs(app, 'alice') }, ways)) as Client;
      await until(() => found.length === 1);
      const [{ conn, request }] = found as [IoSocket];
      await until(() => conn.transport.name === ways.at(-1));
      if (ways[0] === 'polling') await until(() => request.socket.destroyed);
      expect(alice.open).toBe(true);
      await sessions.revokeAll('alice');
      expect(await alice.closed).toEqual({ code: 4401, reason: 'revoked' });
    },
  );

  it('is told of a handshake of another site, and leaves nothing behind', async () => {
    const { app, refused, server, size } = await run(platform);
    const foreign = (await connectWs(server, {
      cookie: await loginAs(app, 'alice'),
      origin: 'https://evil.example',
    })) as Client;
    await until(() => refused.length > 0);
    expect(refused).toEqual(['ERR_CROSS_ORIGIN']);
    foreign.close();
    await until(() => size() === 0);
  });

  it('tells of the end of any session by onEnd(), once, until it is called off', async () => {
    const { app, sessions, size, clock } = await run(platform);
    const cookie = await loginAs(app, 'alice');
    const [one, other] = [await sessions.open({ cookie }), await sessions.open({ cookie })];
    const ends: [string, SessionEnd][] = [];
    sessions.onEnd(one, (end) => ends.push(['one', end]));
    const off = sessions.onEnd(other, (end) => ends.push(['other', end]));
    expect(size()).toBe(2);
    off();
    clock.advance('30m');
    await until(() => ends.length > 0);
    expect(ends).toEqual([['one', { code: 4401, reason: 'idle' }]]);
    expect(size()).toBe(0);
    // A session that is not stored cannot end.
    sessions.onEnd(await sessions.open({}), () => ends.push(['nobody', {} as never]));
    expect(size()).toBe(0);
  });

  it('tells by onEnd() of a session that has ended before the call, whether the session knows or not', async () => {
    const { app, sessions, size } = await run(platform);
    const cookie = await loginAs(app, 'alice');
    const [one, other, third] = [
      await sessions.open({ cookie }),
      await sessions.open({ cookie }),
      await sessions.open({ cookie }),
    ];
    await sessions.revokeAll('alice');
    await expect(other.reload()).rejects.toMatchObject({ code: 'ERR_SESSION_ENDED' });
    const ends: [string, SessionEnd][] = [];
    const off = [
      sessions.onEnd(one, (end) => ends.push(['one', end])),
      sessions.onEnd(other, (end) => ends.push(['other', end])),
    ];
    for (const session of [other, third]) sessions.onEnd(session, () => ends.push(['off', {} as never]))();
    expect(ends).toEqual([]);
    await until(() => ends.length > 1);
    const end = { code: 4401, reason: 'ended' };
    expect(ends.sort()).toEqual([
      ['one', end],
      ['other', end],
    ]);
    off.forEach((call) => call());
    expect(size()).toBe(0);
  });

  it('loads the session as it is now by reload()', async () => {
    const { app, sessions } = await run(platform);
    const cookie = await loginAs<Data>(app, 'alice', { data: { n: 1 } });
    const [one, other] = [await sessions.open({ cookie }), await sessions.open({ cookie })];
    await other.update('n', () => 2);
    expect(one.data['n']).toBe(1);
    await one.reload();
    expect(one.data['n']).toBe(2);
    await sessions.revokeAll('alice');
    await expect(one.reload()).rejects.toMatchObject({ code: 'ERR_SESSION_ENDED' });
    expect(one.loggedIn).toBe(false);
  });
});
