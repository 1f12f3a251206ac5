import type { AddressInfo, Server } from 'node:net';
import {
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpCode,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  Param,
  Post,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import {
  ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import {
  LoginGuard,
  Logout,
  Public,
  Session,
  SessionInterceptor,
  SessionService,
  type SessionError,
} from 'nest-sessions';
import { firstValueFrom, throwError } from 'rxjs';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { gate as makeGate, type Gate } from '../../support/gate.js';
import { closeAll, platforms, start, type PlatformName, type Setup } from '../../support/platforms.js';
import { until } from '../../support/until.js';

let client: ClientProxy | undefined;
/** Where a handler waits until the spec lets it go on. */
let waiting: Gate;
/** What the handler of the event found. */
let events: unknown[];
/** The transports for which the application's own global guard was called. */
let guarded: string[];

beforeEach(() => {
  waiting = makeGate();
  [events, guarded] = [[], []];
});

afterEach(async () => {
  await client?.close();
  client = undefined;
  await closeAll();
});

const codeOf = (error: unknown): string => (error as Partial<SessionError>).code ?? String(error);

/** Sends the code of an error to the sender of the message, which otherwise learns nothing. */
@Catch()
class CodeFilter implements ExceptionFilter {
  catch(error: unknown) {
    return throwError(() => ({ code: codeOf(error), message: (error as Error).message }));
  }
}

@Injectable()
class RecordingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    guarded.push(context.getType());
    return true;
  }
}

@Controller()
@UseFilters(CodeFilter)
class MessageController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @MessagePattern('ping')
  @Public()
  ping(@Payload() value: string) {
    return `pong ${value}`;
  }

  @MessagePattern('session')
  @Public()
  session(@Session() session: Session<Data>) {
    return session.id;
  }

  @MessagePattern('value')
  @Public()
  value(@Session('cart') cart: unknown) {
    return cart;
  }

  @MessagePattern('current')
  @Public()
  current() {
    return this.sessions.current.id;
  }

  @MessagePattern('guarded')
  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }

  @MessagePattern('logout')
  @Public()
  @Logout()
  logout() {
    return 'bye';
  }

  /** What would change the session of a request, if there was one. */
  @MessagePattern('changes')
  @Public()
  async changes() {
    const changes = [
      () => this.sessions.login('mallory'),
      () => this.sessions.relogin(),
      () => this.sessions.regenerate(),
      () => this.sessions.logout(),
      () => this.sessions.clear(),
    ];
    return Promise.all(changes.map((change) => change().then(() => 'changed', codeOf)));
  }

  @MessagePattern('list')
  @Public()
  async list(@Payload() subject: string) {
    return (await this.sessions.list(subject)).map(({ id, current }) => ({ id, current }));
  }

  @MessagePattern('revoke')
  @Public()
  revoke(@Payload() id: string) {
    return this.sessions.revoke(id);
  }

  @MessagePattern('wait')
  @Public()
  async wait() {
    await waiting.pass();
    return 'waited';
  }

  @EventPattern('event')
  @Public()
  event(@Payload() value: string) {
    try {
      events.push([value, this.sessions.current.id]);
    } catch (error) {
      events.push([value, codeOf(error)]);
    }
  }
}

@Controller('ask')
class AskController {
  constructor(private readonly sessions: SessionService<Data>) {}

  /** Sends a message to the same process, within a request. */
  @Post(':pattern')
  @HttpCode(200)
  async ask(@Session() session: Session<Data>, @Param('pattern') pattern: string) {
    session.data['asked'] = pattern;
    const response: unknown = await send(pattern, session.subject ?? '');
    return { response, subject: session.subject ?? null, same: this.sessions.current === session };
  }

  @Get('emit')
  async emit() {
    await firstValueFrom(client!.emit('event', 'of a request'), { defaultValue: undefined });
    return { ok: true };
  }
}

/** The response to a message, or the error that came in its place. */
const send = (pattern: string, payload: unknown = ''): Promise<unknown> =>
  firstValueFrom(client!.send<unknown, unknown>(pattern, payload)).catch((error: unknown) => error);

const NO_SESSION = expect.objectContaining({ code: 'ERR_NO_SESSION' }) as unknown;

const GLOBAL = {
  recording: { provide: APP_GUARD, useClass: RecordingGuard },
  login: { provide: APP_GUARD, useExisting: LoginGuard },
  interceptor: { provide: APP_INTERCEPTOR, useExisting: SessionInterceptor },
};

async function run(platform: PlatformName, inheritAppConfig: boolean, setup: Setup = {}) {
  const running = await start(platform, {
    controllers: [AppController, MessageController, AskController],
    ...setup,
    providers: [GLOBAL.recording, ...(setup.providers ?? [])],
    prepare: async (app) => {
      const service = app.connectMicroservice<MicroserviceOptions>(
        { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } },
        { inheritAppConfig },
      );
      await app.startAllMicroservices();
      const { port } = service.unwrap<Server>().address() as AddressInfo;
      client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    },
  });
  const loggedIn = async (user: string, data: Data = { cart: 'full' }) => {
    const browser = new Browser(running.url);
    await browser.post('/login', { user });
    await browser.post('/data', data);
    return browser;
  };
  return { ...running, loggedIn, sessions: running.app.get<SessionService<Data>>(SessionService) };
}

