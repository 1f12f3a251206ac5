import { Controller, HttpCode, Post } from '@nestjs/common';
import { Logout } from 'nest-sessions';
import type { RedisClient } from 'nest-sessions/redis';
import type { Answer, Browser } from '../../support/browser.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, drivers, ioRedis, nodeRedis } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

/** How long a store may take to answer, in milliseconds, and what a request may take on a busy machine beside. */
const STORE_TIMEOUT = 250;
const SLACK = 2_000;

const TEST_TIMEOUT = 60_000;

/** Every write is in the file before it is answered. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

const options = { storeTimeout: `${STORE_TIMEOUT}ms` } as const;

let server: RedisServer;

@Controller()
class StoppingController {
  /** The store goes away between the opening of the session and its end. */
  @Post('stop-and-logout')
  @HttpCode(200)
  @Logout()
  stopAndLogout() {
    server.pause();
    return { ok: true };
  }
}

async function timed(ask: () => Promise<Answer>): Promise<Answer & { took: number }> {
  const began = performance.now();
  const answer = await ask();
  return { ...answer, took: performance.now() - began };
}

/** What requests are answered while the store is away: nothing is let through, and nothing taken away. */
async function expectOutage(browser: Browser): Promise<void> {
  const { cookie } = browser;
  for (const ask of [
    () => browser.get('/me'),
    () => browser.get('/look'),
    () => browser.post('/data', { lost: 1 }),
    () => browser.post('/login', { user: 'mallory' }),
  ]) {
    const answer = await timed(ask);
    expect(answer.status).toBe(503);
    expect(answer.took).toBeLessThan(STORE_TIMEOUT + SLACK);
    expect(answer.setCookies).toEqual([]);
    expect(browser.cookie).toBe(cookie);
  }
  // A logout is an error as well, but the copy in the browser goes.
  const logout = await timed(() => browser.post('/logout', undefined, { cookie }));
  expect([logout.status, logout.setCookies]).toEqual([503, [expect.stringContaining('Max-Age=0')]]);
  expect(logout.took).toBeLessThan(STORE_TIMEOUT + SLACK);
  expect((await browser.get('/untouched', { cookie: '' })).status).toBe(200);
}

