import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  RequestMethod,
  UnauthorizedException,
  UseGuards,
  Version,
  VERSION_NEUTRAL,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  LoginGuard,
  Public,
  Relogin,
  SESSION_CLOCK,
  SessionModule,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';
import { SpyStore } from '../support/spy-store.js';
import { load } from './examples.js';
import { closeServed, serve } from './serve.js';

const PAGE = 'docs/recipes.md';
const OTHER_SECRET = 'vX2bq9TnRz7Lc4Kd8Wm1Js6Hf3Pg5YaUeQiOtZxCw0E';
const crossSite = { headers: { 'sec-fetch-site': 'cross-site' } };

afterEach(async () => {
  await closeAll();
  await closeServed();
});

describe.each(platforms)('the recipe for middleware on %s', (platform) => {
  const recipe = () =>
    load<{ addSubjectHeader(app: INestApplication): void }>(PAGE, 'Middleware, and the order of imports');

  it('reads the session in middleware of app.use()', async () => {
    const { addSubjectHeader } = await recipe();
    const { url } = await start(platform, { controllers: [AppController], prepare: addSubjectHeader });
    const browser = new Browser(url);
    expect((await browser.get('/untouched')).headers['x-subject']).toBeUndefined();
    await browser.post('/login', { user: 'ålice' });
    expect((await browser.get('/untouched')).headers['x-subject']).toBe('%C3%A5lice');
  });

  it('says where there is no session, in the words of the page', async () => {
    let message = '';
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { exclude: ['untouched'] },
      prepare: (app) =>
        void app.use((_request: unknown, _response: unknown, next: () => void) => {
          try {
            message = app.get(SessionService).current.state;
          } catch (error) {
            ({ message } = error as Error);
          }
          next();
        }),
    });
    await new Browser(url).get('/untouched');
    expect(message).toMatch(
      /^There is no session here: outside of a request, on a route that the option "exclude" names,/,
    );
  });

  it('responds with 503 while the store is down', async () => {
    const { addSubjectHeader } = await recipe();
    const store = new SpyStore();
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { store },
      prepare: addSubjectHeader,
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    store.fail('rejects', 'load');
    expect((await browser.get('/untouched')).status).toBe(503);
  });

  it.each([
    ['first', []],
    ['after a module with a guard', ['own']],
  ])('runs guards in the order of imports: SessionModule %s', async (order, seen) => {
    const calls: string[] = [];
    @Injectable()
    class OwnGuard implements CanActivate {
      canActivate(): boolean {
        calls.push('own');
        return true;
      }
    }
    @Module({ providers: [{ provide: APP_GUARD, useClass: OwnGuard }] })
    class GuardsModule {}
    const sessions = SessionModule.forRoot({ secret: SECRET });
    const imports = order === 'first' ? [sessions, GuardsModule] : [GuardsModule, sessions];
    const url = await serve(platform, { imports, controllers: [AppController] });
    expect((await new Browser(url).post('/login', { user: 'alice' }, crossSite)).status).toBe(403);
    expect(calls).toEqual(seen);
  });
});

@Controller('health')
class HealthController {
  @Get()
  health() {
    return { ok: true };
  }

  @Post()
  post() {
    return { ok: true };
  }
}

@Controller({ path: 'health', version: '1' })
class VersionedController extends HealthController {}

@Controller('health')
class NeutralController {
  @Get()
  @Version(VERSION_NEUTRAL)
  health() {
    return { ok: true };
  }
}

@Controller('assets')
class AssetsController {
  @Get('a/b.css')
  asset() {
    return { ok: true };
  }
}

type Excluded = NonNullable<SessionModuleOptions['exclude']>[number];
const version1: Excluded = { path: 'health', version: '1', method: RequestMethod.ALL };
const uri = (app: INestApplication) => app.enableVersioning({ type: VersioningType.URI });
const api = (app: INestApplication) => app.setGlobalPrefix('api');

