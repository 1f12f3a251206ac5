import {
  Controller,
  Get,
  Inject,
  Injectable,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, ExternalContextCreator } from '@nestjs/core';
import {
  LoginGuard,
  Logout,
  Passive,
  Public,
  Relogin,
  ReloginGuard,
  Session,
  SessionInterceptor,
  Subject,
  type SessionModuleOptions,
} from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName, type Setup } from '../../support/platforms.js';

afterEach(closeAll);

/** A guard of the application, which relies on ours. */
@Injectable()
class RelyingGuard implements CanActivate {
  constructor(@Inject(LoginGuard) private readonly login: LoginGuard) {}

  canActivate(context: ExecutionContext) {
    return this.login.canActivate(context);
  }
}

/** Handlers of messages: of a gateway, or of a microservice. */
@Injectable()
class Messages {
  plain() {
    return 'plain';
  }

  @Passive()
  passive() {
    return 'passive';
  }

  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }

  @UseGuards(RelyingGuard)
  relying() {
    return 'relying';
  }

  @Relogin('5m')
  recent() {
    return 'recent';
  }

  @Public()
  open() {
    return 'open';
  }

  session(@Session() session: Session<Data>) {
    return session.id;
  }

  subject(@Subject() subject: string) {
    return subject;
  }

  @Logout()
  logout() {
    return 'bye';
  }
}

@Injectable()
@UseGuards(LoginGuard)
class GuardedMessages {
  all() {
    return 'all';
  }
}

type Call = () => Promise<unknown>;

/** Where Nest keeps the decorators of parameters. */
const PARAMETERS = '__routeArguments__';

/** What Nest calls for a message: guards, interceptors, handler. */
const handlerOf = (creator: ExternalContextCreator, target: object, name: string, type: string): Call =>
  creator.create(
    target,
    (target as Record<string, (...args: unknown[]) => unknown>)[name]!,
    name,
    PARAMETERS,
    { exchangeKeyForValue: () => undefined },
    undefined,
    undefined,
    undefined,
    type,
  ) as Call;

/** Calls handlers of messages within an HTTP request. */
@Controller('within')
class WithinController {
  constructor(
    private readonly creator: ExternalContextCreator,
    private readonly messages: Messages,
  ) {}

  @Get()
  async call() {
    const outcomes = ['session', 'subject', 'guarded'].map((name) =>
      handlerOf(this.creator, this.messages, name, 'ws')().catch((error: { code: string }) => error.code),
    );
    return Promise.all(outcomes);
  }
}

async function run(platform: PlatformName, setup: Setup = {}) {
  const logs = new LogSink();
  const running = await start(platform, {
    controllers: [AppController, WithinController],
    ...setup,
    providers: [Messages, GuardedMessages, RelyingGuard, ...(setup.providers ?? [])],
    prepare: logs.attach,
  });
  const creator = running.app.get(ExternalContextCreator);
  const on = (type: string, name: keyof Messages) =>
    handlerOf(creator, running.app.get(Messages), name, type)();
  const all = (type: string) => handlerOf(creator, running.app.get(GuardedMessages), 'all', type)();
  return { ...running, logs, on, all };
}

const GLOBAL: [string, Setup][] = [
  ['APP_GUARD', { providers: [{ provide: APP_GUARD, useExisting: LoginGuard }] }],
  ['guard: "login"', { options: { guard: 'login' } as Partial<SessionModuleOptions> }],
  ['a global ReloginGuard', { providers: [{ provide: APP_GUARD, useExisting: ReloginGuard }] }],
];

const cases = platforms.flatMap(([platform]) =>
  ['ws', 'rpc'].map((type): [string, PlatformName] => [type, platform]),
);

const noSession = (start: RegExp): unknown =>
  expect.objectContaining({ code: 'ERR_NO_SESSION', message: expect.stringMatching(start) as string });

describe.each(cases)('handlers of %s beside %s', (type, platform) => {
  it('are left alone by the guard of the module, and by a global interceptor', async () => {
    const { on } = await run(platform, {
      providers: [{ provide: APP_INTERCEPTOR, useExisting: SessionInterceptor }],
    });
    expect([await on(type, 'plain'), await on(type, 'passive')]).toEqual(['plain', 'passive']);
  });

  it.each([
    ['session', /^@Session\(\): .*(handshake|message)/],
    ['subject', /^@Subject\(\): /],
    ['logout', /^@Logout\(\): /],
    ['guarded', /^LoginGuard: /],
    ['recent', /^ReloginGuard: /],
    ['relying', /^LoginGuard: /],
  ] as const)('have an error with a code where they need a session: %s', async (name, message) => {
    const { on } = await run(platform);
    await expect(on(type, name)).rejects.toEqual(noSession(message));
  });

  it.each(GLOBAL)('pass a guard that is global by %s, and are warned of once', async (_, setup) => {
    const { on, all, logs } = await run(platform, setup);
    expect(await on(type, 'open')).toBe('open');
    expect(logs.text).not.toContain('Messages');
    expect([await on(type, 'plain'), await on(type, 'plain')]).toEqual(['plain', 'plain']);
    expect(logs.lines.filter((line) => line.includes('the messages of Messages'))).toHaveLength(1);
    // What is bound to a handler or its class holds all the same.
    await expect(on(type, 'recent')).rejects.toEqual(noSession(/Guard: /));
    await expect(on(type, 'guarded')).rejects.toEqual(noSession(/^LoginGuard: /));
    await expect(all(type)).rejects.toEqual(noSession(/^LoginGuard: /));
  });
});

describe.each(platforms)('a message within a request on %s', (platform) => {
  it('does not have the session of the request', async () => {
    const { url } = await run(platform);
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/within')).json()).toEqual(Array(3).fill('ERR_NO_SESSION'));
  });
});