const applications = platforms.flatMap(([platform]) =>
  [true, false].map((inherits): [PlatformName, boolean] => [platform, inherits]),
);

describe.each(applications)('a hybrid application on %s (inheritAppConfig: %s)', (platform, inherits) => {
  it('has sessions over HTTP, and handles messages', async () => {
    const { loggedIn } = await run(platform, inherits);
    const browser = await loggedIn('alice');
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { cart: 'full' } });
    guarded = [];
    expect(await send('ping', 'one')).toBe('pong one');
    // The global guards of the application, and with them the module's, run only where they are inherited.
    expect(guarded).toEqual(inherits ? ['rpc'] : []);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it.each(['session', 'value', 'current'])('has no session in a message handler (%s)', async (pattern) => {
    await run(platform, inherits);
    expect(await send(pattern)).toEqual(NO_SESSION);
  });

  it('names a remedy that fits a message handler', async () => {
    await run(platform, inherits);
    expect(await send('session')).toMatchObject({ message: expect.stringContaining('message') as string });
  });

  it('refuses a message where LoginGuard is bound, and does not pretend to log out', async () => {
    await run(platform, inherits);
    expect(await send('guarded')).toEqual(NO_SESSION);
    expect(await send('logout')).toEqual(NO_SESSION);
  });

  it('has no session in the handler of a message that a request sends', async () => {
    const { loggedIn } = await run(platform, inherits);
    const browser = await loggedIn('alice');
    for (const pattern of ['session', 'value', 'current']) {
      const { response, subject, same } = (await browser.post(`/ask/${pattern}`)).json();
      expect([response, subject, same]).toEqual([NO_SESSION, 'alice', true]);
    }
    expect((await browser.post('/ask/guarded')).json()['response']).toEqual(NO_SESSION);
  });

  it('changes nothing of the request that sends a message, whatever the handler tries', async () => {
    const { loggedIn, sessions } = await run(platform, inherits);
    const browser = await loggedIn('alice');
    const before = browser.cookie;
    const { response } = (await browser.post('/ask/changes')).json();
    expect(response).toEqual(Array(5).fill('ERR_NO_SESSION'));
    expect((await browser.post('/ask/logout')).json()['response']).toEqual(NO_SESSION);
    expect(browser.cookie).toBe(before);
    expect((await browser.get('/look')).json()).toMatchObject({
      subject: 'alice',
      data: { cart: 'full', asked: 'logout' },
    });
    expect(await sessions.list('mallory')).toEqual([]);
  });

  it('distinguishes the sessions of two requests whose messages share a connection', async () => {
    const { loggedIn } = await run(platform, inherits);
    const [alice, bob] = [await loggedIn('alice'), await loggedIn('bob')];
    // It opens the connection of the client.
    const first = alice.post('/ask/wait');
    await waiting.reached;
    expect((await bob.post('/ask/ping')).json()).toEqual({
      response: 'pong bob',
      subject: 'bob',
      same: true,
    });
    expect((await bob.post('/ask/current')).json()['response']).toEqual(NO_SESSION);
    waiting.open();
    expect((await first).json()).toEqual({ response: 'waited', subject: 'alice', same: true });
  });

  it('has none in the handler of an event either', async () => {
    const { loggedIn } = await run(platform, inherits);
    const browser = await loggedIn('alice');
    expect((await browser.get('/ask/emit')).status).toBe(200);
    await firstValueFrom(client!.emit('event', 'of nobody'), { defaultValue: undefined });
    await until(() => events.length === 2, 'two events');
    expect(events).toEqual([
      ['of a request', 'ERR_NO_SESSION'],
      ['of nobody', 'ERR_NO_SESSION'],
    ]);
  });

  it('lists and ends sessions in a message handler', async () => {
    const { loggedIn } = await run(platform, inherits);
    const browser = await loggedIn('alice');
    const { id } = (await browser.get('/look')).json();
    expect(await send('list', 'alice')).toEqual([{ id, current: false }]);
    // Of the request that asks for it, the list does not know either.
    expect((await browser.post('/ask/list')).json()['response']).toEqual([{ id, current: false }]);
    expect([await send('revoke', id), await send('revoke', id)]).toEqual([1, 0]);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('does not change what a message handler returns where SessionInterceptor is global', async () => {
    const { loggedIn } = await run(platform, inherits, { providers: [GLOBAL.interceptor] });
    const browser = await loggedIn('alice');
    expect(await send('ping', 'one')).toBe('pong one');
    expect((await browser.post('/ask/ping')).json()['response']).toBe('pong alice');
    expect(await send('logout')).toEqual(NO_SESSION);
  });

  it('with a global LoginGuard handles messages, and refuses where it is bound', async () => {
    await run(platform, inherits, {
      providers: [GLOBAL.login],
      controllers: [AppController, MessageController, UnmarkedController],
    });
    expect(await send('ping', 'public')).toBe('pong public');
    expect(await send('unmarked')).toBe('passed');
    expect(await send('guarded')).toEqual(NO_SESSION);
  });
});

@Controller()
@UseFilters(CodeFilter)
class UnmarkedController {
  @MessagePattern('unmarked')
  unmarked() {
    return 'passed';
  }
}