describe.each(platforms)('the table of excluded routes on %s', (platform) => {
  const rows: [Type, string, (app: INestApplication) => unknown, Excluded[], Excluded[]][] = [
    [HealthController, '/health', () => undefined, ['health', '/health'], []],
    [HealthController, '/api/health', api, ['health'], ['api/health']],
    [
      HealthController,
      '/health',
      (app) => app.setGlobalPrefix('api', { exclude: ['health'] }),
      ['health'],
      [],
    ],
    [VersionedController, '/v1/health', uri, [version1, 'v1/health'], ['health']],
    [NeutralController, '/health', uri, ['health'], []],
    [
      VersionedController,
      '/api/v1/health',
      (app) => {
        api(app);
        uri(app);
      },
      [version1, 'v1/health'],
      ['health'],
    ],
    [
      VersionedController,
      '/health',
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
      ['health'],
      [],
    ],
    [AssetsController, '/assets/a/b.css', () => undefined, ['assets/*path'], ['assets']],
  ];
  const cases = rows.flatMap(([controller, path, prepare, match, miss]) =>
    [...match.map((one) => ({ one, hit: true })), ...miss.map((one) => ({ one, hit: false }))].map(
      ({ one, hit }) => ({ controller, path, prepare, one, hit }),
    ),
  );

  it.each(cases)('$path is excluded by $one: $hit', async ({ controller, path, prepare, one, hit }) => {
    let session: boolean | undefined;
    const { url } = await start(platform, {
      controllers: [controller],
      options: { exclude: [one] },
      prepare: (app) => {
        prepare(app);
        app.use((_request: unknown, _response: unknown, next: () => void) => {
          try {
            session = app.get(SessionService).current.state !== undefined;
          } catch {
            session = false;
          }
          next();
        });
      },
    });
    const answer = await new Browser(url).get(path, { headers: { 'x-version': '1' } });
    expect([answer.status, session]).toEqual([200, !hit]);
  });

  it('leaves nothing to those who ask for the session there', async () => {
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { exclude: ['me', 'sensitive', 'look', 'logout'] },
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const statuses = [];
    for (const path of ['/me', '/sensitive', '/look']) statuses.push((await browser.get(path)).status);
    expect([...statuses, (await browser.post('/logout')).status]).toEqual([401, 401, 500, 500]);
  });

  it("needs @Public() as well under guard: 'login'", async () => {
    @Controller('ready')
    @Public()
    class PublicController extends HealthController {}
    const exclude = ['health', 'ready'];
    const sessions = SessionModule.forRoot({ secret: SECRET, exclude, guard: 'login' });
    const url = await serve(platform, {
      imports: [sessions],
      controllers: [HealthController, PublicController],
    });
    const statuses = [];
    for (const path of ['/health', '/ready']) statuses.push((await new Browser(url).get(path)).status);
    expect(statuses).toEqual([401, 200]);
  });

  it('does not check cross-site requests of an excluded route', async () => {
    const { url } = await start(platform, {
      controllers: [HealthController],
      options: { exclude: ['health'] },
    });
    expect((await new Browser(url).post('/health', {}, crossSite)).status).toBe(201);
  });
});

