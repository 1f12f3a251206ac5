import { SessionService, type SessionEvent } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { SpyStore } from '../support/spy-store.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type Site } from '../support/platforms.js';
import { counting, property } from './property.app.js';

const sites: [string, Site][] = platforms.flatMap(([platform]) => [
  [`${platform}, memory`, { platform, store: () => undefined }],
  [`${platform}, sealed`, { platform, store: () => new SealedCookie() }],
]);

afterEach(closeAll);

describe.each(sites)('req.session (%s)', (_name, site) => {
  it('is the data of the session, by key', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    const set = await browser.post('/set', { cart: ['book'], none: null });
    expect(set.json()).toEqual({ cart: ['book'], none: null });
    const look = (await browser.get('/look')).json();
    expect(look.session).toEqual({ cart: ['book'], none: null });
    expect(look.ours).toEqual(look.session);
    expect(look.id).toBe(look.ourId);
  });

  it('stores changes in place, and deletions', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/set', { list: ['one'], cart: 1 });
    await browser.post('/push');
    expect((await browser.post('/delete/cart')).json()).toEqual({ has: false });
    expect((await browser.get('/look')).json().session).toEqual({ list: ['one', 'more'] });
  });

  it('behaves as a plain object', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/set', { cart: 1 });
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/forms')).json()).toEqual({
      in: ['cart', 'passport'],
      keys: ['cart', 'passport'],
      json: { cart: 1, passport: { user: 'alice' } },
      has: true,
      hasOther: false,
      shown: "{ cart: 1, passport: { user: 'alice' } }",
      other: true,
      text: 'function',
    });
  });

  it('of a reader who stores nothing sets no cookie', async () => {
    const { url } = await start(site, property());
    expect((await new Browser(url).get('/look')).setCookies).toEqual([]);
  });

  it('is there in middleware of app.use()', async () => {
    const { url } = await start(site, { ...property(), prepare: counting });
    const browser = new Browser(url);
    await browser.get('/look');
    expect((await browser.get('/look')).json().session).toEqual({ views: 2 });
  });

  it('a user that is set without regenerate() is a login: the former token is dead', async () => {
    const { app, url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/set', { cart: 1 });
    const planted = browser.cookie;
    expect((await browser.post('/login', { user: 'alice' })).json()).toEqual({ user: 'alice' });
    expect((await browser.get('/look')).json().session).toEqual({ cart: 1, passport: { user: 'alice' } });
    expect((await browser.get('/look', { cookie: planted })).json().session).toEqual({});
    const open = await app.get(SessionService).open({ cookie: browser.cookie });
    expect(open.subject).toBe('alice');
  });

  it('another user who is set takes nothing of the former', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/set', { cart: 1 });
    await browser.post('/login', { user: 'bob' });
    expect((await browser.get('/look')).json().session).toEqual({ passport: { user: 'bob' } });
  });

  it('the same user who is set is no login', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: { id: 'alice', name: 'old' } });
    const { id } = (await browser.get('/look')).json();
    await browser.post('/login', { user: { id: 'alice', name: 'other' } });
    const look = (await browser.get('/look')).json();
    expect(look.id).toBe(id);
    expect(look.session).toEqual({ passport: { user: { id: 'alice', name: 'other' } } });
  });

  it('a user kept as an object can be changed in place', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: { id: 'alice', name: 'old' } });
    await browser.post('/profile');
    expect((await browser.get('/look')).json().session).toEqual({
      passport: { user: { id: 'alice', name: 'new' } },
    });
  });

  it('knows a login by the service', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    expect((await browser.post('/service-login')).json()).toEqual({ user: 'alice' });
    expect((await browser.get('/look')).json().session).toEqual({ passport: { user: 'alice' } });
  });

  it('after a logout by the service is that of a guest', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/service-login');
    expect((await browser.post('/service-logout')).json()).toEqual({ login: null });
    expect((await browser.get('/look')).json().session).toEqual({ note: 'bye' });
  });

  it('regenerate() gives a guest another id, and nothing of the former data', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/set', { cart: 1 });
    const former = browser.cookie;
    const { id } = (await browser.get('/look')).json();
    expect((await browser.post('/regenerate', {})).json()).toEqual({
      between: {},
      same: false,
      former: { cart: 1, passport: {} },
    });
    const look = (await browser.get('/look')).json();
    expect(look.session).toEqual({ begun: true });
    expect(look.id).not.toBe(id);
    expect((await browser.get('/look', { cookie: former })).json().session).toEqual({});
  });

  it('regenerate() without a user is a logout', async () => {
    const { app, url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const copied = browser.cookie;
    const ended: string[] = [];
    app.get(SessionService).events.subscribe((event: SessionEvent) => {
      if (event.type === 'ended') ended.push(event.reason);
    });
    await browser.post('/regenerate', {});
    expect(ended).toEqual(['logout']);
    expect((await browser.get('/look')).json().session).toEqual({ begun: true });
    expect((await browser.get('/look', { cookie: copied })).json().session).toEqual({});
  });

  it('a copied login is no fresh one', async () => {
    const { app, clock, url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const at = clock.now();
    clock.advance('10m');
    await browser.post('/regenerate', { keep: true });
    const open = await app.get(SessionService).open({ cookie: browser.cookie });
    expect(open.subject).toBe('alice');
    expect(open.authenticatedAt()?.getTime()).toBe(at);
  });

  it('save() calls back when the session is stored', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    const { id, state } = (await browser.post('/save')).json();
    expect(state).toBe('clean');
    expect((await browser.get('/look')).json().id).toBe(id);
  });

  it('reload() drops what was not saved', async () => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/set', { cart: 1 });
    expect((await browser.post('/reload')).json()).toEqual({ cart: 1 });
    expect((await browser.get('/look')).json().session).toEqual({ cart: 1 });
  });

  it('reload() of a guest without a session has nothing', async () => {
    const { url } = await start(site, property());
    const reload = await new Browser(url).post('/reload');
    expect(reload.json()).toEqual({});
    expect(reload.setCookies).toEqual([]);
  });

  it.each(['/destroy', '/null'])('ends by %s', async (path) => {
    const { url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const copied = browser.cookie;
    expect((await browser.post(path)).status).toBe(201);
    expect(browser.cookie).toBe('');
    expect((await browser.get('/look', { cookie: copied })).json().session).toEqual({});
  });

  it('cannot be replaced', async () => {
    const { url } = await start(site, property());
    expect((await new Browser(url).post('/replace')).status).toBe(500);
  });

  it('touch() makes a passive request count as activity', async () => {
    const { clock, url } = await start(site, property());
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const passive = new Browser(url);
    await passive.post('/login', { user: 'bob' });
    clock.advance('20m');
    expect((await browser.get('/touch')).json()).toEqual({ same: true });
    await passive.get('/passive');
    clock.advance('20m');
    expect((await browser.get('/look')).json().session).toEqual({ passport: { user: 'alice' } });
    expect((await passive.get('/look')).json().session).toEqual({});
  });

  it('cookie tells what the cookie is like', async () => {
    const { clock, url } = await start(site, property());
    const browser = new Browser(url);
    const plain = {
      maxAge: null,
      originalMaxAge: null,
      expires: false,
      httpOnly: true,
      path: '/',
      secure: true,
      sameSite: 'lax',
      domain: null,
    };
    expect((await browser.get('/cookie')).json()).toEqual(plain);
    await browser.post('/login', { user: 'alice' });
    await browser.post('/remember', { until: new Date(clock.now() + 86_400_000) });
    const month = 31 * 86_400_000;
    expect((await browser.get('/cookie')).json()).toEqual({
      ...plain,
      maxAge: month,
      originalMaxAge: month,
      expires: new Date(clock.now() + month).toISOString(),
    });
    await browser.post('/remember', { until: false });
    expect((await browser.get('/cookie')).json()).toEqual(plain);
    expect((await browser.post('/cookie-attribute')).status).toBe(500);
  });

  it('of an excluded route can be read, is empty, and refuses changes', async () => {
    const { url } = await start(site, property({ options: { exclude: ['/excluded'] } }));
    const browser = new Browser(url);
    expect((await browser.get('/excluded')).json()).toEqual({ there: true, login: null, id: null });
    expect((await browser.post('/excluded')).json()).toEqual({
      set: 'ERR_NO_SESSION',
      save: 'ERR_NO_SESSION',
    });
  });
});

