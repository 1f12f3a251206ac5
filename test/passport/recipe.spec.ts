import { SessionService } from 'nest-sessions';
import type { SessionEvent } from 'nest-sessions';
import { z } from 'zod';
import { SpyStore } from '../support/spy-store.js';
import { Browser } from '../support/browser.js';
import { describeEverySite } from '../support/every-site.js';
import { closeAll, platforms, start, type Running, type Site } from '../support/platforms.js';
import { recipe, users } from './recipe.app.js';

const ALICE = { username: 'alice', password: 'secret' };
const BOB = { username: 'bob', password: 'secret' };

function eventsOf({ app }: Running): string[] {
  const told: string[] = [];
  app.get(SessionService).events.subscribe((event: SessionEvent) => {
    told.push(event.type === 'ended' ? `ended: ${event.reason}` : event.type);
  });
  return told;
}

beforeEach(() => users.reset());
afterEach(closeAll);

describeEverySite('Passport', (site) => {
  describe('by the recipe of the Nest documentation', () => theRecipe(site));
  describe('with what a serializer gives', () => serialized(site));
  describe('with remember me', () => rememberMe(site));
});

function theRecipe(site: Site): void {
  it('logs in, and knows the user of later requests', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    expect((await browser.get('/me')).status).toBe(403);
    const login = await browser.post('/login', ALICE);
    expect(login.status).toBe(201);
    expect(login.json().user).toEqual({ id: 'u1', username: 'alice' });
    const me = await browser.get('/me');
    expect(me.json()).toEqual(login.json());
  });

  it('begins a session of ours, whose subject is what the serializer gave', async () => {
    const running = await start(site, recipe());
    const events = eventsOf(running);
    await new Browser(running.url).post('/login', ALICE);
    expect(events).toEqual(['created', 'login']);
  });

  it('a wrong password logs nobody in, and sets no cookie', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    const login = await browser.post('/login', { ...ALICE, password: 'wrong' });
    expect(login.status).toBe(401);
    expect(login.setCookies).toEqual([]);
    expect((await browser.get('/me')).status).toBe(403);
  });

  it('a wrong password leaves the login that there was', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.post('/login', { ...BOB, password: 'wrong' })).status).toBe(401);
    expect((await browser.get('/me')).json().user).toMatchObject({ username: 'alice' });
  });

  it('a token from before the login opens nothing after it', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/cart');
    const planted = browser.cookie;
    expect(planted).not.toBe('');
    const { id } = (await browser.post('/login', ALICE)).json();
    expect(browser.cookie).not.toBe(planted);
    expect((await browser.get('/me', { cookie: planted })).status).toBe(403);
    expect((await browser.get('/open', { cookie: planted })).json()).toEqual({ user: null, session: {} });
    expect((await browser.get('/me')).json().id).toBe(id);
  });

  it('data of a guest does not cross the login', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/cart');
    await browser.post('/login', ALICE);
    expect((await browser.get('/open')).json().session).toEqual({ passport: { user: 'u1' } });
  });

  it('data of a guest crosses the login with keepSessionInfo', async () => {
    const { url } = await start(site, recipe({}, { keepSessionInfo: true }));
    const browser = new Browser(url);
    await browser.post('/cart');
    const planted = browser.cookie;
    await browser.post('/login', ALICE);
    expect((await browser.get('/open')).json().session).toEqual({ cart: ['book'], passport: { user: 'u1' } });
    expect((await browser.get('/me', { cookie: planted })).status).toBe(403);
  });

  it('data of another user does not cross a login, even with keepSessionInfo', async () => {
    const { url } = await start(site, recipe({}, { keepSessionInfo: true }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    await browser.post('/login', BOB);
    expect((await browser.get('/open')).json()).toEqual({
      user: { id: 'u2', username: 'bob' },
      session: { passport: { user: 'u2' } },
    });
  });

  it('data of the same user crosses a further login with keepSessionInfo', async () => {
    const { url } = await start(site, recipe({}, { keepSessionInfo: true }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    await browser.post('/login', ALICE);
    expect((await browser.get('/open')).json().session).toEqual({ cart: ['book'], passport: { user: 'u1' } });
  });

  it('req.logout() ends the session, and a copied cookie with it', async () => {
    const running = await start(site, recipe());
    const browser = new Browser(running.url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    const copied = browser.cookie;
    const events = eventsOf(running);
    const logout = await browser.post('/logout');
    expect(logout.json()).toEqual({ user: null, session: {} });
    expect(events).toEqual(['ended: logout']);
    expect(browser.cookie).toBe('');
    expect((await browser.get('/me', { cookie: copied })).status).toBe(403);
    expect((await browser.get('/open')).json()).toEqual({ user: null, session: {} });
  });

  it('req.logout({ keepSessionInfo }) ends the session; its data goes on as that of a guest', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    const copied = browser.cookie;
    const logout = await browser.post('/logout-keeping');
    expect(logout.json().session).toMatchObject({ cart: ['book'] });
    expect((await browser.get('/open')).json()).toEqual({ user: null, session: { cart: ['book'] } });
    expect((await browser.get('/me', { cookie: copied })).status).toBe(403);
  });

  it('req.logout() of a guest changes nothing that the client sees', async () => {
    const { url } = await start(site, recipe());
    const logout = await new Browser(url).post('/logout');
    expect(logout.status).toBe(201);
    expect(logout.setCookies).toEqual([]);
  });

  it('a user who is gone is logged out, and the session ends', async () => {
    const running = await start(site, recipe());
    const browser = new Browser(running.url);
    await browser.post('/login', ALICE);
    const copied = browser.cookie;
    users.all = [];
    const events = eventsOf(running);
    expect((await browser.get('/me')).status).toBe(403);
    expect(events).toEqual(['ended: logout']);
    users.reset();
    expect((await browser.get('/me', { cookie: copied })).status).toBe(403);
  });

  it('writes of the request in which a user is found gone begin a session of a guest', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    users.all = [];
    await browser.post('/cart');
    expect((await browser.get('/open')).json()).toEqual({ user: null, session: { cart: ['book'] } });
  });

  it('a failing serializer logs nobody in', async () => {
    const { url } = await start(site, recipe());
    users.serialize = () => {
      throw new Error('no id');
    };
    const browser = new Browser(url);
    expect((await browser.post('/login', ALICE)).status).toBe(500);
    expect(browser.cookie).toBe('');
  });

  it('flash messages outlive a request, and are shown once', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/notice');
    expect((await browser.get('/notice')).json()).toEqual({ info: ['saved'] });
    expect((await browser.get('/notice')).json()).toEqual({ info: [] });
  });

  it('@Logout() and req.logout() are the same', async () => {
    const running = await start(site, recipe());
    const browser = new Browser(running.url);
    await browser.post('/login', ALICE);
    const events = eventsOf(running);
    await browser.post('/forget');
    expect(events).toEqual(['ended: logout']);
    expect((await browser.get('/me')).status).toBe(403);
  });

  it('a session that is revoked is logged out at the next request', async () => {
    const { app, url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect(await app.get(SessionService).revokeAll('u1')).toBeGreaterThanOrEqual(0);
    expect((await browser.get('/me')).status).toBe(403);
  });
}

function serialized(site: Site): void {
  it('a number comes back as a number, and is the subject as a text', async () => {
    users.all = [{ id: 7, username: 'alice' }];
    const { app, url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.get('/me')).json().user).toEqual({ id: 7, username: 'alice' });
    await app.get(SessionService).revokeAll('7');
    expect((await browser.get('/me')).status).toBe(403);
  });

  it('the number 0 is a user', async () => {
    users.all = [{ id: 0, username: 'alice' }];
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.get('/me')).json().user).toEqual({ id: 0, username: 'alice' });
  });

  it('an object comes back as it was, and its id is the subject', async () => {
    users.serialize = ({ id, username }) => ({ id, username, tenant: 't1' });
    users.find = (serialized) => serialized as never;
    const { app, url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.get('/me')).json().user).toEqual({ id: 'u1', username: 'alice', tenant: 't1' });
    await app.get(SessionService).revokeAll('u1');
    expect((await browser.get('/me')).status).toBe(403);
  });

  it('the option subject names the subject of anything else', async () => {
    users.serialize = ({ username }) => ({ username });
    users.find = (serialized) => ({ id: 'u1', ...(serialized as { username: string }) });
    const subject = (serialized: unknown) => (serialized as { username: string }).username;
    const { app, url } = await start(site, recipe({ subject }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.get('/me')).status).toBe(200);
    await app.get(SessionService).revokeAll('alice');
    expect((await browser.get('/me')).status).toBe(403);
  });

  it('a schema of the data has to know what is kept beside the subject', async () => {
    const passport = z.object({ user: z.number() }).optional();
    const data = (shape: z.ZodRawShape) => ({ options: { data: z.strictObject(shape) } });
    const unaware = new Browser((await start(site, recipe({}, data({})))).url);
    expect((await unaware.post('/login', ALICE)).status).toBe(201);
    expect((await unaware.get('/me')).json().user).toMatchObject({ username: 'alice' });
    users.all = [{ id: 7, username: 'bob' }];
    expect((await unaware.post('/login', BOB)).status).toBe(500);
    expect((await unaware.get('/me')).status).toBe(403);
    const aware = new Browser((await start(site, recipe({}, data({ passport })))).url);
    expect((await aware.post('/login', BOB)).status).toBe(201);
    expect((await aware.get('/me')).json().user).toEqual({ id: 7, username: 'bob' });
  });

  it('what has no id is refused, with the remedy, and nobody is logged in', async () => {
    users.serialize = ({ username }) => ({ username });
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    expect((await browser.post('/login', ALICE)).status).toBe(500);
    expect(browser.cookie).toBe('');
  });
}