describe.each(platforms)('the recipe for OpenID Connect on %s', (platform) => {
  class Provider {
    authenticatedAt = new Date(Date.UTC(2029, 11, 31, 23));

    authorizationUrl(state: string): string {
      return `https://idp.example/authorize?${new URLSearchParams({ state }).toString()}`;
    }

    redeem(code: string) {
      return Promise.resolve({ subject: `subject-of-${code}`, authenticatedAt: this.authenticatedAt });
    }
  }

  async function open() {
    const { OidcController } = await load<{ OidcController: Type }>(PAGE, 'OAuth and OpenID Connect', {
      Provider,
    });
    const { FormPostController } = await load<{ FormPostController: Type }>(PAGE, 'form_post');
    const controllers = [AppController, OidcController, FormPostController];
    const { url } = await start(platform, { controllers, providers: [Provider] });
    const browser = new Browser(url);
    const begin = async () => {
      const { headers } = await browser.get('/oidc/start?next=/look');
      return new URL(headers.location!).searchParams.get('state')!;
    };
    return { browser, begin };
  }

  it('logs in at the callback, and returns to where the user came from', async () => {
    const { browser, begin } = await open();
    const answer = await browser.get(`/oidc/callback?code=c&state=${await begin()}`, crossSite);
    expect([answer.status, answer.headers.location]).toEqual([302, '/look']);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'subject-of-c', data: {} });
    // The provider's login was an hour ago.
    expect((await browser.get('/sensitive')).status).toBe(401);
  });

  it('rejects a foreign state, and one that was used before', async () => {
    const { browser, begin } = await open();
    const state = await begin();
    expect((await browser.get('/oidc/callback?code=c&state=another')).status).toBe(403);
    expect((await browser.get(`/oidc/callback?code=c&state=${state}`)).status).toBe(403);
    const again = await begin();
    await browser.get(`/oidc/callback?code=c&state=${again}`);
    expect((await browser.get(`/oidc/callback?code=c&state=${again}`)).status).toBe(403);
  });

  it('passes a form_post on, without a session and without a cookie', async () => {
    const { browser, begin } = await open();
    const state = await begin();
    const form = await browser.post('/oidc/callback', { state, code: 'c' }, { ...crossSite, cookie: '' });
    expect([form.status, form.setCookies]).toEqual([303, []]);
    const answer = await browser.get(form.headers.location!, crossSite);
    expect([answer.status, answer.headers.location]).toEqual([302, '/look']);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'subject-of-c' });
  });
});

describe.each(platforms)('what the recipes say on %s', (platform) => {
  it('two applications with one name and two secrets leave each other alone until one sets a cookie', async () => {
    const one = await start(platform, { controllers: [AppController] });
    const other = await start(platform, {
      controllers: [AppController],
      options: { secret: OTHER_SECRET },
    });
    const browser = new Browser(one.url);
    await browser.post('/login', { user: 'alice' });
    const elsewhere = new Browser(other.url);
    const read = await elsewhere.get('/look', { cookie: browser.cookie });
    expect([read.json()['subject'], read.setCookies]).toEqual([null, []]);
    const login = await elsewhere.post('/login', { user: 'bob' }, { cookie: browser.cookie });
    expect(login.setCookies.map((one) => one.split('=', 1)[0])).toEqual(['__Host-session']);
  });

  it('an anonymous session has another id at each request until something is stored', async () => {
    const { url } = await start(platform, { controllers: [AppController] });
    const browser = new Browser(url);
    const id = async () => (await browser.get('/look')).json()['id'];
    expect(await id()).not.toBe(await id());
    await browser.post('/data', { a: 1 });
    expect(await id()).toBe(await id());
  });

  it('a throttle goes by the subject, and by the address where nobody is logged in', async () => {
    interface Tracking {
      getTracker(request: { ip: string }): Promise<string>;
    }
    const { Tracker } = await load<{ Tracker: Type<Tracking> }>(PAGE, 'Throttling');
    @Injectable()
    class Throttle implements CanActivate {
      async canActivate(): Promise<boolean> {
        keys.push(await tracker().getTracker({ ip: '203.0.113.7' }));
        return true;
      }
    }
    const keys: string[] = [];
    const { url, app } = await start(platform, {
      controllers: [AppController],
      providers: [Tracker, { provide: APP_GUARD, useClass: Throttle }],
    });
    const tracker = (): Tracking => app.get<Tracking>(Tracker);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    await browser.get('/me');
    expect(keys).toEqual(['ip:203.0.113.7', 'subject:alice']);
  });

  it('an audit log receives the events', async () => {
    interface Log {
      onModuleInit(): void;
    }
    const { AuditLog } = await load<{ AuditLog: Type<Log> }>(PAGE, 'Logs');
    const { url, app } = await start(platform, { controllers: [AppController], providers: [AuditLog] });
    const events: SessionEvent[] = [];
    app.get(SessionService).events.subscribe((event) => events.push(event));
    await new Browser(url).post('/login', { user: 'alice' });
    expect(events.map(({ type }) => type)).toEqual(['created', 'login']);
  });
});

