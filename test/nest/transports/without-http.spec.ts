import type { AddressInfo, Server } from 'node:net';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  type INestApplication,
  type INestApplicationContext,
  Module,
  type ModuleMetadata,
  UseGuards,
} from '@nestjs/common';
import { BaseExceptionFilter, LazyModuleLoader, NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  LoginGuard,
  Logout,
  MemoryStore,
  Session,
  SessionInterceptor,
  SessionModule,
  SessionService,
  type SessionError,
  type SessionStore,
} from 'nest-sessions';
import { firstValueFrom, throwError } from 'rxjs';
import { AppController, type Data } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET, start, type PlatformName } from '../../support/platforms.js';

const opened: { close(): unknown }[] = [];
const closing = <T extends { close(): unknown }>(one: T): T => (opened.push(one), one);

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  await closeAll();
});

const codeOf = (error: unknown): string => (error as Partial<SessionError>).code ?? String(error);
const QUIET = { logger: false, abortOnError: false } as const;
const NO_SESSION = expect.objectContaining({ code: 'ERR_NO_SESSION' }) as unknown;

function rootModule(store: SessionStore, metadata: ModuleMetadata = {}) {
  @Module({ imports: [SessionModule.forRoot({ secret: SECRET, store })], ...metadata })
  class RootModule {}
  return RootModule;
}

/** An application over HTTP that has the sessions which the other process lists and ends. */
async function site(platform: PlatformName, store: SessionStore) {
  const { url } = await start(platform, {
    controllers: [AppController],
    options: { store },
    realClock: true,
  });
  const browser = new Browser(url);
  await browser.post('/login', { user: 'alice' });
  const { id } = (await browser.get('/look')).json<{ id: string }>();
  return { browser, id };
}

/** Without a request: what needs one fails with its code, and leaves nothing behind. */
async function changesOf(sessions: SessionService<Data>): Promise<string[]> {
  const changes = [
    () => sessions.login('mallory'),
    () => sessions.relogin(),
    () => sessions.regenerate(),
    () => sessions.logout(),
    () => sessions.clear(),
  ];
  return Promise.all(changes.map((change) => change().then(() => 'changed', codeOf)));
}

@Catch()
class CodeFilter implements ExceptionFilter {
  catch(error: unknown) {
    return throwError(() => ({ code: codeOf(error) }));
  }
}

@Controller()
class MessageController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @MessagePattern('list')
  async list(@Payload() subject: string) {
    return (await this.sessions.list(subject)).map(({ id, current }) => ({ id, current }));
  }

  @MessagePattern('revoke')
  revoke(@Payload() id: string) {
    return this.sessions.revoke(id);
  }

  @MessagePattern('session')
  session(@Session() session: Session<Data>) {
    return session.id;
  }

  @MessagePattern('changes')
  changes() {
    return changesOf(this.sessions);
  }

  @MessagePattern('guarded')
  @UseGuards(LoginGuard)
  guarded() {
    return 'guarded';
  }
}

async function microservice(store: SessionStore) {
  const app = closing(
    await NestFactory.createMicroservice<MicroserviceOptions>(
      rootModule(store, { controllers: [MessageController] }),
      { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 }, ...QUIET },
    ),
  );
  app.useGlobalFilters(new CodeFilter());
  await app.listen();
  const { port } = app.unwrap<Server>().address() as AddressInfo;
  const client: ClientProxy = closing(
    ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } }),
  );
  const send = (pattern: string, payload: unknown = ''): Promise<unknown> =>
    firstValueFrom(client.send<unknown, unknown>(pattern, payload)).catch((error: unknown) => error);
  return { app, send, sessions: app.get<SessionService<Data>>(SessionService) };
}

