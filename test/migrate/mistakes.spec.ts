import { MemoryStore as ExpressMemoryStore } from 'express-session';
import { SessionModule, SessionService, type SessionEvent } from 'nest-sessions';
import {
  fromCookieSession,
  fromExpressSession,
  fromFastifySession,
  fromIronSession,
  fromJwt,
  type MapOld,
  type MigratedLogin,
} from 'nest-sessions/migrate';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../support/app.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import {
  mapOld,
  OLD_SECRETS,
  startExpressSession,
  type Old,
  type OldSite,
  type SourceOptions,
} from './old-site.js';
import { replay, Visitor } from './visitor.js';

const open: OldSite[] = [];

afterEach(async () => {
  await closeAll();
  for (const site of open.splice(0)) await site.close();
});

describe('options of migrate', () => {
  const store = new ExpressMemoryStore();
  const map = mapOld;

  it.each<[string, () => unknown, RegExp]>([
    [
      'no map',
      () => fromExpressSession({ secret: 'x', store } as never),
      /map: a function of the old session/,
    ],
    [
      'no store',
      () => fromExpressSession({ secret: 'x', map } as never),
      /store: the store of the other library/,
    ],
    ['no secret', () => fromExpressSession({ store, map } as never), /secret: what the other library has/],
    [
      'an empty list',
      () => fromExpressSession({ secret: [], store, map }),
      /secret: what the other library has/,
    ],
    [
      'a misspelt option',
      () => fromFastifySession({ secret: 'x', store, map, cookiename: 'a' } as never),
      /Did you mean "cookieName"/,
    ],
    ['no end', () => fromCookieSession({ keys: ['x'], map } as never), /until: the date from when on/],
    [
      'a wrong end',
      () => fromExpressSession({ secret: 'x', store, map, until: new Date('?') }),
      /until: a valid Date/,
    ],
    [
      'a short password',
      () => fromIronSession({ password: 'short', cookieName: 'a', map }),
      /password: what iron-session has/,
    ],
    [
      'no name',
      () => fromIronSession({ password: OLD_SECRETS[0]!, map } as never),
      /cookieName: give a text/,
    ],
    ['no verifier', () => fromJwt({} as never), /verify: give a function/],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS' }) as Error);
  });

  it('refuses at boot what is no source, and sealed cookies', async () => {
    await expect(start('express', { options: { migrate: [{}] as never } })).rejects.toThrow(
      /migrate: a list such as/,
    );
    const migrate = [fromExpressSession({ secret: 'x', store, map })];
    await expect(start('express', { options: { store: new SealedCookie(), migrate } })).rejects.toThrow(
      /migrate: with sealed cookies nothing remembers/,
    );
    expect(SessionModule).toBeDefined();
  });
});

