import type { IncomingMessage, ServerResponse } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { SessionService } from 'nest-sessions';
import { PassportSessions } from 'nest-sessions/passport';
import passport from 'passport';
import { Browser } from '../support/browser.js';
import { describeEveryStore } from '../support/every-store.js';
import { closeAll, start, type Running, type Site } from '../support/platforms.js';

afterEach(closeAll);

type Done = (error: unknown, value?: unknown) => void;

interface Passport {
  serialize?: (user: any, done: Done) => void;
  deserialize?: (serialized: any, done: Done) => void;
  /** Options of `authenticate('session')`. */
  session?: object;
  initialize?: object;
}

/** A Passport of its own, whose handlers are middleware: what the session strategy and the request do there. */
async function application(
  site: Site,
  { serialize, deserialize, session, initialize }: Passport = {},
): Promise<Running> {
  const own = new passport.Passport();
  own.serializeUser(serialize ?? ((user: any, done: Done) => done(null, user.id)));
  own.deserializeUser(deserialize ?? ((id: any, done: Done) => done(null, { id })));
  return start(site, {
    imports: [PassportSessions],
    prepare(app: INestApplication): void {
      if (initialize) app.use(own.initialize(initialize));
      app.use(own.authenticate('session', session ?? {}));
      app.use('/login', (request: any, response: any, next: Done) => {
        const query = queryOf(request);
        const options = query.has('keep') ? { keepSessionInfo: true } : {};
        const id = query.has('number') ? Number(query.get('id')) : query.get('id');
        request.logIn({ id }, options, (error: unknown) =>
          error ? next(error) : respond(request, response),
        );
      });
      app.use('/without-session', (request: any, response: any) => {
        request.logIn({ id: 'alice' }, { session: false }, () => respond(request, response));
      });
      app.use('/logout', (request: any, response: any, next: Done) => {
        request.logout((error: unknown) => (error ? next(error) : respond(request, response)));
      });
      app.use('/write', (request: any, response: any) => {
        request.session.note = queryOf(request).get('note');
        respond(request, response);
      });
      app.use('/look', respond);
    },
  });
}

/** Middleware of Fastify has Node's request, without a parsed query. */
const queryOf = ({ url }: IncomingMessage): URLSearchParams => new URL(url!, 'http://site').searchParams;

function respond(request: any, response: ServerResponse): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(
    JSON.stringify({
      user: request.user ?? null,
      account: request.account ?? null,
      authenticated: request.isAuthenticated(),
      unauthenticated: request.isUnauthenticated(),
      session: { ...request.session },
    }),
  );
}

const GUEST = { user: null, account: null, authenticated: false, unauthenticated: true, session: {} };

describeEveryStore('Passport', (platform, make) => {
  const site: Site = { platform, store: () => make() };
  describe('with its session strategy', () => sessionStrategy(site));
  describe('with req.logIn() and req.logout()', () => logInAndOut(site));
});

function sessionStrategy(site: Site): void {
  it('passes a request without a login', async () => {
    const { url } = await application(site);
    expect((await new Browser(url).get('/look')).json()).toEqual(GUEST);
  });

  it('passes a guest who has data', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/write?note=a');
    expect((await browser.get('/look')).json()).toEqual({ ...GUEST, session: { note: 'a' } });
  });

  it('restores the user', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    expect((await browser.get('/look')).json()).toEqual({
      user: { id: 'alice' },
      account: null,
      authenticated: true,
      unauthenticated: false,
      session: { passport: { user: 'alice' } },
    });
  });

  it('restores a user whose id is 0', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/login?id=0&number=1');
    expect((await browser.get('/look')).json().user).toEqual({ id: 0 });
  });

  it('restores the user under the property that initialize() names', async () => {
    const { url } = await application(site, { initialize: { userProperty: 'account' } });
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    const { user, account, authenticated } = (await browser.get('/look')).json();
    expect({ user, account, authenticated }).toEqual({
      user: null,
      account: { id: 'alice' },
      authenticated: true,
    });
  });

  it('restores the user while the body of the request waits', async () => {
    const { url } = await application(site, { session: { pauseStream: true } });
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    expect((await browser.post('/look', { some: 'body' })).json().user).toEqual({ id: 'alice' });
  });

  it.each([
    ['null', null],
    ['false', false],
  ])('ends the session of a user who is gone (%s)', async (_name, gone) => {
    let there: unknown = { id: 'alice' };
    const { app, url } = await application(site, { deserialize: (_id, done) => done(null, there) });
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    const copied = browser.cookie;
    there = gone;
    expect((await browser.get('/look')).json()).toMatchObject({ user: null, authenticated: false });
    there = { id: 'alice' };
    expect((await browser.get('/look', { cookie: copied })).json()).toEqual(GUEST);
    expect(await app.get(SessionService).list('alice')).toEqual([]);
  });

  it('an error of deserializeUser() is an error of the request, and leaves the login', async () => {
    let fails = false;
    const { url } = await application(site, {
      deserialize: (id, done) => (fails ? done(new Error('no database')) : done(null, { id })),
    });
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    fails = true;
    expect((await browser.get('/look')).status).toBe(500);
    fails = false;
    expect((await browser.get('/look')).json().user).toEqual({ id: 'alice' });
  });
}

function logInAndOut(site: Site): void {
  it('logIn() with session: false is for this request alone', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    const answer = await browser.get('/without-session');
    expect(answer.json()).toMatchObject({ user: { id: 'alice' }, authenticated: true, session: {} });
    expect(answer.setCookies).toEqual([]);
    expect((await browser.get('/look')).json()).toEqual(GUEST);
  });

  it('logIn() gives another session, without the data of the former', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/write?note=a');
    const former = browser.cookie;
    expect((await browser.get('/login?id=alice')).json().session).toEqual({ passport: { user: 'alice' } });
    expect((await browser.get('/look', { cookie: former })).json()).toEqual(GUEST);
  });

  it('logIn() keeps the data with keepSessionInfo', async () => {
    const { url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/write?note=a');
    await browser.get('/login?id=alice&keep=1');
    expect((await browser.get('/look')).json().session).toEqual({ note: 'a', passport: { user: 'alice' } });
  });

  it('logIn() of the same user is a fresh login', async () => {
    const { app, clock, url } = await application(site);
    const browser = new Browser(url);
    await browser.get('/login?id=alice');
    clock.advance('10m');
    await browser.get('/login?id=alice&keep=1');
    const open = await app.get(SessionService).open({ cookie: browser.cookie });
    expect(open.authenticatedAt()?.getTime()).toBe(clock.now());
    expect(await app.get(SessionService).list('alice')).toHaveLength(1);
  });

  it('an error of serializeUser() reaches the caller, and logs nobody in', async () => {
    const { url } = await application(site, { serialize: (_user, done) => done(new Error('no id')) });
    const browser = new Browser(url);
    expect((await browser.get('/login?id=alice')).status).toBe(500);
    expect((await browser.get('/look')).json()).toEqual(GUEST);
  });

  it('logout() ends the session of the user, and no other of the same user', async () => {
    const { app, url } = await application(site);
    const [phone, laptop] = [new Browser(url), new Browser(url)];
    await phone.get('/login?id=alice');
    await laptop.get('/login?id=alice');
    expect((await phone.get('/logout')).json()).toEqual(GUEST);
    expect((await phone.get('/look')).json()).toEqual(GUEST);
    expect((await laptop.get('/look')).json().user).toEqual({ id: 'alice' });
    expect(await app.get(SessionService).list('alice')).toHaveLength(1);
  });
}