/** How many commands the server has refused for want of permission. */
async function refusals(): Promise<number> {
  const log = await server.cli('ACL', 'LOG');
  return [...log.matchAll(/^count\n(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function expectRecovered(browser: Browser): Promise<void> {
  await until(async () => (await browser.get('/me')).status === 200, 'the session back');
  expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { kept: 1 } });
  expect((await browser.post('/data', { later: 2 })).status).toBe(200);
  expect((await browser.get('/look')).json()).toMatchObject({ data: { kept: 1, later: 2 } });
}

describeWithRedis('Redis that stumbles', () => {
  beforeAll(async () => {
    server = await startRedis(DURABLE);
  }, START_TIMEOUT);

  beforeEach(() => server.cli('FLUSHALL'));
  afterEach(async () => {
    server.resume();
    await closeAll();
    closeClients();
  });
  afterAll(stopServers);

  describe.each(platforms)('under %s', (platform) => {
    describe.each(drivers)('with %s', (_driver, connect: (url: string) => Promise<RedisClient>) => {
      const loggedIn = async () => {
        const app = await startOverRedis(platform, {
          client: await connect(server.url),
          options,
          controllers: [StoppingController],
        });
        const browser = app.browser();
        expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
        expect((await browser.post('/data', { kept: 1 })).status).toBe(200);
        return { ...app, browser };
      };

      it(
        'is a 503 in time while the server hangs, and all is well when it goes on',
        async () => {
          const { browser } = await loggedIn();
          server.pause();
          await expectOutage(browser);
          server.resume();
          await expectRecovered(browser);
        },
        TEST_TIMEOUT,
      );

      it(
        'is a 503 in time while the server is dead, and goes on with the one that comes up',
        async () => {
          const { browser } = await loggedIn();
          await server.kill();
          await expectOutage(browser);
          await server.start();
          await expectRecovered(browser);
        },
        TEST_TIMEOUT,
      );

      it(
        'fails a logout that could not be stored, and takes the cookie away nevertheless',
        async () => {
          const { browser } = await loggedIn();
          const captured = browser.cookie;
          const answer = await timed(() => browser.post('/stop-and-logout'));
          expect(answer.status).toBe(503);
          expect(answer.took).toBeLessThan(STORE_TIMEOUT + SLACK);
          expect(answer.setCookies).toEqual([expect.stringContaining('Max-Age=0')]);
          expect(browser.cookie).toBe('');
          server.resume();
          // The command was on its way; when the server goes on, it is carried out.
          await until(
            async () => (await browser.get('/me', { cookie: captured })).status === 401,
            'the end of the session',
          );
        },
        TEST_TIMEOUT,
      );

      it('logs everybody out at FLUSHALL, and goes on', async () => {
        const { browser } = await loggedIn();
        await server.cli('FLUSHALL');
        expect((await browser.get('/me')).status).toBe(401);
        expect(browser.cookie).toBe('');
        expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
        expect((await browser.get('/me')).status).toBe(200);
      });

      it('does not mind SCRIPT FLUSH', async () => {
        const { browser } = await loggedIn();
        const flushed = async (ask: () => Promise<Answer>) => {
          await server.cli('SCRIPT', 'FLUSH');
          return (await ask()).status;
        };
        expect(await flushed(() => browser.get('/me'))).toBe(200);
        expect(await flushed(() => browser.post('/data', { more: 1 }))).toBe(200);
        expect(await flushed(() => browser.post('/regenerate', { keep: ['kept'] }))).toBe(200);
        expect(await flushed(() => browser.get('/devices'))).toBe(200);
        expect((await browser.get('/devices')).json<unknown>()).toHaveLength(1);
        expect(await flushed(() => browser.post('/logout'))).toBe(200);
        expect(await flushed(() => browser.get('/me'))).toBe(401);
      });
    });

    it.each([
      ['node-redis', (url: string) => nodeRedis(url, { awaited: false })],
      ['ioredis', (url: string) => ioRedis(url)],
    ])(
      'may be away while the application starts (%s)',
      async (_driver, connect: (url: string) => Promise<RedisClient>) => {
        await server.kill();
        const app = await startOverRedis(platform, { client: await connect(server.url), options });
        const browser = app.browser();
        expect((await timed(() => browser.post('/login', { user: 'alice' }))).status).toBe(503);
        await server.start();
        await until(async () => (await browser.post('/login', { user: 'alice' })).status === 200, 'a login');
        expect((await browser.get('/me')).status).toBe(200);
        const subscribed = () => server.cli('PUBSUB', 'NUMSUB', 'nest-sessions:events');
        await until(async () => (await subscribed()).endsWith('\n1'), 'a subscription', TEST_TIMEOUT / 2);
      },
      TEST_TIMEOUT,
    );

    it('may be away from the start of the application to its end (node-redis)', async () => {
      const unhandled: unknown[] = [];
      const note = (error: unknown) => void unhandled.push(error);
      process.on('unhandledRejection', note);
      try {
        await server.kill();
        const client = await nodeRedis(server.url, { awaited: false });
        const app = await startOverRedis(platform, { client, options });
        expect((await app.browser().post('/login', { user: 'alice' })).status).toBe(503);
        await closeAll();
        closeClients();
        // Rejections are told when the queue of promises has run empty.
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
        expect(unhandled).toEqual([]);
      } finally {
        process.off('unhandledRejection', note);
        await server.start();
      }
    });

    it('refuses writes while the memory is full, and still reads and logs out', async () => {
      const client = await nodeRedis(server.url);
      const browser = (await startOverRedis(platform, { client, options })).browser();
      await browser.post('/login', { user: 'alice' });
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      try {
        expect((await browser.get('/me')).status).toBe(200);
        expect((await browser.post('/data', { more: 'than fits' })).status).toBe(503);
        expect((await browser.post('/login', { user: 'bob' })).status).toBe(503);
        expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
        expect((await browser.post('/logout')).status).toBe(200);
        expect(browser.cookie).toBe('');
      } finally {
        await server.cli('CONFIG', 'SET', 'maxmemory', '0');
      }
    });

    it('takes a session that the server evicted for one that is over', async () => {
      const client = await nodeRedis(server.url);
      const browser = (await startOverRedis(platform, { client, options })).browser();
      await browser.post('/login', { user: 'alice' });
      await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      try {
        await until(async () => (await server.cli('DBSIZE')) === '0', 'the eviction');
        expect((await browser.get('/me')).status).toBe(401);
        expect(browser.cookie).toBe('');
      } finally {
        await server.cli('CONFIG', 'SET', 'maxmemory', '0');
        await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      }
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    });

    it.each(drivers)(
      'goes on where the server forbids it to listen, and hears the others once it may again (%s)',
      async (_driver, connect: (url: string) => Promise<RedisClient>) => {
        const here = await startOverRedis(platform, { client: await connect(server.url) });
        const there = await startOverRedis(platform, { client: await connect(server.url) });
        const browser = here.browser();
        await browser.post('/login', { user: 'alice' });
        const logOutThere = async () => {
          const other = there.browser();
          await other.post('/login', { user: 'bob' });
          await other.post('/logout');
        };
        const heard = async () => {
          await logOutThere();
          return here.events.some(({ type, remote }) => type === 'ended' && remote);
        };
        await until(heard, 'an event of the other node');
        await server.cli('ACL', 'LOG', 'RESET');
        await server.cli('ACL', 'SETUSER', 'default', '-subscribe');
        await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
        // Of two nodes, at least once each.
        await until(async () => (await refusals()) >= 4, 'subscriptions refused');
        here.events.length = 0;
        await logOutThere();
        expect((await browser.get('/me')).status).toBe(200);
        expect(here.events).toEqual([]);
        await server.cli('ACL', 'SETUSER', 'default', '+subscribe');
        await until(heard, 'an event of the other node again');
      },
      TEST_TIMEOUT,
    );

    // The server keeps an append-only file with fsync at every write, is killed with SIGKILL and restarted.
    it.each(drivers)(
      'loses none of 1,000 writes that were acknowledged around a kill and restart (%s)',
      async (_driver, connect: (url: string) => Promise<RedisClient>) => {
        const app = await startOverRedis(platform, {
          client: await connect(server.url),
          options,
        });
        const writers = Array.from({ length: 10 }, () => app.browser());
        for (const writer of writers) expect((await writer.post('/data', { first: 0 })).status).toBe(200);
        let [acknowledged, refused] = [0, 0];
        let restarted: Promise<void> | undefined;
        const written = await Promise.all(
          writers.map(async (writer) => {
            const keys: string[] = [];
            for (let i = 0; i < 100; i++) {
              if (acknowledged >= 400 && !restarted) restarted = server.kill().then(() => server.start());
              const { status } = await writer.post('/data', { [`k${i}`]: i });
              if (status === 200) {
                keys.push(`k${i}`);
                acknowledged++;
              } else {
                expect(status).toBe(503);
                refused++;
                await restarted;
              }
            }
            return keys;
          }),
        );
        await restarted;
        expect(acknowledged + refused).toBe(1_000);
        expect(acknowledged).toBeGreaterThan(800);
        for (const [i, writer] of writers.entries()) {
          await until(async () => (await writer.get('/look')).status === 200, 'the store back');
          const { data } = (await writer.get('/look')).json<{ data: object }>();
          expect(Object.keys(data)).toEqual(expect.arrayContaining(['first', ...written[i]!]));
        }
      },
      TEST_TIMEOUT,
    );
  });
});
