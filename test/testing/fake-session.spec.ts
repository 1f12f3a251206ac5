import { jest } from '@jest/globals';
import { Body, Controller, Injectable, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  MemoryStore,
  Session,
  SessionService,
  type LoggedInSession,
  type SessionEvent,
  type SessionInfo,
} from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import {
  FakeClock,
  fakeSession,
  fakeSessionService,
  loginAs,
  sessionAgent,
  SessionTestingModule,
} from 'nest-sessions/testing';
import { z } from 'zod';
import type { Data } from '../support/app.js';
import { platforms } from '../support/platforms.js';
import { boot, closeBooted } from './boot.js';

afterEach(closeBooted);

const ids = (devices: SessionInfo[]) => devices.map(({ id }) => id);

describe('a fake session', () => {
  it('is new for a visitor, and nobody is logged in', async () => {
    const session = await fakeSession<Data>();
    expect(session).toMatchObject({ state: 'new', loggedIn: false, subject: undefined });
    expect(session.data).toEqual({});
    session.data.n = 1;
    await session.commit();
    expect(session.state).toBe('clean');
  });

  it('is clean with the data of a visitor', async () => {
    const session = await fakeSession<Data>({ data: { cart: ['tea'] } });
    expect(session).toMatchObject({ state: 'clean', loggedIn: false });
    expect(session.data).toEqual({ cart: ['tea'] });
  });

  it('is clean with a user and their data, by a clock that stands still', async () => {
    const clock = new FakeClock();
    const session: LoggedInSession<Data> = await fakeSession<Data>(
      { subject: 'alice', data: { cart: ['tea'] } },
      { clock, idle: '10m' },
    );
    expect(session).toMatchObject({ state: 'clean', loggedIn: true, subject: 'alice' });
    expect(session.data).toEqual({ cart: ['tea'] });
    expect(session.createdAt).toEqual(new Date(clock.now()));
    expect(session.expiresAt).toEqual(new Date(clock.now() + 600_000));
  });

  it('is dirty with a change until that is committed', async () => {
    const session = await fakeSession<{ cart: string[] }>({ subject: 'alice', data: { cart: ['tea'] } });
    session.data.cart?.push('milk');
    expect(session.state).toBe('dirty');
    await session.commit();
    expect(session.state).toBe('clean');
    expect(session.data.cart).toEqual(['tea', 'milk']);
  });

  it('is not committed in silence where a call failed that was not awaited', async () => {
    const session = await fakeSession<Data>();
    void fakeSessionService(session).login('');
    await expect(session.commit()).rejects.toMatchObject({ code: 'ERR_SUBJECT' });
  });

  it('is committed where a call that was not awaited succeeds, or its error is handled', async () => {
    const session = await fakeSession<Data>();
    const sessions = fakeSessionService(session);
    void sessions.login('').catch(() => undefined);
    void sessions.login('alice');
    await session.commit();
    expect(session).toMatchObject({ subject: 'alice', state: 'clean' });
  });

  it('is updated', async () => {
    const session = await fakeSession<Data>({ subject: 'alice' });
    expect(await session.update('visits', (value) => Number(value ?? 0) + 1)).toBe(1);
    expect(await session.update('visits', (value) => Number(value) + 1)).toBe(2);
    expect(session.data).toEqual({ visits: 2 });
    expect(session.state).toBe('clean');
  });

  it('has a login that grows old', async () => {
    const clock = new FakeClock();
    const session = await fakeSession({ subject: 'alice', factor: 'otp' }, { clock });
    clock.advance('4m');
    expect([session.isFresh('5m'), session.isFresh('5m', 'otp'), session.isFresh('5m', 'pwd')]).toEqual([
      true,
      true,
      false,
    ]);
    clock.advance('2m');
    expect(session.isFresh('5m')).toBe(false);
    await fakeSessionService(session).relogin();
    expect(session.isFresh('5m')).toBe(true);
  });

  it('has a login that was old from the beginning', async () => {
    const clock = new FakeClock();
    const at = clock.now() - 600_000;
    const session = await fakeSession({ subject: 'alice', authenticatedAt: at }, { clock });
    expect(session.authenticatedAt()).toEqual(new Date(at));
    expect(session.isFresh('5m')).toBe(false);
  });

  it('is read by the option "data"', async () => {
    const schema = z.object({
      theme: z.enum(['light', 'dark']).default('light'),
      at: z.coerce.date().optional(),
    });
    const session = await fakeSession<typeof schema>(
      { subject: 'alice', data: { at: new Date(0) } as never },
      { data: schema },
    );
    expect(session.data.theme).toBe('light');
    expect(session.data.at).toEqual(new Date(0));
    await expect(session.update('theme', () => 'pink' as never)).rejects.toMatchObject({
      code: 'ERR_DATA_INVALID',
    });
  });

  it('works over sealed cookies', async () => {
    const session = await fakeSession<Data>(
      { subject: 'alice', data: { n: 1 } },
      { store: new SealedCookie() },
    );
    expect(session).toMatchObject({ subject: 'alice', state: 'clean' });
    expect(session.data).toEqual({ n: 1 });
  });

  it.each<[object, object, string]>([
    [{ subjet: 'alice' }, {}, 'fakeSession(): Unknown option "subjet". Did you mean "subject"?'],
    [{ clock: new FakeClock() }, {}, 'fakeSession(): Unknown option "clock".'],
    [{}, { idel: '10m' }, 'Did you mean "idle"?'],
  ])('refuses an unknown option: %j, %j', async (given, options, message) => {
    await expect(fakeSession(given as never, options)).rejects.toMatchObject({
      code: 'ERR_OPTIONS',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [{ subject: '' }, 'ERR_SUBJECT'],
    [{ subject: undefined }, 'ERR_SUBJECT'],
    [{ subject: 7 as never }, 'ERR_SUBJECT'],
    [{ subject: 'alice', factor: '' }, 'ERR_FACTOR'],
    [{ data: { n: new Map() } as never }, 'ERR_DATA_NOT_SERIALIZABLE'],
  ])('refuses what a session refuses: %j', async (given, code) => {
    await expect(fakeSession(given)).rejects.toMatchObject({ code });
  });
});

describe('the service of a fake session', () => {
  it('has it as its current session', async () => {
    const session = await fakeSession({ subject: 'alice' });
    const sessions = fakeSessionService(session);
    expect(sessions).toBeInstanceOf(SessionService);
    expect(sessions.current).toBe(session);
  });

  it('logs in: another session, with the data that is kept', async () => {
    const session = await fakeSession<Data>({ data: { cart: ['tea'], seen: true } });
    const { id } = session;
    await fakeSessionService(session).login('alice', { keep: ['cart'] });
    expect(session).toMatchObject({ subject: 'alice', state: 'clean' });
    expect(session.id).not.toBe(id);
    expect(session.data).toEqual({ cart: ['tea'] });
  });

  it('logs out: the session is ended, and nothing can be written', async () => {
    const session = await fakeSession<Data>({ subject: 'alice', data: { n: 1 } });
    const sessions = fakeSessionService(session);
    await sessions.logout();
    expect(session).toMatchObject({ state: 'ended', loggedIn: false });
    expect(session.data).toEqual({});
    expect(await sessions.list('alice')).toEqual([]);
    expect(() => (session.data.n = 2)).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_ENDED', statusCode: 401 }),
    );
  });

  it('clears', async () => {
    const session = await fakeSession({ subject: 'alice' });
    await fakeSessionService(session).clear();
    expect(session.state).toBe('ended');
  });

  it('regenerates: the same session without its data', async () => {
    const session = await fakeSession<Data>({ subject: 'alice', data: { cart: ['tea'], n: 1 } });
    const { id } = session;
    await fakeSessionService(session).regenerate({ keep: ['cart'] });
    expect(session).toMatchObject({ id, subject: 'alice', state: 'clean' });
    expect(session.data).toEqual({ cart: ['tea'] });
  });

  it('lists the devices of a user and ends them', async () => {
    const shared = { store: new MemoryStore(), clock: new FakeClock() };
    const phone = await fakeSession({ subject: 'alice' }, shared);
    shared.clock.advance('1m');
    const laptop = await fakeSession({ subject: 'alice' }, shared);
    const sessions = fakeSessionService(laptop);
    const devices = await sessions.list('alice');
    expect(devices.map(({ id, current }) => [id, current])).toEqual([
      [laptop.id, true],
      [phone.id, false],
    ]);
    expect(await sessions.revokeAll('alice', { except: laptop.id })).toBe(1);
    expect(ids(await sessions.list('alice'))).toEqual([laptop.id]);
    expect(laptop.state).toBe('clean');
    await expect(phone.update('visits', () => 1)).rejects.toMatchObject({ code: 'ERR_SESSION_ENDED' });
    expect(await sessions.revoke(laptop.id, { subject: 'alice' })).toBe(1);
    expect(laptop.state).toBe('ended');
  });

  it('tells of events', async () => {
    const sessions = fakeSessionService(await fakeSession({ subject: 'alice' }));
    const heard: SessionEvent['type'][] = [];
    sessions.events.subscribe(({ type }) => heard.push(type));
    await sessions.relogin();
    await sessions.logout();
    expect(heard).toEqual(['relogin', 'rotated', 'ended']);
  });

  it('takes an explicit session where the option "context" is off', async () => {
    const session = await fakeSession({ subject: 'alice' }, { context: false });
    const sessions = fakeSessionService(session);
    expect(() => sessions.current).toThrow(expect.objectContaining({ code: 'ERR_NO_SESSION' }));
    await sessions.logout({ session });
    expect(session.state).toBe('ended');
  });

  it('is no matter of the test that calls it: several exist side by side', async () => {
    const [alice, bob] = [await fakeSession({ subject: 'alice' }), await fakeSession({ subject: 'bob' })];
    const [ofAlice, ofBob] = [fakeSessionService(alice), fakeSessionService(bob)];
    await Promise.all([ofAlice.logout(), ofBob.relogin()]);
    expect([alice.state, bob.state]).toEqual(['ended', 'clean']);
    expect([ofAlice.current.id, ofBob.current.id]).toEqual([alice.id, bob.id]);
  });

  it('can be spied on', async () => {
    const sessions = fakeSessionService(await fakeSession({ subject: 'alice' }));
    const logout = jest.spyOn(sessions, 'logout');
    await sessions.logout({ everywhere: true });
    expect(logout).toHaveBeenCalledWith({ everywhere: true });
    expect(sessions.current.state).toBe('ended');
  });

  it('makes every call of the service as in a request', async () => {
    const fake: object = Object.getPrototypeOf(fakeSessionService(await fakeSession()));
    const names = (prototype: object) => Object.getOwnPropertyNames(prototype).sort();
    expect(names(fake)).toEqual(names(SessionService.prototype));
  });

  it('is not there for a session of another origin', () => {
    expect(() => fakeSessionService({} as never)).toThrow(
      expect.objectContaining({ code: 'ERR_NO_SESSION', message: expect.stringContaining('fakeSession()') }),
    );
  });

  it('is injected', async () => {
    @Injectable()
    class Visits {
      constructor(readonly sessions: SessionService<Data>) {}
    }
    const session = await fakeSession<Data>({ subject: 'alice' });
    const module = await Test.createTestingModule({
      providers: [Visits, { provide: SessionService, useValue: fakeSessionService(session) }],
    }).compile();
    expect(module.get(Visits).sessions.current).toBe(session);
  });
});

type Misuse = (session: Session<Data>, sessions: SessionService<Data>) => unknown;

const misuses: Record<string, Misuse> = {
  'a login without a subject': (_, sessions) => sessions.login(''),
  'a login with a misspelt option': (_, sessions) => sessions.login('bob', { kepe: [] } as never),
  'a login with a factor that is no text': (_, sessions) => sessions.login('bob', { factor: 7 as never }),
  'a re-login of a visitor': async (_, sessions) => {
    await sessions.clear();
    await sessions.relogin();
  },
  'an update after a logout': async (session, sessions) => {
    await sessions.logout();
    await session.update('n', () => 1);
  },
  'a write after a logout': async (session, sessions) => {
    await sessions.logout();
    session.data.n = 1;
  },
  'an update after it was revoked': async (session, sessions) => {
    await sessions.revoke(session.id);
    await session.update('n', () => 1);
  },
  'a Map': async (session) => {
    session.data.n = new Map();
    await session.commit();
  },
  'an update to NaN': (session) => session.update('n', () => NaN),
  'an update within itself': (session) => session.update('n', () => session.update('n', () => 1)),
  'a forbidden key': (session) => (session.data['__proto__'] = {}),
  'data that is no object': (session) => (session.data = [] as never),
  'a property of the session': (session) => ((session as { cart?: number }).cart = 1),
  'a session that is undefined': (_, sessions) => sessions.logout({ session: undefined as never }),
  'a window that is no duration': (session) => session.isFresh('soon' as never),
};

/** What of an error a test may look at. */
async function outcomeOf(misuse: Misuse, session: Session<Data>, sessions: SessionService<Data>) {
  try {
    await misuse(session, sessions);
    return 'nothing was thrown';
  } catch (error) {
    const { name, message, code, statusCode } = error as Error & { code?: string; statusCode?: number };
    return { name, message, code, statusCode };
  }
}

describe.each(platforms)('misuse of a fake session throws what it throws in a request on %s', (platform) => {
  const outcomes: Record<string, unknown> = {};

  @Controller()
  class MisuseController {
    constructor(private readonly sessions: SessionService<Data>) {}

    @Post()
    async misuse(@Session() session: Session<Data>, @Body('name') name: string) {
      outcomes[name] = await outcomeOf(misuses[name]!, session, this.sessions);
      if (session.state !== 'ended') session.data = {};
    }
  }

  beforeAll(async () => {
    const imports = [SessionTestingModule.forRoot()];
    const app = await boot(platform, Test.createTestingModule({ imports, controllers: [MisuseController] }));
    for (const name of Object.keys(misuses)) {
      const agent = sessionAgent(app);
      await loginAs<Data>(agent, 'alice', { data: { n: 0 } });
      expect((await agent.post('/', { name })).status).toBe(201);
    }
    await closeBooted();
  });

  it.each(Object.entries(misuses))('%s', async (name, misuse) => {
    const session = await fakeSession<Data>({ subject: 'alice', data: { n: 0 } });
    const outcome = await outcomeOf(misuse, session, fakeSessionService(session));
    expect(outcome).not.toBe('nothing was thrown');
    expect(outcome).toEqual(outcomes[name]);
  });
});
