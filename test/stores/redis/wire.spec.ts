import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { RedisStore as ConnectRedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import fastify from 'fastify';
import type { RedisClient } from 'nest-sessions/redis';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, SECRET } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, drivers, ioRedis, nodeRedis } from '../../support/redis-clients.js';
import {
  countingWire,
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

/** What the server was told, as its MONITOR shows it. */
class Monitor {
  #text = '';
  readonly #process: ChildProcess;
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
    this.#process = spawn('redis-cli', ['-p', String(server.port), 'MONITOR']);
    this.#process.stdout!.on('data', (chunk: Buffer) => (this.#text += chunk.toString()));
  }

  /** What came over the wire meanwhile, and what scripts did with it. */
  async during(act: () => Promise<unknown>): Promise<{ sent: string[]; done: string[] }> {
    const from = await this.#mark();
    await act();
    const to = await this.#mark();
    const lines = this.#text
      .slice(from.after, to.before)
      .split('\n')
      .filter((line) => line !== '' && !line.includes('"ECHO"'));
    const verb = (line: string) => /\] "(\w+)"/.exec(line)![1]!.toUpperCase();
    const inScript = (line: string) => line.includes(' lua] ');
    return {
      sent: lines.filter((line) => !inScript(line)).map(verb),
      done: lines.map(verb).filter((name) => !name.startsWith('EVAL')),
    };
  }

  /** The monitor runs behind; what was sent before a mark is in the text before it. */
  async #mark(): Promise<{ before: number; after: number }> {
    const mark = `mark-${Math.random()}`;
    let at = -1;
    await until(async () => {
      await this.#server.cli('ECHO', mark);
      return (at = this.#text.indexOf(mark)) >= 0;
    }, 'the monitor');
    const before = this.#text.lastIndexOf('\n', at) + 1;
    const end = () => this.#text.indexOf('\n', at) + 1;
    await until(() => end() > 0, 'the rest of the line');
    return { before, after: end() };
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}

const WRITES = ['SET', 'HSET', 'HDEL', 'HINCRBY', 'DEL', 'UNLINK', 'EXPIRE', 'PEXPIRE', 'ZADD', 'ZREM'];

const writes = (commands: string[]): string[] => commands.filter((command) => WRITES.includes(command));

/** What a request waits for. An announcement to the other nodes is sent and forgotten. */
const awaited = (commands: string[]): string[] => commands.filter((command) => command !== 'PUBLISH');

