import { jest } from '@jest/globals';
import { Controller, HttpCode, Post } from '@nestjs/common';
import { Logout } from 'nest-sessions';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { describePostgres, type PostgresServer } from '../../support/postgres.js';
import { startNode } from '../../support/postgres-nodes.js';
import { until } from '../../support/until.js';

/** What the engine may take to answer, in milliseconds. */
const STORE_TIMEOUT = 500;
/** Beside it, on a busy machine. */
const SLACK = 1_400;

const options = { storeTimeout: STORE_TIMEOUT };

/** Something that happens while the handler is at work. */
let meanwhile: () => void | Promise<void>;

@Controller()
class FaultController {
  @Post('logout-meanwhile')
  @HttpCode(200)
  @Logout()
  async logout() {
    await meanwhile();
    return { ok: true };
  }
}

let tables = 0;

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('PostgreSQL that fails', (server) => {
  let table: string;

  beforeEach(() => (table = `faults_${++tables}`));

  afterEach(async () => {
    await heal(server());
    await closeAll();
  });

  describe.each(platforms)('on %s', (platform) => {
    const node = () => startNode(platform, server(), { table, options, controllers: [FaultController] });

    async function loggedIn(url: string): Promise<Browser> {
      const browser = new Browser(url);
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
      return browser;
    }

    it('responds with 503 in time while the database hangs, keeps the cookie, and recovers', async () => {
      const { url } = await node();
      const browser = await loggedIn(url);
      server().pause();
      const started = performance.now();
      const answers = await Promise.all([
        browser.get('/me'),
        browser.get('/look'),
        browser.post('/data', { a: 1 }),
        browser.get('/poll'),
      ]);
      expect(performance.now() - started).toBeLessThan(STORE_TIMEOUT + SLACK);
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
      expect(answers.flatMap(({ setCookies }) => setCookies)).toEqual([]);
      // Who has no session is not concerned.
      expect((await new Browser(url).get('/untouched')).status).toBe(200);
      expect((await new Browser(url).post('/login', { user: 'bob' })).status).toBe(503);
      server().resume();
      await until(async () => (await browser.get('/me')).status === 200, 'the recovery');
      expect((await browser.post('/data', { a: 2 })).status).toBe(200);
    });

    it('responds with 503 while the database is down, and recovers without a restart of the application', async () => {
      const { url, events } = await node();
      const other = await node();
      const browser = await loggedIn(url);
      await browser.post('/data', { kept: true });
      await server().kill();
      for (const path of ['/me', '/look', '/poll']) {
        const answer = await browser.get(path);
        expect([answer.status, answer.setCookies]).toEqual([503, []]);
      }
      await server().run();
      await until(async () => (await browser.get('/me')).status === 200, 'the recovery');
      expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { kept: true } });
      // Both nodes hear of each other again, as soon as they listen.
      await until(async () => {
        await (await loggedIn(other.url)).post('/logout');
        return events.some(({ type, remote }) => type === 'ended' && remote);
      }, 'an event of the other node');
    });

    it.each<[string, () => void | Promise<void>]>([
      ['hangs', () => server().pause()],
      ['is gone', () => server().kill()],
    ])('takes the cookie away at a logout that the database, which %s, could not store', async (_, fault) => {
      const { url } = await node();
      const browser = await loggedIn(url);
      meanwhile = fault;
      const answer = await browser.post('/logout-meanwhile');
      expect(answer.status).toBe(503);
      expect(answer.setCookies).toHaveLength(1);
      expect(browser.cookie).toBe('');
    });

    it('does not crash when idle connections break', async () => {
      const { url, pool } = await node();
      const browser = await loggedIn(url);
      expect(pool.idleCount).toBeGreaterThan(0);
      // Counted one by one: by the time that the last has ended, the listener may have connected again.
      const broken = pool.totalCount;
      let ended = 0;
      pool.on('remove', () => ended++);
      await server().ask(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
      );
      await until(() => ended >= broken, 'the end of the connections');
      expect((await browser.get('/me')).status).toBe(200);
    });

    it('is no crash where a connection breaks in the middle of a transaction', async () => {
      const { url } = await startNode(platform, server(), { table, options: { maxSessions: 3 } });
      await loggedIn(url);
      const other = await server().pool().connect();
      other.on('error', () => undefined);
      await other.query('BEGIN');
      // It may read, and waits where it writes.
      await other.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
      const login = new Browser(url).post('/login', { user: 'alice' });
      const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${table}%'`;
      await until(async () => (await server().ask(waiting)).length === 1, 'the waiting');
      await server().kill();
      expect((await login).status).toBe(503);
      other.release(true);
      await server().run();
      await loggedIn(url);
    });

    it('loses none of 1,000 writes that it acknowledged when it is killed in the middle', async () => {
      const { url } = await node();
      const writers = await Promise.all(Array.from({ length: 20 }, () => loggedIn(url)));
      const acknowledged = writers.map(() => [] as string[]);
      let attempts = 0;
      let failed = 0;
      let restarted: Promise<void> | undefined;
      await Promise.all(
        writers.map(async (browser, writer) => {
          for (let n = 0; n < 50; n++) {
            if (++attempts === 400)
              restarted = server()
                .kill()
                .then(() => server().run());
            const { status } = await browser.post('/data', { [`k${n}`]: n });
            if (status === 200) acknowledged[writer]!.push(`k${n}`);
            else {
              expect(status).toBe(503);
              failed++;
              await restarted;
            }
          }
        }),
      );
      expect(attempts).toBe(1_000);
      expect(failed).toBeGreaterThan(0);
      expect(acknowledged.flat().length).toBe(1_000 - failed);
      for (const [writer, browser] of writers.entries()) {
        const { data } = (await browser.get('/look')).json<{ data: Record<string, number> }>();
        for (const key of acknowledged[writer]!) expect(data).toHaveProperty(key);
      }
    });
  });
});

async function heal(server: PostgresServer): Promise<void> {
  server.resume();
  if (!server.running) await server.run();
}