describe.each(platforms)('what Passport is told (%s)', (platform) => {
  it('a login beyond maxSessions is a 409, and tried once', async () => {
    const store = new SpyStore();
    const options = { store, maxSessions: 1, onExceeded: 'reject' } as const;
    const { url } = await start(platform, recipe({}, { options }));
    await new Browser(url).post('/login', ALICE);
    store.forget();
    const second = await new Browser(url).post('/login', ALICE);
    expect(second.status).toBe(409);
    expect(second.setCookies).toEqual([]);
    expect(store.count('create')).toBe(1);
  });

  it('a store that fails is a 503 of the login, and of every request with a cookie', async () => {
    const store = new SpyStore();
    const { url } = await start(platform, recipe({}, { options: { store } }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    store.fail('rejects');
    expect((await new Browser(url).post('/login', ALICE)).status).toBe(503);
    expect((await browser.get('/me')).status).toBe(503);
    expect((await browser.get('/open')).status).toBe(503);
    expect((await browser.post('/logout')).status).toBe(503);
    store.heal();
    expect((await browser.get('/me')).json().user).toMatchObject({ username: 'alice' });
  });

  it('a logout while the session cannot be loaded expires the cookie, and is a 503', async () => {
    const store = new SpyStore();
    const { url } = await start(platform, recipe({}, { options: { store } }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    store.fail('rejects', 'load');
    expect((await browser.post('/forget')).status).toBe(503);
    expect(browser.cookie).toBe('');
  });

  it('a logout that cannot be stored is a 503, and expires the cookie', async () => {
    const store = new SpyStore();
    const { url } = await start(platform, recipe({}, { options: { store } }));
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    store.fail('rejects', 'destroy');
    expect((await browser.post('/logout')).status).toBe(503);
    expect(browser.cookie).toBe('');
  });

  it('the factor of a login is that of the option login', async () => {
    const running = await start(platform, recipe({ login: () => ({ factor: 'sso' }) }));
    const browser = new Browser(running.url);
    await browser.post('/login', ALICE);
    const session = await running.app.get(SessionService).open({ cookie: browser.cookie });
    expect(session.authenticatedAt('sso')).toBeDefined();
    expect(session.authenticatedAt('pwd')).toBeUndefined();
  });

  it.each([{ factor: '' }, { remember: 'on' }, { keep: [] }])(
    'an option login that returns something else logs nobody in',
    async (given) => {
      const { url } = await start(platform, recipe({ login: () => given as never }));
      const browser = new Browser(url);
      expect((await browser.post('/login', ALICE)).status).toBe(500);
      expect(browser.cookie).toBe('');
    },
  );
});

function rememberMe(site: Site): void {
  const persistent = (cookies: string[]) => cookies.some((cookie) => /; Max-Age=\d{6,}/.test(cookie));

  it('a login is not remembered by default', async () => {
    const { url } = await start(site, recipe());
    expect(persistent((await new Browser(url).post('/login', ALICE)).setCookies)).toBe(false);
  });

  it('the option login decides by the request', async () => {
    const remember = { login: (request: any) => ({ remember: request.body?.remember === 'on' }) };
    const { url } = await start(site, recipe(remember));
    const browser = new Browser(url);
    expect(persistent((await browser.post('/login', { ...ALICE, remember: 'on' })).setCookies)).toBe(true);
    expect(persistent((await browser.post('/login', ALICE)).setCookies)).toBe(false);
  });

  it('req.session.cookie.maxAge makes the cookie outlive the browser, and the login no fresher', async () => {
    const running = await start(site, recipe());
    const browser = new Browser(running.url);
    await browser.post('/login', ALICE);
    await browser.post('/cart');
    const before = browser.cookie;
    const loggedInAt = running.clock.now();
    running.clock.advance('5m');
    const answer = await browser.post('/remember', { days: 30 });
    expect(answer.status).toBe(201);
    expect(persistent(answer.setCookies)).toBe(true);
    expect((await browser.get('/me')).json().user).toMatchObject({ username: 'alice' });
    expect((await browser.get('/open')).json().session).toEqual({ cart: ['book'], passport: { user: 'u1' } });
    expect((await browser.get('/me', { cookie: before })).status).toBe(403);
    const open = await running.app.get(SessionService).open({ cookie: browser.cookie });
    expect(open.authenticatedAt()?.getTime()).toBe(loggedInAt);
  });

  it('a maxAge within the idle timeout asks for nothing', async () => {
    const { url } = await start(site, recipe());
    const browser = new Browser(url);
    await browser.post('/login', ALICE);
    expect((await browser.post('/remember', { days: 0.01 })).setCookies).toEqual([]);
  });
}
