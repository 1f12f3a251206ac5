import { createHmac } from 'node:crypto';
import { MemoryStore } from 'express-session';
import { SessionService, type SessionModuleOptions } from 'nest-sessions';
import { fromExpressSession, type MapOld } from 'nest-sessions/migrate';
import { recipe, users } from '../passport/recipe.app.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { Visitor } from './visitor.js';

const SECRET = 'the secret of the application with Passport';

interface Old {
  passport?: { user: number | { id: string } | string };
  cart?: string[];
}

beforeEach(() => users.reset());
afterEach(closeAll);

/** A visitor who logged in at the old application, whose serializer gave this. */
async function loggedIn(store: MemoryStore, user: unknown): Promise<Visitor> {
  const sid = 'sid-of-the-old-session';
  const old = { cookie: { originalMaxAge: 3_600_000 }, passport: { user }, cart: ['apple'] };
  await new Promise<void>((done) => store.set(sid, old as never, () => done()));
  const mac = createHmac('sha256', SECRET).update(sid).digest('base64').replace(/=+$/, '');
  const visitor = new Visitor();
  visitor.jar.setCookieSync(
    `connect.sid=${encodeURIComponent(`s:${sid}.${mac}`)}; Path=/`,
    'https://app.example/',
  );
  return visitor;
}

const startNew = (
  platform: PlatformName,
  store: MemoryStore,
  map: MapOld<Old>,
  options: { keepOld?: boolean; until?: Date } & Pick<SessionModuleOptions, 'data'> = {},
) => {
  const { data, ...rest } = options;
  return start(
    platform,
    recipe(
      {},
      {
        options: {
          ...(data && { data }),
          migrate: [fromExpressSession({ secret: SECRET, store, map, ...rest })],
        },
      },
    ),
  );
};

const byId: MapOld<Old> = ({ passport, cart }) =>
  passport && { subject: String(passport.user), data: { cart } };

describe.each(platforms)('users of Passport who come over, on %s', (platform) => {
  it.each([
    ['a number', 1],
    ['a text', 'u1'],
  ])('stay logged in where the serializer gives %s', async (_name, id) => {
    users.all = [{ id, username: 'alice' }];
    const store = new MemoryStore();
    const visitor = await loggedIn(store, id);
    const node = await startNew(platform, store, byId, { keepOld: true });
    for (let round = 0; round < 2; round++) {
      const answer = (await visitor.get(node, '/open')).json();
      expect(answer).toEqual({
        user: { id, username: 'alice' },
        session: { cart: ['apple'], passport: { user: id } },
      });
    }
    expect(await node.app.get(SessionService).list(String(id))).toHaveLength(1);
  });

  it('stay logged in where the serializer gives the whole user, also with a limit of time', async () => {
    users.all = [{ id: 'u1', username: 'alice' }];
    users.find = (one) => users.all.find(({ id }) => id === (one as { id?: string }).id);
    const store = new MemoryStore();
    const visitor = await loggedIn(store, { id: 'u1', username: 'alice' });
    const node = await startNew(
      platform,
      store,
      ({ passport }) => passport && { subject: (passport.user as { id: string }).id },
      { until: new Date(Date.now() + 1e12) },
    );
    expect((await visitor.get(node, '/me')).json().user).toEqual({ id: 'u1', username: 'alice' });
  });

  it('nothing of another user comes along, nor what map() has settled itself', async () => {
    users.all = [
      { id: 1, username: 'alice' },
      { id: 'u2', username: 'bob' },
    ];
    for (const map of [
      () => ({ subject: 'u2' }),
      () => ({ subject: '1', data: { passport: { user: 'u2' } } }),
    ]) {
      const store = new MemoryStore();
      const visitor = await loggedIn(store, 1);
      const node = await startNew(platform, store, map);
      expect((await visitor.get(node, '/me')).json().user).toEqual({ id: 'u2', username: 'bob' });
    }
  });

  it('a session for which deserializeUser() finds nobody is told of, without the user', async () => {
    const log = new LogSink();
    users.all = [];
    const store = new MemoryStore();
    const visitor = await loggedIn(store, 'alice@example.com');
    const node = await startNew(platform, store, byId);
    node.app.useLogger(log);
    expect((await visitor.get(node, '/open')).json().user).toBeNull();
    const told = log.text;
    expect(told).toMatch(/deserializeUser\(\) found no user for a text, so the session ended/);
    expect(told).toContain('From express-session, keeping users logged in');
    expect(told).not.toContain('alice@example.com');
  });

  it('a logout, and a user who was found, are nothing to tell of', async () => {
    const log = new LogSink();
    const node = await startNew(platform, new MemoryStore(), byId);
    node.app.useLogger(log);
    const visitor = new Visitor();
    await visitor.post(node, '/login', { username: 'alice', password: 'secret' });
    expect((await visitor.get(node, '/me')).status).toBe(200);
    expect((await visitor.post(node, '/logout')).status).toBe(201);
    expect(log.text).not.toContain('deserializeUser');
  });
});
