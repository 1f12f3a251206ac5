import { jest } from '@jest/globals';
import { Controller, Get, Injectable, Module, type DynamicModule, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  MemoryStore,
  SESSION_CLOCK,
  SESSION_OPTIONS,
  SESSION_STORE,
  SessionModule,
  SessionService,
  type SessionModuleOptions,
} from 'nest-sessions';
import { FakeClock, loginAs, sessionAgent, SessionTestingModule } from 'nest-sessions/testing';
import { AppController } from '../support/app.js';
import { platforms, SECRET } from '../support/platforms.js';
import { boot, closeBooted } from './boot.js';

afterEach(closeBooted);

/** A store whose server is not there. */
class DistantStore extends MemoryStore {
  override bind(): void {
    throw new Error('connect ECONNREFUSED');
  }
}

const connect = jest.fn((): Promise<SessionModuleOptions> =>
  Promise.reject(new Error('connect ECONNREFUSED')),
);

@Injectable()
class ConnectingFactory {
  createSessionOptions(): Promise<SessionModuleOptions> {
    return connect();
  }
}

@Module({ providers: [ConnectingFactory], exports: [ConnectingFactory] })
class DatabaseModule {}

/** Each module is made anew: Nest tells dynamic modules apart by identity. */
function appWith(sessions: DynamicModule): Type {
  @Module({ imports: [sessions], controllers: [AppController] })
  class AppModule {}
  return AppModule;
}

const testing = (sessions: DynamicModule) => Test.createTestingModule({ imports: [appWith(sessions)] });

describe.each(platforms)('an application under test on %s', (platform) => {
  beforeEach(() => connect.mockClear());

  it.each<[string, () => DynamicModule]>([
    ['a factory', () => SessionModule.forRootAsync({ useFactory: connect })],
    ['a class', () => SessionModule.forRootAsync({ useClass: ConnectingFactory })],
    [
      'an existing provider',
      () => SessionModule.forRootAsync({ imports: [DatabaseModule], useExisting: ConnectingFactory }),
    ],
    ['options', () => SessionModule.forRoot({ secret: SECRET, store: new DistantStore() })],
  ])('has other options in place of %s, which is not asked', async (_, sessions) => {
    const clock = new FakeClock();
    const options = SessionTestingModule.options({ clock, idle: '10m' });
    const app = await boot(platform, testing(sessions()).overrideProvider(SESSION_OPTIONS).useValue(options));
    const agent = sessionAgent(app);
    await loginAs(agent, 'alice');
    expect((await agent.get('/me')).body).toEqual({ subject: 'alice' });
    clock.advance('11m');
    expect((await agent.get('/me')).status).toBe(401);
    expect(connect).not.toHaveBeenCalled();
  });

  it('keeps its own options with another store and another clock', async () => {
    const clock = new FakeClock();
    const sessions = SessionModule.forRootAsync({
      useFactory: () => ({
        secret: SECRET,
        store: new DistantStore(),
        idle: '10m',
        cookie: { name: '__Host-shop' },
      }),
    });
    const store = new MemoryStore();
    const app = await boot(
      platform,
      testing(sessions)
        .overrideProvider(SESSION_STORE)
        .useValue(store)
        .overrideProvider(SESSION_CLOCK)
        .useValue(clock),
    );
    const agent = sessionAgent(app);
    await loginAs(agent, 'alice');
    expect(agent.cookie).toMatch(/^__Host-shop=/);
    expect(store.size).toBe(1);
    clock.advance('9m');
    expect((await agent.get('/me')).status).toBe(200);
    clock.advance('11m');
    expect((await agent.get('/me')).status).toBe(401);
  });

  it('has its own store and clock as providers', async () => {
    const clock = new FakeClock();
    const store = new MemoryStore();
    const app = await boot(platform, testing(SessionModule.forRoot({ secret: SECRET, store, clock })));
    expect(app.get(SESSION_STORE, { strict: false })).toBe(store);
    expect(app.get(SESSION_CLOCK, { strict: false })).toBe(clock);
  });

  it('has a memory store and the time of the machine without either option', async () => {
    const app = await boot(platform, testing(SessionModule.forRoot({ secret: SECRET })));
    expect(app.get(SESSION_STORE, { strict: false })).toBeInstanceOf(MemoryStore);
    const before = Date.now();
    const now = app.get<FakeClock>(SESSION_CLOCK, { strict: false }).now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it.each([null, {}, { get: () => undefined }])('refuses to start over the store %j', async (store) => {
    const builder = testing(SessionModule.forRoot({ secret: SECRET }));
    await expect(builder.overrideProvider(SESSION_STORE).useValue(store).compile()).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringMatching(/^SESSION_STORE: give a MemoryStore/),
    });
  });

  it('takes a testing module in place of one that it keeps in a constant', async () => {
    const sessions = SessionModule.forRootAsync({ useFactory: connect });
    const app = await boot(
      platform,
      testing(sessions)
        .overrideModule(sessions)
        .useModule(SessionTestingModule.forRoot({ idle: '10m' })),
    );
    const agent = sessionAgent(app);
    await loginAs(agent, 'alice');
    expect((await agent.get('/me')).status).toBe(200);
    app.get(FakeClock).advance('11m');
    expect((await agent.get('/me')).status).toBe(401);
    expect(connect).not.toHaveBeenCalled();
  });

  it('is not changed by an override of the class SessionModule, as docs/testing.md says', async () => {
    const builder = testing(SessionModule.forRootAsync({ useFactory: connect }));
    const overridden = builder.overrideModule(SessionModule).useModule(SessionTestingModule.forRoot());
    await expect(overridden.compile()).rejects.toThrow('connect ECONNREFUSED');
  });
});