describe.each(platforms)('beside an application on %s', (platform) => {
  it('a microservice lists and ends its sessions', async () => {
    const store = new MemoryStore();
    const { browser, id } = await site(platform, store);
    const { send } = await microservice(store);
    expect(await send('list', 'alice')).toEqual([{ id, current: false }]);
    expect([await send('revoke', id), await send('revoke', id)]).toEqual([1, 0]);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('an application context lists and ends its sessions', async () => {
    const store = new MemoryStore();
    const { browser, id } = await site(platform, store);
    const context = closing(await NestFactory.createApplicationContext(rootModule(store), QUIET));
    const sessions = context.get<SessionService<Data>>(SessionService);
    expect(await sessions.list('alice')).toMatchObject([{ id, current: false }]);
    expect(await sessions.revokeAll('alice')).toBe(1);
    expect((await browser.get('/me')).status).toBe(401);
    expect(await sessions.list('alice')).toEqual([]);
  });
});

describe('a microservice without HTTP', () => {
  it('has no session in its handlers, and an error with a code', async () => {
    const store = new MemoryStore();
    const { send, sessions } = await microservice(store);
    expect(await send('session')).toEqual(NO_SESSION);
    expect(await send('changes')).toEqual(Array(5).fill('ERR_NO_SESSION'));
    // The module's guard is global here.
    expect(await send('guarded')).toEqual(NO_SESSION);
    expect(() => sessions.current).toThrow(NO_SESSION as never);
    expect(await sessions.list('mallory')).toEqual([]);
  });
});

describe('an application context', () => {
  it('has no session, and an error with a code', async () => {
    const store = new MemoryStore();
    const context: INestApplicationContext = closing(
      await NestFactory.createApplicationContext(rootModule(store), QUIET),
    );
    const sessions = context.get<SessionService<Data>>(SessionService);
    expect(() => sessions.current).toThrow(NO_SESSION as never);
    expect(await changesOf(sessions)).toEqual(Array(5).fill('ERR_NO_SESSION'));
    // A handshake brings its own headers.
    expect((await sessions.open({})).loggedIn).toBe(false);
  });

  it('closes its store', async () => {
    const store = new MemoryStore();
    let closed = 0;
    store.close = () => void closed++;
    await (await NestFactory.createApplicationContext(rootModule(store), QUIET)).close();
    expect(closed).toBe(1);
  });
});

const lazily = SessionModule.forRoot({ secret: SECRET });

/** What the exception filter got of the handlers. */
let thrown: string[];

class RecordingFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    thrown.push(codeOf(error));
    super.catch(error, host);
  }
}

@Controller()
class LazyController {
  constructor(private readonly loader: LazyModuleLoader) {}

  /** Loads the module within a request. */
  @Get('load')
  async load() {
    const module = await this.loader.load(() => lazily);
    const sessions = module.get<SessionService<Data>>(SessionService);
    return { current: codeOf(currentOf(sessions)), changes: await changesOf(sessions) };
  }

  @Get('again')
  again() {
    return this.loader.load(() => SessionModule.forRoot({ secret: SECRET }));
  }

  @Get('session')
  session(@Session() session: Session<Data>) {
    return { id: session.id };
  }

  @Get('logout')
  @Logout()
  logout() {
    return { ok: true };
  }
}

function currentOf(sessions: SessionService<Data>): unknown {
  try {
    return sessions.current;
  } catch (error) {
    return error;
  }
}

describe.each(platforms)('a module that is loaded lazily on %s', (platform) => {
  it('has no requests, so that handlers have no session and get an error', async () => {
    thrown = [];
    @Module({ controllers: [LazyController], providers: [SessionInterceptor] })
    class RootModule {}
    const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
    const app = closing(await NestFactory.create<INestApplication>(RootModule, adapter, QUIET));
    app.useGlobalFilters(new RecordingFilter(app.getHttpAdapter()));
    await app.listen(0, '127.0.0.1');
    const browser = new Browser(await app.getUrl());
    const unaware = { current: 'ERR_NO_SESSION', changes: Array(5).fill('ERR_NO_SESSION') };
    // The request that loads it, and the next.
    for (let request = 0; request < 2; request++) {
      expect((await browser.get('/load')).json()).toEqual(unaware);
      expect((await browser.get('/session')).status).toBe(500);
      expect((await browser.get('/logout')).status).toBe(500);
    }
    expect(thrown).toEqual(Array(4).fill('ERR_NO_SESSION'));
    expect((await browser.get('/again')).status).toBe(500);
    expect(thrown.at(-1)).toBe('ERR_OPTIONS');
  });
});
