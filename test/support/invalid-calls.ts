import type { ServerResponse } from 'node:http';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Optional,
  Param,
  Query,
  Redirect,
  Res,
  StreamableFile,
  type DynamicModule,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import compression from 'compression';
import { SessionModule, SessionService } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { Browser, send, type Answer } from './browser.js';
import { LogSink } from './log-sink.js';
import { SECRET, type PlatformName } from './platforms.js';
import { SpyStore } from './spy-store.js';

/*
 * A process of its own, with an application with the module and one without it. In Jest's world the errors of Node are no
 * instances of Error, which Fastify goes by.
 */

interface AnyReply {
  raw?: ServerResponse;
  header(name: string, value: string): void;
}

const DASH = '\u2013';
const raw = (reply: AnyReply): ServerResponse => reply.raw ?? (reply as unknown as ServerResponse);

/** Each is wrong in a way of its own; what is done before it is right. */
const calls: Record<string, (response: ServerResponse) => void> = {
  value: (response) => response.writeHead(200, { 'x-name': DASH }).end(),
  name: (response) => response.writeHead(200, { 'x name': 'a' }).end(),
  undefined: (response) => response.writeHead(200, { 'x-name': undefined }).end(),
  pairs: (response) => response.writeHead(200, [['x-name', DASH]] as never).end(),
  list: (response) => response.writeHead(200, ['x-name', DASH]).end(),
  odd: (response) => response.writeHead(200, ['x-name']).end(),
  status: (response) => response.writeHead(99).end(),
  message: (response) => response.writeHead(200, `a${DASH}b`).end(),
  'message-and-value': (response) => response.writeHead(200, 'Fine', { 'x-name': DASH }).end(),
  'end-number': (response) => response.end(1),
  'end-object': (response) => response.end({}),
  'write-object': (response) => response.write({}),
  'write-null': (response) => response.write(null),
  'write-undefined': (response) => response.write(undefined),
  'implied-status': (response) => {
    response.statusCode = 1000;
    response.end('text');
  },
  'second-head': (response) => response.writeHead(200).writeHead(200),
  'head-after-write': (response) => {
    response.write('text');
    response.writeHead(200);
  },
  'object-after-write': (response) => {
    response.write('text');
    response.write({});
  },
  'header-after-write': (response) => {
    response.write('text');
    response.setHeader('x-name', 'a');
  },
};

@Injectable()
class Visits {
  constructor(@Optional() private readonly sessions?: SessionService<{ visits: number }>) {}

  count(): void {
    const data = this.sessions?.current.data;
    if (data) data.visits = (data.visits ?? 0) + 1;
  }
}

@Controller()
class InvalidController {
  constructor(private readonly visits: Visits) {}

  @Get('file') file(@Query('name') name: string) {
    this.visits.count();
    return new StreamableFile(Buffer.from('content'), { disposition: `attachment; filename="${name}"` });
  }

  @Get('redirect') @Redirect() redirect(@Query('name') name: string) {
    this.visits.count();
    return { url: `/${name}`, statusCode: 302 };
  }

  @Get('header') header(@Query('name') name: string, @Res({ passthrough: true }) reply: AnyReply) {
    this.visits.count();
    reply.header('x-name', name);
    return { ok: true };
  }

  @Get('sync/:call') sync(@Param('call') call: string, @Res() reply: AnyReply): void {
    this.visits.count();
    calls[call]!(raw(reply));
  }

  @Get('async/:call') async async(@Param('call') call: string, @Res() reply: AnyReply): Promise<void> {
    this.visits.count();
    await Promise.resolve();
    calls[call]!(raw(reply));
  }

  @Get('roll/:call') roll(@Param('call') call: string, @Res() reply: AnyReply): void {
    calls[call]!(raw(reply));
  }

  @Get('start') start() {
    this.visits.count();
    return { ok: true };
  }

  /** The process would end without the module, or the answer would be broken. */
  @Get('after-end') afterEnd(@Res() reply: AnyReply): void {
    this.visits.count();
    const response = raw(reply);
    response.end('text');
    response.write('more');
    response.end('more');
  }

  @Get('encoding') encoding(@Res() reply: AnyReply): void {
    this.visits.count();
    raw(reply).write('text', 'no encoding' as BufferEncoding);
  }

  @Get('throwing/:what') throwing(@Param('what') what: string, @Res() reply: AnyReply): void {
    this.visits.count();
    const response = raw(reply);
    const fails = (): never => {
      throw new Error('a listener failed');
    };
    if (what === 'drain') response.on('drain', fails);
    response.write('text', what === 'write' ? fails : undefined);
    if (what === 'late-drain') response.once('drain', fails);
    if (what === 'end') response.end(fails);
  }
}