describe.each(platforms)('req.session over a store (%s)', (platform) => {
  const begin = async () => {
    const store = new SpyStore();
    const { app, url } = await start(platform, property({ options: { store } }));
    const browser = new Browser(url);
    return { app, store, browser };
  };

  it('reading writes nothing', async () => {
    const { store, browser } = await begin();
    await browser.post('/login', { user: 'alice' });
    store.forget();
    await browser.get('/look');
    await browser.get('/forms');
    expect(store.writes).toEqual([]);
    expect(store.count('load')).toBe(2);
  });

  it('a login creates the new record, and then ends the former', async () => {
    const { store, browser } = await begin();
    await browser.post('/set', { cart: 1 });
    store.forget();
    await browser.post('/login', { user: 'alice' });
    expect(store.writes.slice(0, 2)).toEqual(['create', 'destroy']);
    expect(store.records().map(({ subject }) => subject)).toEqual(['alice']);
  });

  it('a request with the former cookie does not take the new one away', async () => {
    const { browser } = await begin();
    await browser.post('/set', { cart: 1 });
    const former = browser.cookie;
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/look', { cookie: former })).setCookies).toEqual([]);
  });

  it('a logout by regenerate() that cannot be stored is a 503', async () => {
    const { store, browser } = await begin();
    await browser.post('/login', { user: 'alice' });
    store.fail('rejects', 'destroy');
    expect((await browser.post('/regenerate', {})).status).toBe(503);
    store.heal();
    expect(store.records().map(({ subject }) => subject)).toEqual(['alice']);
  });

  it('a login that cannot be stored is a 503 without a cookie, and is tried once', async () => {
    const { store, browser } = await begin();
    store.fail('rejects', 'create');
    const answer = await browser.post('/login', { user: 'alice' });
    expect(answer.status).toBe(503);
    expect(answer.setCookies).toEqual([]);
    expect(store.count('create')).toBe(1);
  });

  it('a login whose data cannot be stored leaves no session', async () => {
    const { store, browser } = await begin();
    store.fail('rejects', 'commit');
    const answer = await browser.post('/login', { user: 7 });
    expect(answer.status).toBe(503);
    expect(store.records()).toEqual([]);
  });

  it('is a 503 where the session cannot be loaded', async () => {
    const { store, browser } = await begin();
    await browser.post('/login', { user: 'alice' });
    store.fail('rejects', 'load');
    const answer = await browser.get('/look');
    expect(answer.status).toBe(503);
    expect(answer.setCookies).toEqual([]);
  });
});