describeWithRedis('commands a request', () => {
  let server: RedisServer;
  let monitor: Monitor;
  const closers: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await startRedis();
    monitor = new Monitor(server);
  }, START_TIMEOUT);
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    await closeAll();
    closeClients();
  });
  afterAll(() => monitor.stop());
  afterAll(stopServers);

  /** The connection for events is made while the application is already at work. */
  const subscribed = () =>
    until(
      async () => (await server.cli('PUBSUB', 'NUMSUB', 'nest-sessions:events')).endsWith('\n1'),
      'the subscription',
    );

  const measured = async (browser: Browser, path: string, body?: unknown) => {
    let status = 0;
    const seen = await monitor.during(async () => {
      const answer = await (body === undefined ? browser.get(path) : browser.post(path, body));
      status = answer.status;
    });
    expect(status).toBe(200);
    return seen;
  };

  describe.each(platforms)('with nest-sessions on %s', (platform) => {
    it.each(drivers)(
      'are 1 for a read, without a write, and 2 for a change or a regenerate (%s)',
      async (_driver, connect: (url: string) => Promise<RedisClient>) => {
        const client = await connect(server.url);
        const browser = (await startOverRedis(platform, { client })).browser();
        await subscribed();
        expect((await measured(browser, '/look')).sent).toEqual([]);
        await browser.post('/data', { a: 1 });
        await browser.get('/look');
        await browser.post('/data', { a: 2 });
        await browser.post('/regenerate', { keep: ['a'] });
        // The first request with a renewed token confirms it, once.
        expect((await measured(browser, '/look')).sent).toEqual(['EVALSHA', 'EVALSHA']);

        const read = await measured(browser, '/look');
        expect(read.sent).toEqual(['EVALSHA']);
        expect(read.done).toEqual(['HGETALL', 'TIME']);
        expect((await measured(browser, '/untouched')).done).toEqual(['HGETALL', 'TIME']);

        const changed = await measured(browser, '/data', { a: 3 });
        expect(changed.sent).toEqual(['EVALSHA', 'EVALSHA']);
        expect(writes(changed.done)).toEqual(['HINCRBY', 'HSET']);
        // The same value once more is no change.
        expect((await measured(browser, '/data', { a: 3 })).sent).toEqual(['EVALSHA']);

        const regenerated = await measured(browser, '/regenerate', { keep: ['a'] });
        expect(awaited(regenerated.sent)).toEqual(['EVALSHA', 'EVALSHA']);
      },
    );

    it('go to and fro as often, and no more often for a session that is logged in', async () => {
      const wire = await countingWire(server.port);
      closers.push(() => wire.close());
      const client = await ioRedis(`redis://127.0.0.1:${wire.port}`);
      const browser = (await startOverRedis(platform, { client })).browser();
      await subscribed();
      await browser.post('/login', { user: 'alice' });
      await browser.post('/data', { a: 1 });
      await browser.post('/regenerate', { keep: ['a'] });
      await browser.post('/login', { user: 'alice' });
      const trips = async (path: string, body?: unknown): Promise<number> => {
        const before = wire.trips();
        await measured(browser, path, body);
        return wire.trips() - before;
      };
      expect(await trips('/look')).toBe(1);
      expect(await trips('/data', { a: 2 })).toBe(2);
      // Load; index, create and the mark of a revocation at once; destroy. What tidies up keeps nobody waiting.
      const { sent } = await measured(browser, '/login', { user: 'alice' });
      expect(awaited(sent)).toEqual(['EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA', 'ZREM']);
      expect(await trips('/login', { user: 'alice' })).toBeLessThanOrEqual(4);
      expect(await trips('/regenerate', { keep: ['a'] })).toBe(2);
    });

    it.each(drivers)(
      'are 2 round trips for a roll, a rotation and a regenerate of a session that is logged in (%s)',
      async (_driver, connect: (url: string) => Promise<RedisClient>) => {
        const wire = await countingWire(server.port);
        closers.push(() => wire.close());
        const client = await connect(`redis://127.0.0.1:${wire.port}`);
        const browser = (await startOverRedis(platform, { client })).browser();
        await subscribed();
        await browser.post('/login', { user: 'alice' });
        await browser.post('/data', { a: 1 });
        const { id } = (await browser.get('/look')).json<{ id: string }>();
        const key = `nest-sessions:s:${id}`;
        /** As if the session had been used, or its secret replaced, so many minutes ago. */
        const age = async (field: 'l' | 't', minutes: number) => {
          const now = Number((await server.cli('TIME')).split('\n')[0]) * 1_000;
          await server.cli('HSET', key, field, String(now - minutes * 60_000));
        };
        const spent = async (path: string, body?: unknown) => {
          const before = wire.trips();
          const { sent } = await measured(browser, path, body);
          return { trips: wire.trips() - before, sent };
        };
        const twice = { trips: 2, sent: ['EVALSHA', 'EVALSHA'] };
        // The first ones make the scripts known.
        await browser.post('/regenerate', { keep: ['a'] });
        await browser.get('/me');
        expect(await spent('/me')).toEqual({ trips: 1, sent: ['EVALSHA'] });
        await age('l', 2);
        expect(await spent('/me')).toEqual(twice);
        expect(Number(await server.cli('HGET', key, 'l'))).toBeGreaterThan(Date.now() - 60_000);
        await age('l', 2);
        expect(await spent('/data', { a: 2 })).toEqual(twice);
        const cookie = browser.cookie;
        await age('t', 20);
        expect(await spent('/me')).toEqual(twice);
        expect(browser.cookie).not.toBe(cookie);
        // The first presentation of the renewed token confirms it.
        expect(await spent('/me')).toEqual(twice);
        expect(await spent('/regenerate', { keep: ['a'] })).toEqual(twice);
      },
    );
  });

  /** The same four requests, on what an application would have used instead. */
  async function table(url: string): Promise<Record<string, string[]>> {
    const browser = new Browser(url);
    for (const value of [1, 2]) await browser.get(`/set?a=${value}`);
    return {
      read: (await measured(browser, '/look')).sent,
      changed: (await measured(browser, '/set?a=3')).sent,
      regenerated: (await measured(browser, '/regenerate')).sent,
    };
  }

  it('are 2 for every read of express-session with connect-redis, one of them a write', async () => {
    const app = express();
    const store = new ConnectRedisStore({ client: await nodeRedis(server.url), prefix: 'connect:' });
    app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false }));
    const data = (request: express.Request) => request.session as unknown as Record<string, unknown>;
    app.get('/look', (request, response) => void response.json({ a: data(request)['a'] }));
    app.get('/set', (request, response) => {
      data(request)['a'] = request.query['a'];
      response.json({});
    });
    app.get('/regenerate', (request, response) =>
      request.session.regenerate(() => {
        data(request)['a'] = 'new';
        response.json({});
      }),
    );
    const listening = app.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    closers.push(() => listening.close());
    const seen = await table(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`);
    expect(seen).toEqual({
      read: ['GET', 'EXPIRE'],
      changed: ['GET', 'SET'],
      regenerated: ['GET', 'DEL', 'SET'],
    });
    expect(writes(seen['read']!)).not.toEqual([]);
  });

  it('are 2 for every read of @fastify/session, which writes the whole session each time', async () => {
    const app = fastify();
    const store = new ConnectRedisStore({ client: await nodeRedis(server.url), prefix: 'fastify:' });
    await app.register(fastifyCookie);
    await app.register(fastifySession, { store: store, secret: SECRET, cookie: { secure: false } });
    const data = (request: { session: unknown }) => request.session as Record<string, unknown>;
    app.get('/look', (request) => ({ a: data(request)['a'] }));
    app.get<{ Querystring: { a: string } }>('/set', (request) => {
      data(request)['a'] = request.query.a;
      return {};
    });
    app.get('/regenerate', async (request) => {
      await request.session.regenerate();
      data(request)['a'] = 'new';
      return {};
    });
    closers.push(() => app.close());
    const seen = await table(await app.listen({ port: 0, host: '127.0.0.1' }));
    expect(seen['read']).toEqual(['GET', 'SET']);
    expect(seen['changed']).toEqual(['GET', 'SET']);
    expect(seen['regenerated']!.slice(0, 2)).toEqual(['GET', 'DEL']);
    expect(seen['regenerated']!.filter((command) => command === 'SET').length).toBeGreaterThanOrEqual(2);
  });
});
