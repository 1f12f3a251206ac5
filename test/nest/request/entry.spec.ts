import { AsyncResource } from 'node:async_hooks';
import { connect } from 'node:net';
import { jest } from '@jest/globals';
import { type INestApplication, type RequestMethod } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import express from 'express';
import fastify from 'fastify';
import { SessionModule, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET, start, type PlatformName } from '../../support/platforms.js';

const running: INestApplication[] = [];

afterEach(async () => {
  await closeAll();
  for (const app of running.splice(0)) await app.close();
});

type Adapter = ExpressAdapter | FastifyAdapter;
type Next = (error?: unknown) => void;
type Request = { url: string };

const adapterOf = (platform: PlatformName): Adapter =>
  platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();

/** An application on a given adapter, before it is initialised. */
async function create(adapter: Adapter, options: Partial<SessionModuleOptions> = {}) {
  const module = await Test.createTestingModule({
    imports: [SessionModule.forRoot({ secret: SECRET, ...options })],
    controllers: [AppController],
  }).compile();
  const app = module.createNestApplication<NestExpressApplication | NestFastifyApplication>(
    adapter as never,
    {
      logger: false,
    },
  );
  running.push(app);
  return app;
}

async function listen(app: INestApplication): Promise<string> {
  await app.listen(0, '127.0.0.1');
  return (await app.getUrl()).replace('[::1]', '127.0.0.1');
}

/** The subject that a client is known by after a login. */
async function subjectAt(url: string): Promise<unknown> {
  const browser = new Browser(url);
  await browser.post('/login', { user: 'alice' });
  return (await browser.get('/me')).json();
}

