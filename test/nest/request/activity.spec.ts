import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  BadRequestException,
  Catch,
  Controller,
  Get,
  Header,
  HttpCode,
  HttpException,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import { APP_INTERCEPTOR, ExternalContextCreator } from '@nestjs/core';
import {
  Cacheable,
  LoginGuard,
  Logout,
  Passive,
  Relogin,
  Session,
  SessionInterceptor,
  SessionService,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { setTimeout as wait } from 'node:timers/promises';
import { closeAll, platforms, start, type PlatformName, type Setup } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

interface AnyResponse {
  raw?: ServerResponse;
  header(name: string, value: string): AnyResponse;
  status(code: number): AnyResponse;
  send(body: unknown): void;
}

/** Sends browsers to a page, whatever went wrong. */
@Catch()
class RedirectFilter implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost) {
    host.switchToHttp().getResponse<AnyResponse>().header('Location', '/sorry').status(303).send('');
  }
}

/** A guard of the application's own. */
@Injectable()
class DenyingGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class RedirectingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getResponse<AnyResponse>().header('Location', '/elsewhere');
    throw new HttpException('', 303);
  }
}

@Controller('out')
class OutController {
  @Post('relogin') @Logout() @Relogin('5m') relogin() {}

  @Post('denied') @Logout() @UseGuards(DenyingGuard) denied() {}

  @Post('redirected') @Logout() @UseGuards(RedirectingGuard) redirected() {}

  @Post('piped/:n') @Logout() @UseFilters(RedirectFilter) piped(@Param('n', ParseIntPipe) _n: number) {}

  @Post('fails') @Logout() @UseFilters(RedirectFilter) fails() {
    throw new BadRequestException();
  }
}

@Controller('in')
@UseFilters(RedirectFilter)
class InController {
  @Get('login') @UseGuards(LoginGuard) login() {}

  @Get('relogin') @Relogin({ within: '5m', factor: 'otp' }) relogin() {}

  @Get('fails') fails() {
    throw new BadRequestException();
  }

  @Get('fails-bound') @UseInterceptors(SessionInterceptor) failsBound() {
    throw new BadRequestException();
  }

  @Post('write') @HttpCode(200) write() {}
}

@Controller('bound')
@UseInterceptors(SessionInterceptor)
class BoundController {
  @Post('twice') @HttpCode(200) @UseInterceptors(SessionInterceptor) @Logout() twice() {
    return { ok: true };
  }

  @Get('roll') @UseInterceptors(SessionInterceptor) roll() {
    return { ok: true };
  }
}

@Controller('cached')
class CachedController {
  @Get('denied')
  @Cacheable()
  @UseGuards(LoginGuard)
  @Header('Cache-Control', 'public, max-age=60')
  denied() {}

  @Get('hidden/:n')
  @Cacheable()
  @Header('Cache-Control', 'public, max-age=60')
  hidden(@Session() session: Session<Data>): never {
    throw new HttpException(String(session.loggedIn), 404);
  }
}

/** Each of them a field that @nestjs/graphql resolves. */
@Injectable()
class Resolvers {
  constructor(private readonly sessions: SessionService<Data>) {}

  active() {
    return this.sessions.current.loggedIn;
  }

  @Passive() passive() {
    return this.sessions.current.loggedIn;
  }

  @Cacheable() @Passive() cacheable() {
    return this.sessions.current.loggedIn;
  }

  @Relogin({ within: '5m', factor: 'otp' }) refused() {}

  @Logout() logout() {}

  failing(): never {
    throw new Error('it fails at once');
  }

  /** Succeeds when the other fields are done. */
  @Logout() async lateLogout() {
    await nextTurn();
  }

  /** Fails when the other fields are done. */
  @Logout() async failingLogout() {
    await nextTurn();
    throw new Error('it fails late');
  }
}

/** Resolves the fields of `?fields=`, all at once, where no handler of HTTP runs. */
@Injectable()
class GraphqlMiddleware implements NestMiddleware {
  constructor(
    private readonly creator: ExternalContextCreator,
    private readonly resolvers: Resolvers,
  ) {}

  async use(request: IncomingMessage & { originalUrl: string }, response: ServerResponse): Promise<void> {
    const fields = new URL(request.originalUrl, 'http://localhost').searchParams.get('fields')!.split(',');
    const results = await Promise.allSettled(fields.map((field) => this.#resolve(field, request)));
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ data: results.map(({ status }) => status === 'fulfilled') }));
  }

  async #resolve(field: string, request: IncomingMessage): Promise<unknown> {
    const { resolvers } = this;
    const method = resolvers[field as 'active'];
    const rest = [undefined, undefined, undefined, undefined, undefined] as const;
    const resolve = this.creator.create(resolvers, method, field, ...rest, 'graphql');
    return resolve(undefined, {}, { req: request }, { operation: { operation: 'query' } });
  }
}

