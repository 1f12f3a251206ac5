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
    const { app, url } = await start(platform, {
      realClock: true,
      controllers: [AppController],
      options: { migrate: [old.source(source)] },
    });
    const events: SessionEvent[] = [];
    app.get(SessionService).events.subscribe((event) => events.push(event));
    const visitor = new Visitor();
    await visitor.post(old, '/login?user=alice');
    return { old, url, events, visitor };
  }

  it.each<[string, MapOld<Old>]>([
    [
      'throws',
      () => {
        throw new TypeError('a mistake');
      },
    ],
    ['names nobody', () => ({ subject: String(undefined) })],
    ['gives a number', () => ({ subject: 42 }) as unknown as MigratedLogin],
    ['gives seconds', () => ({ subject: 'alice', loggedInAt: 1_700_000_000 })],
    ['gives what JSON does not keep', () => ({ subject: 'alice', data: { cart: new Map([[1, 2]]) } })],
  ])('is an error where the map %s, and logs nobody out', async (_, map) => {
    const { old, url, events, visitor } = await switched({ map });
    const { cookie } = visitor;
    expect((await visitor.get({ url }, '/me')).status).toBe(500);
    expect(visitor.cookie).toBe(cookie);
    expect(events.filter(({ type }) => type === 'migrated')).toEqual([]);
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
