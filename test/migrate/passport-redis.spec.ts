import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { RedisStore as ConnectRedis } from 'connect-redis';
import express, { type Request, type Response } from 'express';
import session from 'express-session';
import { LoginGuard, Session, SessionService, type SessionEvent } from 'nest-sessions';
import { fromExpressSession } from 'nest-sessions/migrate';
import { RedisStore } from 'nest-sessions/redis';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { AppController } from '../support/app.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { closeClients, nodeRedis } from '../support/redis-clients.js';
import { describeWithRedis, startRedis, stopServers, type RedisServer } from '../support/servers.js';
import { replay, Visitor } from './visitor.js';

const OLD_SECRET = 'the secret of the application with Passport';

interface OldSession {
  passport?: { user?: { id: number } };
  cart?: string[];
}

/** The application before the switch: express-session, connect-redis and Passport, as their own pages say. */
async function startPassport(store: session.Store) {
  const users = new passport.Passport();
  users.use(
    new Strategy((username, password, done) =>
      done(null, password === 'right' && { id: username === 'alice' ? 1 : 2 }),
    ),
  );
  users.serializeUser((user, done) => done(null, user));
  users.deserializeUser((user: Express.User, done) => done(null, user));
  const app = express();
  app.use(express.json());
  app.use(
    session({
      secret: OLD_SECRET,
      store,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 3_600_000 },
    }),
  );
  app.use(users.initialize(), users.session());
  app.post('/login', users.authenticate('local'), (request: Request, response: Response) => {
    (request.session as unknown as OldSession).cart = ['apple'];
    response.json({ ok: true });
  });
  app.post('/logout', (request: Request, response: Response, next) => {
    request.logout((error) => (error ? next(error) : response.json({ ok: true })));
  });
  app.get('/me', (request: Request, response: Response) => {
    if (!request.isAuthenticated()) return void response.status(401).end();
    response.json({
      id: (request.user as { id: number }).id,
      cart: (request.session as unknown as OldSession).cart,
    });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

@Controller()
class ProfileController {
  @Get('profile')
  @UseGuards(LoginGuard)
  profile(@Session() current: Session<Record<string, unknown>>) {
    return {
      subject: current.subject,
      cart: current.data['cart'],
      since: current.authenticatedAt()?.getTime(),
    };
  }
}

describeWithRedis('the switch from express-session, connect-redis and Passport', () => {
  let redis: RedisServer;
  const open: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  }, 60_000);

  afterEach(async () => {
    await closeAll();
    for (const one of open.splice(0)) await one.close();
    await redis.cli('FLUSHALL');
  });

  afterAll(async () => {
    closeClients();
    await stopServers();
  });

  const oldStore = async () => new ConnectRedis({ client: await nodeRedis(redis.url) });

  async function startOld() {
    const old = await startPassport(await oldStore());
    open.push(old);
    return old;
  }

  async function startNew(platform: PlatformName, keepOld: boolean) {
    const running = await start(platform, {
      realClock: true,
      controllers: [AppController, ProfileController],
      options: {
        store: new RedisStore({ client: await nodeRedis(redis.url), prefix: 'new' }),
        migrate: [
          fromExpressSession({
            secret: OLD_SECRET,
            store: await oldStore(),
            keepOld,
            map: ({ passport: login, cart }: OldSession) =>
              login?.user && { subject: String(login.user.id), data: { cart } },
          }),
        ],
      },
    });
    const events: SessionEvent[] = [];
    running.app.get(SessionService).events.subscribe((event) => events.push(event));
    return { ...running, events };
  }

  const loggedIn = async (old: { url: string }): Promise<Visitor> => {
    const visitor = new Visitor();
    const login = await visitor.post(old, '/login', { username: 'alice', password: 'right' });
    expect(login.status).toBe(200);
    return visitor;
  };

  it.each(platforms)('logs nobody out, and is no fresh login, on %s', async (platform) => {
    const old = await startOld();
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    const node = await startNew(platform, false);
    const profile = (await visitor.get(node, '/profile')).json();
    expect(profile).toMatchObject({ subject: '1', cart: ['apple'] });
    expect((await visitor.get(node, '/sensitive')).status).toBe(401);
    expect((await visitor.post(node, '/logout')).status).toBe(200);
    expect((await visitor.get(node, '/profile')).status).toBe(401);
    for (const [where, path] of [
      [node, '/profile'],
      [old, '/me'],
    ] as const)
      expect((await replay(where, path, cookie)).status).toBe(401);
  });

  it.each(platforms)('runs old and new nodes side by side, and goes back, on %s', async (platform) => {
    const old = await startOld();
    const visitor = await loggedIn(old);
    const node = await startNew(platform, true);
    for (let round = 0; round < 3; round++) {
      expect((await visitor.get(node, '/profile')).json()).toMatchObject({ subject: '1' });
      expect((await visitor.get(old, '/me')).json()).toEqual({ id: 1, cart: ['apple'] });
    }
    await closeAll();
    expect((await visitor.get(old, '/me')).status).toBe(200);
    const again = await startNew(platform, true);
    expect((await visitor.get(again, '/profile')).status).toBe(200);
    const { cookie } = visitor;
    expect((await visitor.post(again, '/logout')).status).toBe(200);
    expect((await replay(old, '/me', cookie)).status).toBe(401);
    expect((await replay(again, '/profile', cookie)).status).toBe(401);
  });

  it.each(platforms)(
    'ends both at a logout on an old node, and follows another login there, on %s',
    async (platform) => {
      const old = await startOld();
      const visitor = await loggedIn(old);
      const node = await startNew(platform, true);
      expect((await visitor.get(node, '/profile')).status).toBe(200);
      expect((await visitor.post(old, '/logout')).status).toBe(200);
      expect((await visitor.get(node, '/profile')).status).toBe(401);
      await visitor.post(old, '/login', { username: 'bob', password: 'right' });
      expect((await visitor.get(node, '/profile')).json()).toMatchObject({ subject: '2' });
      await visitor.post(old, '/login', { username: 'alice', password: 'right' });
      expect((await visitor.get(node, '/profile')).json()).toMatchObject({ subject: '1' });
    },
  );

  it.each(platforms)('retires what the first phase kept, on %s', async (platform) => {
    const old = await startOld();
    const visitor = await loggedIn(old);
    const { cookie } = visitor;
    const first = await startNew(platform, true);
    await visitor.get(first, '/profile');
    const second = await startNew(platform, false);
    expect((await visitor.get(second, '/profile')).status).toBe(200);
    await visitor.post(second, '/logout');
    expect((await replay(second, '/profile', cookie)).status).toBe(401);
    expect((await replay(old, '/me', cookie)).status).toBe(401);
  });

  it.each(platforms)(
    'makes one session of the requests of a page, on two nodes with %s',
    async (platform) => {
      for (const keepOld of [false, true]) {
        const old = await startOld();
        const nodes = [await startNew(platform, keepOld), await startNew(platform, keepOld)];
        for (let round = 0; round < 10; round++) {
          const visitor = await loggedIn(old);
          const { cookie } = visitor;
          const looks = await Promise.all(
            Array.from({ length: 12 }, (_, index) => replay(nodes[index % 2]!, '/look', cookie)),
          );
          const seen = looks.map((look) => look.json<{ id: string; subject: string }>());
          expect(new Set(seen.map(({ subject }) => subject))).toEqual(new Set(['1']));
          expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
          const cookies = looks.map(
            ({ setCookies }) => setCookies.find((one) => one.startsWith('__Host-'))!.split(';')[0]!,
          );
          expect(new Set(cookies).size).toBe(1);
          expect((await replay(nodes[0]!, '/logout', `${cookies[0]}; ${cookie}`, 'POST')).status).toBe(200);
          for (const one of [cookies[0]!, cookie])
            expect((await replay(nodes[1]!, '/me', one)).status).toBe(401);
        }
        const events = nodes.flatMap((node) => node.events);
        expect(events.filter(({ type, remote }) => type === 'migrated' && !remote)).toHaveLength(10);
        expect(events.filter(({ type }) => type === 'store-failed')).toEqual([]);
      }
    },
  );

  it.each(platforms)(
    'answers 503 while the old store fails, and takes over after that, on %s',
    async (platform) => {
      const old = await startOld();
      const visitor = await loggedIn(old);
      const { cookie } = visitor;
      const failing = await oldStore();
      const get = failing.get.bind(failing);
      let down = true;
      failing.get = (sid, done) => (down ? Promise.resolve(done?.(new Error('down'))) : get(sid, done));
      const { app, url } = await start(platform, {
        realClock: true,
        controllers: [AppController],
        options: {
          store: new RedisStore({ client: await nodeRedis(redis.url), prefix: 'new' }),
          migrate: [
            fromExpressSession({
              secret: OLD_SECRET,
              store: failing,
              map: ({ passport: login }: OldSession) => login?.user && { subject: String(login.user.id) },
            }),
          ],
        },
      });
      const events: SessionEvent[] = [];
      app.get(SessionService).events.subscribe((event) => events.push(event));
      const refused = await visitor.get({ url }, '/me');
      expect(refused.status).toBe(503);
      expect(visitor.cookie).toBe(cookie);
      expect(events).toMatchObject([{ type: 'store-failed', part: 'migrate', access: 'read' }]);
      expect((await new Visitor().get({ url }, '/look')).status).toBe(200);
      down = false;
      expect((await visitor.get({ url }, '/me')).status).toBe(200);
    },
  );
});