@Module({ providers: [Resolvers] })
class GraphqlModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(GraphqlMiddleware).forRoutes('graphql');
  }
}

/** Long enough for whatever else a request does in memory. */
const nextTurn = (): Promise<void> => wait(20);

/** Catches that a commit failed, goes on, and responds with a 4xx. */
@Controller('recovered')
class RecoveredController {
  @Get()
  async recovered(@Session() session: Session<Data>): Promise<never> {
    session.data['cart'] = 'first';
    await session.commit().catch(() => undefined);
    session.data['cart'] = 'second';
    throw new HttpException('a mistake of the client', 400);
  }
}

type Bound = 'nowhere' | 'globally';

async function open(platform: PlatformName, bound: Bound = 'nowhere', setup: Setup = {}) {
  const store = new SpyStore();
  const running = await start(platform, {
    controllers: [
      AppController,
      OutController,
      InController,
      BoundController,
      CachedController,
      RecoveredController,
    ],
    imports: [GraphqlModule],
    ...setup,
    options: { store, relogin: { url: '/login/again' }, rotateEvery: false, ...setup.options },
    providers: [
      ...(setup.providers ?? []),
      ...(bound === 'globally' ? [{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }] : []),
    ],
  });
  const browser = new Browser(running.url);
  /** Whether a request extends the idle timeout, as the store sees it. */
  const rolls = async (act: () => Promise<{ status: number }>, status: number) => {
    running.clock.advance('2m');
    store.forget();
    expect((await act()).status).toBe(status);
    const asked = store.calls.map(({ question }) => question);
    expect(asked.slice(0, 1)).toEqual(['load']);
    expect(asked.slice(1).every((question) => question === 'commit')).toBe(true);
    return asked.length > 1;
  };
  return { ...running, store, browser, rolls };
}

const HTML = { headers: { accept: 'text/html' } };

const everywhere = platforms.flatMap(([platform]) =>
  (['nowhere', 'globally'] as const).map((bound): [PlatformName, Bound] => [platform, bound]),
);

