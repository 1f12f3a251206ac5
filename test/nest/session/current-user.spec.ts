import { setImmediate } from 'node:timers/promises';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Get, Post } from '@nestjs/common';
import { Field, GraphQLModule, ObjectType, Query, Resolver } from '@nestjs/graphql';
import {
  CurrentUser,
  Public,
  SessionService,
  type SessionEvent,
  type SessionModuleOptions,
} from 'nest-sessions';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

interface User {
  name: string;
}

@ObjectType()
class Person {
  @Field()
  name!: string;
}

@Resolver()
class UserResolver {
  @Query(() => Person)
  me(@CurrentUser() user: User) {
    return user;
  }
}

@Controller()
class UserController {
  constructor(private readonly sessions: SessionService) {}

  @Get('open')
  @Public()
  open() {
    return { ok: true };
  }

  @Get('me')
  me(@CurrentUser() user: User) {
    return user;
  }

  @Get('twice')
  twice(@CurrentUser() user: User, @CurrentUser() again: User) {
    return { same: user === again };
  }

  @Post('login')
  async login() {
    await this.sessions.login('alice');
    return { ok: true };
  }

  @Get('excluded')
  excluded(@CurrentUser() user: User) {
    return user;
  }
}

afterEach(closeAll);

describe.each(platforms)('@CurrentUser() (%s)', (platform: PlatformName) => {
  const calls: string[] = [];
  beforeEach(() => void (calls.length = 0));

  const load = (subject: string): unknown => {
    calls.push(subject);
    return { name: subject };
  };

  async function begin(options: Partial<SessionModuleOptions>) {
    const driver = { driver: ApolloDriver, autoSchemaFile: true, playground: false };
    const running = await start(platform, {
      options,
      controllers: [UserController],
      providers: [UserResolver],
      imports: [GraphQLModule.forRoot<ApolloDriverConfig>(driver)],
    });
    const browser = new Browser(running.url);
    await browser.post('/login');
    return { ...running, browser };
  }

  it('is the user of the subject', async () => {
    const { browser } = await begin({ user: load });
    expect((await browser.get('/me')).json()).toEqual({ name: 'alice' });
  });

  it('awaits a promise', async () => {
    const user = async (subject: string) => {
      await setImmediate();
      return load(subject);
    };
    const { browser } = await begin({ user });
    expect((await browser.get('/me')).json()).toEqual({ name: 'alice' });
  });

  it('is loaded only where a handler asks, and once a request', async () => {
    const { browser } = await begin({ user: load });
    await browser.get('/open');
    expect(calls).toEqual([]);
    expect((await browser.get('/twice')).json()).toEqual({ same: true });
    expect(calls).toEqual(['alice']);
    await browser.get('/twice');
    expect(calls).toEqual(['alice', 'alice']);
  });

  it('is one of all resolvers of a request', async () => {
    const { browser } = await begin({ user: load });
    const query = '{ a: me { name } b: me { name } }';
    const { data } = (await browser.post('/graphql', { query })).json();
    expect(data).toEqual({ a: { name: 'alice' }, b: { name: 'alice' } });
    expect(calls).toEqual(['alice']);
  });

  it('without a login is a 401 with a challenge, and nothing is loaded', async () => {
    const { url } = await begin({ user: load });
    const answer = await new Browser(url).get('/me');
    expect(answer.status).toBe(401);
    expect(answer.json().code).toBe('ERR_LOGIN_REQUIRED');
    expect(answer.headers['www-authenticate']).toBeDefined();
    expect(calls).toEqual([]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
  ])('of a user who is gone is a 401, and the session ends (%s)', async (_name, gone) => {
    let there: unknown = { name: 'alice' };
    const { app, browser } = await begin({ user: () => there });
    const copied = browser.cookie;
    const ended: string[] = [];
    app.get(SessionService).events.subscribe((event: SessionEvent) => {
      if (event.type === 'ended') ended.push(event.reason);
    });
    there = gone;
    const answer = await browser.get('/me');
    expect(answer.status).toBe(401);
    expect(answer.json().code).toBe('ERR_LOGIN_REQUIRED');
    expect(browser.cookie).toBe('');
    expect(ended).toEqual(['cleared']);
    there = { name: 'alice' };
    expect((await browser.get('/me', { cookie: copied })).status).toBe(401);
  });

  it.each([
    ['throws', () => fail()],
    ['rejects', () => Promise.reject(new Error('no database'))],
  ])('whose loading %s is an error of the request, and the login stays', async (_name, user) => {
    const { app, browser } = await begin({ user });
    expect((await browser.get('/me')).status).toBe(500);
    expect(await app.get(SessionService).list('alice')).toHaveLength(1);
  });

  it('of a user who is gone is a 503 where the session cannot be ended', async () => {
    const store = new SpyStore();
    const { browser } = await begin({ store, user: () => undefined });
    store.fail('rejects', 'destroy');
    expect((await browser.get('/me')).status).toBe(503);
  });

  it('makes the response private', async () => {
    const { browser } = await begin({ user: load });
    expect((await browser.get('/me')).headers['cache-control']).toBe('private, no-store');
  });

  it('needs the option, and a session', async () => {
    const { browser } = await begin({});
    expect((await browser.get('/me')).status).toBe(500);
    const excluded = await begin({ user: load, exclude: ['/excluded'] });
    expect((await excluded.browser.get('/excluded')).status).toBe(500);
    expect(calls).toEqual([]);
  });
});

function fail(): never {
  throw new Error('no database');
}
