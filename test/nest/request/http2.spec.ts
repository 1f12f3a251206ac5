import { connect, type ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { SessionModule, SessionService } from 'nest-sessions';
import { SECRET } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { ExitsModule } from './exits.app.js';

/** Fastify is the adapter that speaks HTTP/2; its responses are of another class. */
async function run(store: SpyStore) {
  const module = await Test.createTestingModule({
    imports: [SessionModule.forRoot({ secret: SECRET, store }), ExitsModule],
    controllers: [RecoveringController],
  }).compile();
  const app = module.createNestApplication(new FastifyAdapter({ http2: true } as never), { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, client: connect(`http://127.0.0.1:${port}`) };
}

async function get(client: ClientHttp2Session, path: string, method = 'GET') {
  const stream = client.request({ ':method': method, ':path': path, 'user-agent': 'spec' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  return { status: headers[':status'], cookies: headers['set-cookie'] as string[] | undefined, body };
}

/** Recovers from a head that Node refuses, and sends another one. */
@Controller('recovers')
class RecoveringController {
  constructor(private readonly sessions: SessionService<{ a: number }>) {}

  @Get(':how')
  recover(@Param('how') how: string, @Res() reply: FastifyReply) {
    this.sessions.current.data.a = 1;
    const response = reply.hijack().raw;
    try {
      if (how === 'status') response.writeHead(99);
      else response.writeHead(200, { etag: ['a', 'b'] as never });
    } catch (error) {
      response.removeHeader('etag');
      response.statusCode = 200;
      response.end((error as NodeJS.ErrnoException).code);
    }
  }
}

describe('the ways out over HTTP/2', () => {
  const store = new SpyStore();
  let running: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => (running = await run(store)));
  afterAll(async () => {
    running.client.destroy();
    await running.app.close();
  });
  beforeEach(() => {
    store.heal();
    store.delay = 10;
  });

  it.each([
    '/exit/value',
    '/exit/throws',
    '/exit/send',
    '/exit/raw',
    '/exit/pipe',
    '/exit/guard',
    '/exit/nowhere',
  ])('%s leaves when the session is stored, and is a 503 when it cannot be', async (path) => {
    const order: string[] = [];
    // What could not be created is destroyed, in case that it is there.
    store.onWritten = (method) => method !== 'destroy' && order.push(method);
    const answer = await get(running.client, path);
    order.push('answered');
    expect(order).toEqual(['create', 'answered']);
    expect(answer.status).not.toBe(503);
    store.fail('rejects', 'create');
    expect((await get(running.client, path)).status).toBe(503);
  });

  it.each(['/exit/head', '/exit/value', '/exit/send', '/exit/raw', '/exit/pipe'])(
    'HEAD %s has a session as well, which is stored first',
    async (path) => {
      store.forget();
      const answer = await get(running.client, path, 'HEAD');
      expect([answer.status, answer.body, answer.cookies?.length]).toEqual([200, '', 1]);
      expect(store.writes).toEqual(['create']);
      store.fail('rejects', 'create');
      expect((await get(running.client, path, 'HEAD')).status).toBe(503);
    },
  );

  it.each([
    ['status', 'ERR_HTTP2_STATUS_INVALID'],
    ['header', 'ERR_HTTP2_HEADER_SINGLE_VALUE'],
  ])('stores the session before a response that follows a refused head (%s)', async (how, code) => {
    store.forget();
    const answer = await get(running.client, `/recovers/${how}`);
    expect([answer.status, answer.body]).toEqual([200, code]);
    expect(store.writes).toEqual(['create']);
    store.fail('rejects', 'create');
    expect((await get(running.client, `/recovers/${how}`)).status).toBe(503);
  });
});