describe.each(everywhere)('on %s, with the interceptor bound %s', (platform, bound) => {
  it.each([
    ['ReloginGuard redirects', '/out/relogin', 303],
    ['a guard of the application denies', '/out/denied', 403],
    ['a guard of the application redirects', '/out/redirected', 303],
    ['a pipe fails and a filter redirects', '/out/piped/x', 303],
    ['the handler fails and a filter redirects', '/out/fails', 303],
  ])('a logout does not take place where %s', async (_, path, status) => {
    const { browser, rolls, clock, store } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    clock.advance('10m');
    expect(await rolls(() => browser.post(path, undefined, HTML), status)).toBe(false);
    expect(store.records()).toHaveLength(1);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it.each([
    ['LoginGuard', '/in/login', {}],
    ['ReloginGuard', '/in/relogin', {}],
    ['the CSRF check', '/in/write', { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } }],
  ])('what %s refuses is no activity, though a filter redirects', async (_, path, ask) => {
    const { browser, rolls } = await open(platform, bound);
    // An anonymous session: of this one LoginGuard asks for more.
    await browser.post('/data', { a: 1 });
    expect(await rolls(() => browser.send(path, ask), 303)).toBe(false);
  });

  it('a response without a handler is no activity', async () => {
    const { browser, rolls } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    expect(await rolls(() => browser.get('/nowhere'), 404)).toBe(false);
  });

  it('what an interceptor bound several times stores, it stores once', async () => {
    const { browser, rolls, store, clock } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    expect(await rolls(() => browser.get('/bound/roll'), 200)).toBe(true);
    expect(store.count('commit')).toBe(1);
    clock.advance('2m');
    store.forget();
    expect((await browser.post('/bound/twice')).status).toBe(200);
    expect(store.calls.map(({ question }) => question)).toEqual(['load', 'destroy']);
    expect(browser.cookie).toBe('');
  });

  it('a failure that a filter makes a redirect of is activity only without the interceptor', async () => {
    const { browser, rolls } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    expect(await rolls(() => browser.get('/in/fails'), 303)).toBe(bound === 'nowhere');
    expect(await rolls(() => browser.get('/in/fails-bound'), 303)).toBe(false);
  });

  it.each(['10m', false] as const)(
    'reads and logs out while the store rejects writes that only extend the session (rotateEvery: %s)',
    async (rotateEvery) => {
      const { browser, store, clock } = await open(platform, bound, { options: { rotateEvery } });
      await browser.post('/login', { user: 'alice' });
      clock.advance('15m');
      store.fail('rejects', 'commit');
      store.forget();
      const answer = await browser.get('/me');
      expect([answer.status, answer.json()['subject'], answer.setCookies]).toEqual([200, 'alice', []]);
      expect(store.count('commit')).toBe(1);
      expect((await browser.post('/data', { a: 1 })).status).toBe(503);
      store.heal();
      store.forget();
      expect((await browser.get('/me')).status).toBe(200);
      expect(store.count('commit')).toBe(1);
      store.fail('rejects', 'commit');
      expect((await browser.post('/logout')).status).toBeLessThan(400);
      expect(browser.cookie).toBe('');
    },
  );

  it('a redirect by a guard of the application is activity', async () => {
    const { browser, rolls } = await open(platform, bound, { controllers: [AppController, AwayController] });
    await browser.post('/login', { user: 'alice' });
    expect(await rolls(() => browser.get('/away'), 303)).toBe(true);
  });

  it('@Cacheable() covers the handler’s own responses, and not rejections and failures', async () => {
    const { browser } = await open(platform, bound);
    for (const [path, status] of [
      ['/cached/denied', 401],
      ['/cached/hidden/1', 404],
    ] as const) {
      const answer = await browser.get(path);
      expect([path, answer.status, answer.headers.vary]).toEqual([path, status, 'Cookie']);
      expect(answer.headers['cache-control']).toMatch(/^private/);
    }
  });
});

@Controller('away')
class AwayController {
  @Get() @UseGuards(RedirectingGuard) away() {}
}

describe.each(everywhere)('a logout without a session on %s, interceptor %s', (platform, bound) => {
  it('fails on a route that `exclude` names, and ends nothing', async () => {
    const { browser, store } = await open(platform, bound, { options: { exclude: ['logout'] } });
    await browser.post('/login', { user: 'alice' });
    const { status } = await browser.post('/logout');
    expect([status, store.records().length]).toEqual([500, 1]);
  });
});

describe.each(everywhere)(
  'a failed commit that a handler caught, on %s, interceptor %s',
  (platform, bound) => {
    it('does not drop what is written after it, though the response is a 400', async () => {
      const { browser, store } = await open(platform, bound);
      await browser.post('/login', { user: 'alice' });
      store.gate = async (question) => {
        if (question !== 'commit') return;
        store.gate = undefined;
        throw new Error('the store fails once');
      };
      expect((await browser.get('/recovered')).status).toBe(400);
      expect((await browser.get('/look')).json()).toMatchObject({ data: { cart: 'second' } });
    });
  },
);

describe.each(everywhere)('several handlers of one request on %s, interceptor %s', (platform, bound) => {
  it.each([
    ['passive', [true], false],
    ['passive,active', [true, true], true],
    ['active,passive', [true, true], true],
    ['active,refused', [true, false], true],
    ['refused,active', [false, true], true],
    ['passive,refused', [true, false], false],
    ['refused', [false], false],
  ])('are activity if one that passes is: %s', async (fields, data, active) => {
    const { browser, rolls } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    let body: unknown;
    const ask = async () => {
      const answer = await browser.get(`/graphql?fields=${fields}`);
      body = answer.json();
      return answer;
    };
    expect(await rolls(ask, 200)).toBe(active);
    expect(body).toEqual({ data });
  });

  it.each([
    ['cacheable', true],
    ['cacheable,cacheable', true],
    ['cacheable,active', false],
    ['active,cacheable', false],
    ['cacheable,refused', false],
  ])('are cacheable if all are: %s', async (fields, cacheable) => {
    const { browser } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    const { headers } = await browser.get(`/graphql?fields=${fields}`);
    expect(headers['cache-control']).toBe(cacheable ? undefined : 'private, no-store');
  });

  it('end the session where a logout succeeds after another field has failed', async () => {
    const { browser, store } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    const { body } = await browser.get('/graphql?fields=lateLogout,failing');
    expect(JSON.parse(body)).toEqual({ data: [true, false] });
    expect([browser.cookie, store.records()]).toEqual(['', []]);
  });

  it('keep the session where a logout fails after another field has succeeded', async () => {
    const { browser, store } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    const { body } = await browser.get('/graphql?fields=failingLogout,active');
    expect(JSON.parse(body)).toEqual({ data: [false, true] });
    expect(store.records()).toHaveLength(1);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('end the session where one is a logout, though another is refused', async () => {
    const { browser, store } = await open(platform, bound);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/graphql?fields=logout,refused')).json()).toEqual({ data: [true, false] });
    expect([browser.cookie, store.records()]).toEqual(['', []]);
  });
});
