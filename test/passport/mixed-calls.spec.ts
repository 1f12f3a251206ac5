import { Body, Controller, Get, Injectable, Module, Post, Req } from '@nestjs/common';
import { PassportModule, PassportSerializer } from '@nestjs/passport';
import { Relogin, SessionService } from 'nest-sessions';
import { PassportSessions } from 'nest-sessions/passport';
import passport from 'passport';
import { promisify } from 'node:util';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';

afterEach(closeAll);

interface User {
  key: { hex: string };
}

const named = (hex: string): User => ({ key: { hex } });

@Injectable()
class Serializer extends PassportSerializer {
  serializeUser(user: User, done: (error: null, user: User) => void): void {
    done(null, user);
  }

  /** A login that was not by Passport has no user but its subject. */
  deserializeUser(user: User | string, done: (error: null, user: User) => void): void {
    done(null, typeof user === 'string' ? named(user) : user);
  }
}

/** Calls of Passport and of `req.session` that do not wait for each other. */
@Controller()
class MixedController {
  constructor(private readonly sessions: SessionService<Record<string, unknown>>) {}

  @Post('service-login')
  async serviceLogin() {
    await this.sessions.login('alice');
  }

  @Post('login')
  login(@Req() request: any, @Body() { user, keep = false }: { user: string; keep?: boolean }) {
    return promisify(request.logIn.bind(request))(named(user), { keepSessionInfo: keep });
  }

  @Post('remember')
  async remember(@Req() { session }: any) {
    session.cookie.maxAge = 30 * 24 * 3_600_000;
    await promisify(session.save.bind(session))();
  }

  @Post('login-and-save')
  async loginAndSave(@Req() request: any) {
    const login = promisify(request.logIn.bind(request))(named('bob'));
    request.session.theme = 'dark';
    request.session.save();
    await login;
  }

  @Post('two-logins')
  async twoLogins(@Req() request: any) {
    const logIn = promisify(request.logIn.bind(request));
    await Promise.all([logIn(named('alice')), logIn(named('bob'))]);
  }

  @Post('login-and-destroy')
  async loginAndDestroy(@Req() request: any) {
    const session = request.session;
    request.session.passport = { user: named('bob') };
    const outcome: string[] = [];
    const told = (name: string) => (error: { code?: string } | undefined) =>
      void outcome.push(`${name} ${error?.code ?? 'done'}`);
    const saved = new Promise<void>((done) => session.save((error: any) => (told('save')(error), done())));
    const ended = new Promise<void>((done) =>
      session.destroy((error: any) => (told('destroy')(error), done())),
    );
    await Promise.all([saved, ended]);
    return outcome;
  }

  @Get('look')
  look(@Req() request: any) {
    const { subject = null } = this.sessions.current;
    return { user: request.user?.key.hex ?? null, subject, theme: request.session.theme ?? null };
  }

  @Get('sensitive')
  @Relogin({ within: '5m' })
  sensitive() {
    return {};
  }
}

describe.each(platforms)('calls of Passport that are mixed, on %s', (platform: PlatformName) => {
  async function begin() {
    const store = new SpyStore();
    const running = await start(platform, { imports: [MixedModule], options: { store }, prepare });
    return { ...running, store, browser: new Browser(running.url) };
  }

  const look = async (browser: Browser) => (await browser.get('/look')).json();

  it('a login that was told to be done is one, whatever was saved meanwhile', async () => {
    const { browser, store } = await begin();
    for (const delay of [undefined, 0]) {
      store.delay = delay;
      await browser.post('/login', { user: 'alice' });
      expect((await browser.post('/login-and-save')).status).toBe(201);
      expect(await look(browser)).toMatchObject({ user: 'bob', subject: 'bob', theme: 'dark' });
    }
  });

  it('of two logins at once the later one counts', async () => {
    const { browser } = await begin();
    expect((await browser.post('/two-logins')).status).toBe(201);
    expect(await look(browser)).toMatchObject({ user: 'bob', subject: 'bob' });
  });

  it('the end of the session does not depend on a login that fails', async () => {
    const { browser, store } = await begin();
    await browser.post('/login', { user: 'alice' });
    const { cookie } = browser;
    store.fail('rejects', 'create');
    const outcome = (await browser.post('/login-and-destroy')).json();
    expect(outcome).toEqual(['save ERR_STORE_UNAVAILABLE', 'destroy done']);
    store.heal();
    expect((await browser.get('/look', { cookie })).json()).toMatchObject({ subject: null });
  });

  it('a login by the service has no user of Passport, and a login that keeps its data follows', async () => {
    const { browser, clock } = await begin();
    await browser.post('/service-login');
    clock.advance('10m');
    expect((await browser.post('/login', { user: 'alice', keep: true })).status).toBe(201);
    expect(await look(browser)).toMatchObject({ user: 'alice', subject: 'alice' });
    expect((await browser.get('/sensitive')).status).toBe(200);
    expect((await browser.post('/login', { user: 'bob', keep: true })).status).toBe(201);
    expect(await look(browser)).toMatchObject({ user: 'bob', subject: 'bob' });
  });

  it('a login by the service is remembered by the cookie of req.session, and no fresh one by that', async () => {
    const { browser, clock } = await begin();
    await browser.post('/service-login');
    clock.advance('10m');
    const remembered = await browser.post('/remember');
    expect(remembered.status).toBe(201);
    expect(remembered.setCookies).toEqual([expect.stringMatching(/Max-Age=\d+/)]);
    expect(await look(browser)).toMatchObject({ subject: 'alice' });
    expect((await browser.get('/sensitive')).status).toBe(401);
  });
});

@Module({
  imports: [
    PassportModule.register({ session: true }),
    // Fails for what is no user of its own.
    PassportSessions.forRoot({ subject: (user) => (user as User).key.hex }),
  ],
  controllers: [MixedController],
  providers: [Serializer],
})
class MixedModule {}

const prepare = (app: { use(middleware: unknown): unknown }): void => {
  app.use(passport.initialize());
  app.use(passport.session());
};