@Injectable()
class InvalidMiddleware implements NestMiddleware {
  constructor(private readonly visits: Visits) {}

  use(request: { originalUrl: string }, response: ServerResponse): void {
    this.visits.count();
    calls[request.originalUrl.split('/').at(-1)!]!(response);
  }
}

@Module({})
class InvalidModule implements NestModule {
  static of(sessions: DynamicModule[]): DynamicModule {
    return {
      module: InvalidModule,
      imports: sessions,
      controllers: [InvalidController],
      providers: [Visits],
    };
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(InvalidMiddleware).forRoutes('middleware/*path');
  }
}

interface Site {
  url: string;
  sink: LogSink;
  clock: FakeClock;
}

async function open(platform: PlatformName, sessions: boolean, compressed: boolean): Promise<Site> {
  const clock = new FakeClock();
  const store = new SpyStore();
  store.delay = 0;
  const sink = new LogSink();
  const module = await Test.createTestingModule({
    imports: [InvalidModule.of(sessions ? [SessionModule.forRoot({ secret: SECRET, store, clock })] : [])],
  }).compile();
  const app = module.createNestApplication(
    platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(),
    { logger: sink },
  );
  if (compressed) app.use(compression({ threshold: 0 }));
  await app.listen(0, '127.0.0.1');
  return { url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), sink, clock };
}

/** What a client makes of it. Express shows the stack of an error, which is another. */
async function outcome(asked: Promise<Answer>): Promise<unknown> {
  const patience = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Error('hangs')), 1_500).unref(),
  );
  try {
    const { status, body, headers } = await Promise.race([asked, patience]);
    const told = body.replace(/<br>.*/, '');
    return {
      status,
      body: told,
      type: headers['content-type'],
      name: headers['x-name'],
      to: headers.location,
    };
  } catch (error) {
    return (error as Error).message === 'hangs' ? 'hangs' : 'broken';
  }
}

/** What one path came to, without the module and with it. */
export interface Compared {
  path: string;
  plain: unknown;
  hooked: unknown;
  /** What nobody caught meanwhile. */
  escaped: string[];
  logged: string;
}

const escaped: string[] = [];
process.on('unhandledRejection', (error) => escaped.push(String(error)));
process.on('uncaughtException', (error) => escaped.push(String(error)));

async function isAlive({ url }: Site): Promise<boolean> {
  const next = await outcome(send(`${url}/start`, 'GET', {}));
  return (next as { status?: number }).status === 200;
}

async function compare(plain: Site, site: Site): Promise<Compared[]> {
  const results: Compared[] = [];
  const add = async (path: string, plainly: unknown, asked: Promise<Answer>): Promise<void> => {
    escaped.length = 0;
    const from = site.sink.lines.length;
    const hooked = await outcome(asked);
    // A kept connection may have been closed: then the next one counts.
    const alive = (await isAlive(site)) || (await isAlive(site));
    if (!alive) escaped.push('The application does not answer any more.');
    results.push({
      path,
      plain: plainly,
      hooked,
      escaped: [...escaped],
      logged: site.sink.lines.slice(from).join(),
    });
  };
  const name = encodeURIComponent(`report ${DASH} 2030.pdf`);
  const paths = ['file', 'redirect', 'header'].map((path) => `/${path}?name=${name}`);
  for (const place of ['sync', 'async', 'middleware'])
    paths.push(...Object.keys(calls).map((call) => `/${place}/${call}`));
  for (const path of paths)
    await add(path, await outcome(send(plain.url + path, 'GET', {})), send(site.url + path, 'GET', {}));
  for (const call of Object.keys(calls)) {
    const browser = new Browser(site.url);
    await browser.get('/start');
    site.clock.advance('2m');
    const path = `/roll/${call}`;
    await add(path, await outcome(send(plain.url + path, 'GET', {})), browser.get(path));
  }
  for (const path of [
    '/after-end',
    '/encoding',
    ...['drain', 'late-drain', 'write', 'end'].map((what) => `/throwing/${what}`),
  ])
    await add(path, undefined, send(site.url + path, 'GET', {}));
  return results;
}

const [platform, front] = process.argv.slice(2) as [PlatformName, string];
const plain = await open(platform, false, front === 'compressed');
const site = await open(platform, true, front === 'compressed');
const results = await compare(plain, site);
// Some of the answers are none, and would keep an application from closing.
process.stdout.write(JSON.stringify(results), () => process.exit());