describe.each(platforms)('the recipe for logins that exist on %s', (platform) => {
  class Tokens {
    valid = true;

    verify(token: string) {
      const iat = Date.UTC(2029, 11, 31) / 1000;
      return Promise.resolve(token === 'good' && this.valid ? { sub: 'alice', iat } : undefined);
    }

    revoke(): Promise<void> {
      this.valid = false;
      return Promise.resolve();
    }
  }

  it('begins a session with an old token, once, and does not take it for a fresh login', async () => {
    const { AdoptTokenGuard } = await load<{ AdoptTokenGuard: Type<CanActivate> }>(
      'docs/migration.md',
      'Adopting logins that exist',
      { Tokens },
    );
    @Controller('old')
    class OldController {
      @Get()
      @UseGuards(AdoptTokenGuard, LoginGuard)
      get() {
        return { ok: true };
      }
    }
    const { url } = await start(platform, {
      controllers: [AppController, OldController],
      providers: [Tokens],
    });
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    const browser = new Browser(url);
    expect((await browser.get('/old')).status).toBe(401);
    expect((await browser.get('/old', bearer('bad'))).status).toBe(401);
    expect((await browser.get('/old', bearer('good'))).status).toBe(200);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
    expect((await browser.get('/sensitive')).status).toBe(401);
    expect((await new Browser(url).get('/old', bearer('good'))).status).toBe(401);
  });
});