describe.each(platforms)('the entry of a request on %s', (platform) => {
  it('gives middleware of app.use() a session', async () => {
    const seen: unknown[] = [];
    const { url } = await start(platform, {
      controllers: [AppController],
      prepare: (app) =>
        void app.use((_request: Request, _response: unknown, next: Next) => {
          seen.push(app.get(SessionService).current.subject);
          next();
        }),
    });
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
    expect(seen).toEqual([undefined, 'alice']);
  });

  it('leaves excluded routes without a session, for middleware of app.use() as well', async () => {
    const seen: Record<string, boolean> = {};
    const { url } = await start(platform, {
      controllers: [AppController],
      options: { exclude: ['/untouched'] },
      prepare: (app) =>
        void app.use(({ url: path }: Request, _response: unknown, next: Next) => {
          try {
            seen[path] = app.get(SessionService).current.state !== undefined;
          } catch {
            seen[path] = false;
          }
          next();
        }),
    });
    const browser = new Browser(url);
    await browser.get('/untouched');
    await browser.get('/look');
    expect(seen).toEqual({ '/untouched': false, '/look': true });
  });

  it('registers no middleware of Nest', async () => {
    const adapter = adapterOf(platform);
    const factory = jest.spyOn(
      adapter as { createMiddlewareFactory(method: RequestMethod): unknown },
      'createMiddlewareFactory',
    );
    await listen(await create(adapter));
    expect(factory).not.toHaveBeenCalled();
  });

  it('is Nest’s middleware where the adapter has no request hook', async () => {
    const adapter = adapterOf(platform);
    adapter.setOnRequestHook = () => undefined;
    const factory = jest.spyOn(
      adapter as { createMiddlewareFactory(method: RequestMethod): unknown },
      'createMiddlewareFactory',
    );
    const url = await listen(await create(adapter));
    expect(factory).toHaveBeenCalled();
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
  });

  it.each(['a callback', 'a promise'])(
    'runs behind a hook that was there before, which answers by %s',
    async (way) => {
      const seen: string[] = [];
      const adapter = adapterOf(platform);
      adapter.setOnRequestHook(((request: Request, _response: unknown, done: Next) => {
        seen.push(request.url);
        if (way === 'a callback' || platform === 'express') return void setImmediate(done);
        return Promise.resolve();
      }) as never);
      const url = await listen(await create(adapter));
      expect(await subjectAt(url)).toEqual({ subject: 'alice' });
      expect(seen).toEqual(['/login', '/me']);
    },
  );

  it.each([
    ['tells of an error', (done: Next) => done(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('is not reached where a hook that was there before %s', async (_how, fail) => {
    const adapter = adapterOf(platform);
    adapter.setOnRequestHook(((_request: unknown, _response: unknown, done: Next) => fail(done)) as never);
    const url = await listen(await create(adapter));
    expect((await new Browser(url).get('/look')).status).toBe(500);
  });

  it('runs behind a hook that is set after the application was created', async () => {
    const seen: string[] = [];
    const adapter = adapterOf(platform);
    const app = await create(adapter);
    adapter.setOnRequestHook(((request: Request, _response: unknown, done: Next) => {
      seen.push(request.url);
      done();
    }) as never);
    expect(await subjectAt(await listen(app))).toEqual({ subject: 'alice' });
    expect(seen).toEqual(['/login', '/me']);
  });

  it('fails at boot where another hook takes its place, and names it', async () => {
    const adapter = adapterOf(platform);
    const app = await create(adapter);
    app.get(SessionService).constructor.prototype.onModuleInit = () =>
      adapter.setOnRequestHook(function tracing(_request: unknown, _response: unknown, done: Next) {
        done();
      } as never);
    try {
      await expect(app.init()).rejects.toMatchObject({
        code: 'ERR_OPTIONS',
        message: expect.stringContaining('tracing') as string,
      });
    } finally {
      delete app.get(SessionService).constructor.prototype.onModuleInit;
    }
  });

  it('keeps two applications of one process apart', async () => {
    const [one, other] = [await create(adapterOf(platform)), await create(adapterOf(platform))];
    const browser = new Browser(await listen(one));
    await browser.post('/login', { user: 'alice' });
    const elsewhere = new Browser(await listen(other));
    expect((await elsewhere.get('/me', { cookie: browser.cookie })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it.each([
    [false, undefined],
    [true, '203.0.113.7'],
  ])(
    'knows the address and the protocol of the client with trust proxy %s',
    async (trustProxy, forwarded) => {
      const { url, app } = await start(platform, { controllers: [AppController], trustProxy });
      const headers = {
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-proto': 'https',
        host: 'app.example.com',
      };
      const browser = new Browser(url);
      const answer = await browser.post('/login', { user: 'alice' }, { headers });
      expect(answer.setCookies).toHaveLength(trustProxy ? 1 : 0);
      const [session] = await app.get(SessionService).list('alice');
      expect(session!.device.ip).toBe(forwarded ?? '127.0.0.1');
    },
  );

  it('keeps the session current behind middleware that goes on in another context', async () => {
    const outside = new AsyncResource('outside');
    const { url } = await start(platform, {
      controllers: [AppController],
      prepare: (app) =>
        void app.use((_request: unknown, _response: unknown, next: () => void) =>
          setImmediate(() => outside.runInAsyncScope(next)),
        ),
    });
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
  });

  it('keeps the session current while a body arrives in pieces', async () => {
    const { url } = await start(platform, { controllers: [AppController] });
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    const body = JSON.stringify({ user: 'alice' });
    socket.write(
      `POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(body.slice(0, 4));
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write(body.slice(4));
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('a given instance', () => {
  it('of Express has sessions, and its earlier middleware runs before them', async () => {
    const instance = express();
    const seen: string[] = [];
    instance.use((request, _response, next) => {
      seen.push(request.url);
      next();
    });
    const url = await listen(await create(new ExpressAdapter(instance)));
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
    expect(seen).toEqual(['/login', '/me']);
  });

  it('of Fastify has sessions', async () => {
    const url = await listen(await create(new FastifyAdapter(fastify() as never)));
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
  });

  it('of Fastify needs no middleware engine', async () => {
    const url = await listen(await create(new FastifyAdapter({ skipMiddie: true })));
    expect(await subjectAt(url)).toEqual({ subject: 'alice' });
  });
});

describe('an application context without an HTTP adapter', () => {
  it('starts, and reports that there is no session', async () => {
    const context = await NestFactory.createApplicationContext(
      { module: class {}, imports: [SessionModule.forRoot({ secret: SECRET })] } as never,
      { logger: false, abortOnError: false },
    );
    expect(context.get(HttpAdapterHost).httpAdapter).toBeFalsy();
    expect(() => context.get(SessionService).current).toThrow(
      expect.objectContaining({ code: 'ERR_NO_SESSION' }),
    );
    await context.close();
  });
});