describe.each(platforms)('what goes wrong at a takeover on %s', (platform) => {
  async function switched(source: SourceOptions = {}) {
    const old = await startExpressSession();
    open.push(old);
    const log = new LogSink();
    const { app, url } = await start(platform, {
      realClock: true,
      controllers: [AppController],
      options: { migrate: [old.source(source)] },
      prepare: log.attach,
    });
    const events: SessionEvent[] = [];
    app.get(SessionService).events.subscribe((event) => events.push(event));
    const visitor = new Visitor();
    await visitor.post(old, '/login?user=alice');
    return { app, old, url, events, visitor, log };
  }

  it.each<[string, MapOld<Old>, RegExp]>([
    [
      'throws',
      () => {
        throw new TypeError('a mistake with alice@example.com');
      },
      /it threw a TypeError\.\n\s+at .*mistakes\.spec/,
    ],
    ['names nobody', () => ({ subject: String(undefined) }), /the text 'undefined' is no user/],
    [
      'gives a number',
      () => ({ subject: 42 }) as unknown as MigratedLogin,
      /a number: convert it with String\(id\)/,
    ],
    ['gives a text', () => 'alice' as unknown as MigratedLogin, /a value of type string/],
    [
      'is asynchronous',
      () => Promise.reject(new Error('late')) as unknown as MigratedLogin,
      /returned a promise/,
    ],
    ['gives seconds', () => ({ subject: 'alice', loggedInAt: 1_700_000_000 }), /loggedInAt: a valid Date/],
    [
      'gives what JSON does not keep',
      () => ({ subject: 'alice', data: { cart: new Map([[1, 2]]) } }),
      /cart/,
    ],
  ])(
    'takes the user for a visitor who can log in, and logs it, where the map %s',
    async (_, map, message) => {
      const { old, url, events, visitor, log } = await switched({ map });
      const { cookie } = visitor;
      expect((await visitor.get({ url }, '/me')).status).toBe(401);
      expect((await visitor.get({ url }, '/look')).json()).toMatchObject({ subject: null });
      expect((await visitor.post({ url }, '/logout')).status).toBe(200);
      expect(visitor.cookie).toBe(cookie);
      expect(events.filter(({ type }) => type === 'migrated')).toEqual([]);
      expect((await visitor.get(old, '/look')).json()).toEqual({ user: 'alice' });
      expect((await visitor.post({ url }, '/login', { user: 'alice' })).status).toBe(200);
      expect((await visitor.get({ url }, '/me')).status).toBe(200);
      const logged = log.lines.filter((line) => line.includes('migrate'));
      expect(logged).toHaveLength(1);
      expect(logged[0]).toMatch(/^error: migrate: what map\(\) of express-session returns/);
      expect(logged[0]).toMatch(message);
      expect(logged[0]).not.toContain('alice');
    },
  );

  it.each<[string, () => MigratedLogin]>([
    [
      'throws',
      () => {
        throw new TypeError('a mistake');
      },
    ],
    ['gives a number', () => ({ subject: 42 }) as unknown as MigratedLogin],
    ['is asynchronous', () => Promise.reject(new Error('late')) as unknown as MigratedLogin],
  ])('goes on with the session here where a map beside it %s', async (_, mistake) => {
    let map: MapOld<Old> = mapOld;
    const { old, url, visitor, log } = await switched({ keepOld: true, map: (one) => map(one) });
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    map = mistake;
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    expect(log.lines.filter((line) => line.includes('migrate: what map()'))).toHaveLength(1);
    expect((await visitor.post({ url }, '/logout')).status).toBe(200);
    expect((await visitor.get(old, '/look')).json()).toEqual({ user: null });
  });

  it('tells of cookies that the secret does not verify', async () => {
    const { old, url, visitor, log } = await switched({ secrets: ['another secret than the old one'] });
    expect((await visitor.get({ url }, '/me')).status).toBe(401);
    expect((await visitor.get({ url }, '/me')).status).toBe(401);
    const logged = log.lines.filter((line) => line.includes('migrate'));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(
      /^warn: migrate: express-session: cookies "connect\.sid" that none of the secrets verifies: 1; that one does: 0\./,
    );
    expect((await visitor.get(old, '/look')).json()).toEqual({ user: 'alice' });
  });

  it('trusts the store about the expiry, which may have extended a session without writing it', async () => {
    const { old, url, visitor } = await switched();
    const { get } = old.store!;
    old.store!.get = (sid, done) =>
      get.call(old.store, sid, (error, found) => {
        const { cookie } = found as { cookie: object };
        done(error, { ...(found as object), cookie: { ...cookie, expires: new Date(0).toISOString() } });
      });
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
  });

  it('does not tell the time of a login that is unknown, and takes it for old', async () => {
    const { app, url, visitor } = await switched();
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    expect((await visitor.get({ url }, '/sensitive')).status).toBe(401);
    const [listed] = await app.get(SessionService).list('alice');
    expect(listed).toHaveProperty('authenticatedAt', undefined);
  });

  it('takes over all the same if the old record cannot be ended', async () => {
    const { old, url, visitor } = await switched();
    const { cookie } = visitor;
    old.store!.destroy = (_sid, done) => done(new Error('down'));
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    await visitor.post({ url }, '/logout');
    expect((await replay({ url }, '/look', cookie)).status).toBe(503);
  });

  it('reports a logout that could not end the old session, and takes the cookie away', async () => {
    const { old, url, visitor } = await switched({ keepOld: true });
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    const { destroy } = old.store!;
    old.store!.destroy = (_sid, done) => done(new Error('down'));
    expect((await visitor.post({ url }, '/logout')).status).toBe(503);
    expect(visitor.names).not.toContain('__Host-session');
    old.store!.destroy = destroy;
  });

  it('is refused while the old store fails, also beside it', async () => {
    const { old, url, visitor } = await switched({ keepOld: true });
    expect((await visitor.get({ url }, '/me')).status).toBe(200);
    const { cookie } = visitor;
    old.store!.get = (_sid, done) => done(new Error('down'));
    expect((await visitor.get({ url }, '/me')).status).toBe(503);
    expect(visitor.cookie).toBe(cookie);
  });
});