describe.each(platforms)('the recipe for login pages on %s', (platform) => {
  class Users {
    verify({ name, id, password }: { name?: string; id?: string; password?: string }) {
      if (password !== 'tea') throw new UnauthorizedException();
      return Promise.resolve({ id: id ?? name! });
    }
  }
  @Controller('email')
  class EmailController {
    @Get()
    @Relogin('5m')
    get() {
      return { ok: true };
    }
  }
  const html = { headers: { accept: 'text/html' } };
  const hidden = (body: string) => /name="next" value="([^"]*)"/.exec(body)?.[1];
  const globals = { secret: SECRET, Users };
  const pages = () => load<{ LoginModule: Type; LoginController: Type }>(PAGE, 'Login pages', globals);

  async function open() {
    const { LoginModule } = await pages();
    const clock = new FakeClock();
    const url = await serve(
      platform,
      { imports: [LoginModule], controllers: [EmailController] },
      undefined,
      (module) => module.overrideProvider(SESSION_CLOCK).useValue(clock),
    );
    return { browser: new Browser(url), clock };
  }

  it('leads through the login and the re-login, and back', async () => {
    const { browser, clock } = await open();
    const asked = await browser.get('/email?a=1&b=2', html);
    expect(asked.status).toBe(303);
    const login = await browser.get(asked.headers.location!, html);
    expect(login.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(hidden(login.body)).toBe('/email?a=1&#38;b=2');
    const next = '/email?a=1&b=2';
    const form = { name: 'alice', password: 'tea', next, remember: 'on' };
    expect((await browser.post('/login', { ...form, password: 'no' })).status).toBe(401);
    const back = await browser.post('/login', form);
    expect([back.status, back.headers.location]).toEqual([303, next]);
    expect(back.setCookies[0]).toMatch(/Max-Age/);
    expect((await browser.get(next, html)).status).toBe(200);

    clock.advance('6m');
    const again = await browser.get(next, html);
    expect([again.status, again.headers.location]).toEqual([
      303,
      `/login/again?next=${encodeURIComponent(next)}`,
    ]);
    expect(hidden((await browser.get(again.headers.location!, html)).body)).toBe('/email?a=1&#38;b=2');
    expect((await browser.post('/login/again', { password: 'no', next })).status).toBe(401);
    const done = await browser.post('/login/again', { password: 'tea', next });
    expect([done.status, done.headers.location]).toEqual([303, next]);
    expect((await browser.get(next, html)).status).toBe(200);
  });

  it('leads back to no page that asks for a password', async () => {
    const { browser } = await open();
    for (const next of ['/login', '/login/again?next=%2Femail', '/login?next=%2F', '/x/../login']) {
      const { body } = await browser.get(`/login?next=${encodeURIComponent(next)}`, html);
      expect(hidden(body)).toBe('/');
      const answer = await browser.post('/login', { name: 'alice', password: 'tea', next });
      expect([answer.status, answer.headers.location]).toEqual([303, '/']);
    }
    expect(hidden((await browser.get('/login?next=%2Flogins', html)).body)).toBe('/logins');
  });

  it('remembers only where the box is checked, and leads to no other site', async () => {
    const { browser } = await open();
    const answer = await browser.post('/login', { name: 'alice', password: 'tea', next: '//evil.example' });
    expect(answer.headers.location).toBe('/');
    expect(answer.setCookies[0]).not.toMatch(/Max-Age/);
    for (const next of ['https://evil.example', '/"><script>', "/?a='"]) {
      const { body } = await browser.get(`/login?next=${encodeURIComponent(next)}`, html);
      expect(hidden(body)).not.toMatch(/evil|[<>"']/);
      expect(body).not.toContain('<script>');
    }
  });

  it('shows why a session was ended by another login', async () => {
    const { LoginController } = await pages();
    const { ReasonGuardModule } = await load<{ ReasonGuardModule: Type }>(PAGE, 'After an eviction');
    const sessions = SessionModule.forRoot({ secret: SECRET, login: { url: '/login' }, maxSessions: 1 });
    const url = await serve(platform, {
      imports: [sessions, ReasonGuardModule],
      controllers: [LoginController, EmailController],
      providers: [Users],
    });
    const [one, other] = [new Browser(url), new Browser(url)];
    const fresh = await other.get('/email', html);
    expect(fresh.headers.location).toBe('/login?next=%2Femail');
    for (const browser of [one, other]) await browser.post('/login', { name: 'alice', password: 'tea' });
    const evicted = await one.get('/email', html);
    expect([evicted.status, evicted.headers.location]).toEqual([303, '/login?next=%2Femail&reason=evicted']);
    expect((await one.get(evicted.headers.location!)).body).toContain('by a login on another device');
    expect((await other.get('/email', html)).status).toBe(200);
  });
});

describe.each(platforms)('the recipe for sessions of express-session on %s', (platform) => {
  it('adopts the login once, and does not count it as fresh', async () => {
    // The class of the second example under this heading.
    const { AdoptSessionGuard } = await load<{ AdoptSessionGuard: Type<CanActivate> }>(
      'docs/migration.md',
      'From express-session',
    );
    let destroyed = 0;
    @Injectable()
    class OldSession implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        const destroy = (done: () => void) => (destroyed++, done());
        context.switchToHttp().getRequest<{ session?: object }>().session = { userId: 42, destroy };
        return true;
      }
    }
    @Controller('old')
    class OldController {
      @Get()
      @UseGuards(OldSession, AdoptSessionGuard, LoginGuard)
      get() {
        return { ok: true };
      }
    }
    const { url } = await start(platform, { controllers: [AppController, OldController] });
    const browser = new Browser(url);
    for (let i = 0; i < 2; i++) expect((await browser.get('/old')).status).toBe(200);
    expect(destroyed).toBe(1);
    expect((await browser.get('/me')).json()).toEqual({ subject: '42' });
    expect((await browser.get('/sensitive')).status).toBe(401);
  });
});