@Controller()
class PageController {
  @Get('page')
  page() {
    return { ok: true };
  }
}

describe.each(platforms)('SessionTestingModule on %s', (platform) => {
  const slice = (sessions: DynamicModule, controllers: Type[] = [AppController]) =>
    boot(platform, Test.createTestingModule({ imports: [sessions], controllers }));

  it('has the providers and the guards of SessionModule, and needs no options', async () => {
    const app = await slice(SessionTestingModule.forRoot());
    const agent = sessionAgent(app);
    expect((await agent.get('/me')).status).toBe(401);
    await agent.post('/login', { user: 'alice' });
    expect((await agent.get('/me')).body).toEqual({ subject: 'alice' });
    expect(await app.get(SessionService).list('alice')).toHaveLength(1);
    expect((await agent.get('/sensitive')).status).toBe(200);
    app.get(FakeClock).advance('6m');
    expect((await agent.get('/sensitive')).status).toBe(401);
  });

  it('shares nothing with another one', async () => {
    const [one, other] = [
      sessionAgent(await slice(SessionTestingModule.forRoot())),
      await slice(SessionTestingModule.forRoot()),
    ];
    await loginAs(one, 'alice');
    const { status } = await sessionAgent(other).get('/me', { headers: { cookie: one.cookie } });
    expect(status).toBe(401);
    expect(await other.get(SessionService).list('alice')).toEqual([]);
  });

  it('takes the options of SessionModule, and those beside them', async () => {
    const clock = new FakeClock();
    const sessions = SessionTestingModule.forRoot({ clock, guard: 'login', secret: SECRET, idle: '10m' });
    const app = await slice(sessions, [PageController]);
    expect(app.get(FakeClock)).toBe(clock);
    const agent = sessionAgent(app);
    expect((await agent.get('/page')).status).toBe(401);
    await loginAs(agent, 'alice');
    expect((await agent.get('/page')).status).toBe(200);
    clock.advance('11m');
    expect((await agent.get('/page')).status).toBe(401);
  });

  it('goes by a clock of another kind', async () => {
    const app = await slice(SessionTestingModule.forRoot({ clock: { now: () => 1_000 } }));
    const session = await loginAs(app, 'alice').then(() => app.get(SessionService).list('alice'));
    expect(session[0]?.createdAt).toEqual(new Date(1_000));
    expect(() => app.get(FakeClock)).toThrow();
  });

  it('refuses what SessionModule refuses', async () => {
    const sessions = SessionTestingModule.forRoot({ idel: '10m' } as never);
    await expect(slice(sessions)).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringContaining('Did you mean "idle"?'),
    });
  });

  it('gives its options no secret that could be guessed', () => {
    const [one, other] = [
      SessionTestingModule.options(),
      SessionTestingModule.options({ secret: undefined }),
    ];
    expect(Buffer.byteLength(String(one.secret))).toBeGreaterThanOrEqual(32);
    expect(one.secret).not.toBe(other.secret);
  });
});
