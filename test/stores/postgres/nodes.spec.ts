import { jest } from '@jest/globals';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { startNode } from '../../support/postgres-nodes.js';
import { until } from '../../support/until.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let tables = 0;
let table: string;

beforeEach(() => (table = `nodes_${++tables}`));

afterEach(async () => {
  jest.restoreAllMocks();
  await closeAll();
});

/** What this process takes for the time; the database knows nothing of it. */
function clockOff(milliseconds: number): void {
  const { now } = Date;
  jest.spyOn(Date, 'now').mockImplementation(() => now.call(Date) + milliseconds);
}

const WRITES = ['INSERT INTO', 'UPDATE "', 'DELETE FROM', 'pg_notify'];

/** What each statement does; one that writes nothing is a read. */
const verbs = (statements: string[]): string[] =>
  statements.map((text) => WRITES.find((verb) => text.includes(verb))?.split(' ')[0] ?? 'read');

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('applications over PostgreSQL', (server) => {
  describe.each(platforms)('on %s', (platform) => {
    it('take one statement for a read and two for a change', async () => {
      const { url, statements } = await startNode(platform, server(), { table });
      const sent = async (act: () => Promise<{ status: number }>): Promise<string[]> => {
        statements.length = 0;
        expect((await act()).status).toBe(200);
        return verbs(statements);
      };
      const browser = new Browser(url);
      expect(await sent(() => browser.get('/look'))).toEqual([]);
      // What time it is, and the new session.
      expect(await sent(() => browser.post('/data', { a: 1 }))).toEqual(['read', 'INSERT']);
      expect(await sent(() => browser.get('/look'))).toEqual(['read']);
      expect(await sent(() => browser.post('/data', { a: 1 }))).toEqual(['read']);
      expect(await sent(() => browser.post('/data', { a: 2 }))).toEqual(['read', 'UPDATE']);
      // The second read looks whether the subject's sessions were revoked meanwhile.
      const replaced = ['read', 'INSERT', 'read', 'UPDATE', 'pg_notify'];
      expect(await sent(() => browser.post('/login', { user: 'alice', keep: ['a'] }))).toEqual(replaced);
      expect(await sent(() => browser.get('/me'))).toEqual(['read']);
      expect(await sent(() => browser.post('/regenerate', {}))).toEqual(['read', 'UPDATE']);
      // The first request with a renewed token confirms it, once.
      expect(await sent(() => browser.get('/me'))).toEqual(['read', 'UPDATE']);
      expect(await sent(() => browser.get('/me'))).toEqual(['read']);
      expect(await sent(() => browser.post('/logout'))).toEqual(['read', 'DELETE', 'pg_notify']);
    });

    it('roll with the one statement of a commit', async () => {
      const { url, statements } = await startNode(platform, server(), { table });
      const browser = new Browser(url);
      await browser.post('/login', { user: 'alice' });
      await server().ask(`UPDATE ${table} SET last_seen_at = last_seen_at - ${2 * MINUTE}`);
      statements.length = 0;
      await browser.get('/me');
      expect(verbs(statements)).toEqual(['read', 'UPDATE']);
    });

    it('share sessions: after a logout on one the other responds with 401 at once, and both emit the event', async () => {
      const one = await startNode(platform, server(), { table });
      const two = await startNode(platform, server(), { table });
      const browser = new Browser(one.url);
      const { id } = (await browser.post('/login', { user: 'alice' })).json();
      const { cookie } = browser;
      expect((await new Browser(two.url).get('/me', { cookie })).status).toBe(200);
      await browser.post('/logout');
      expect((await new Browser(two.url).get('/me', { cookie })).status).toBe(401);
      const ended = { type: 'ended', id, subject: 'alice', reason: 'logout' };
      await until(() => two.events.some(({ type }) => type === 'ended'), 'the event on the other node');
      expect(two.events).toEqual([expect.objectContaining({ ...ended, remote: true })]);
      // A second one of ours, which the other hears, comes after whatever we might have heard of the first.
      await new Browser(two.url).post('/login', { user: 'bob' });
      const other = new Browser(two.url);
      await other.post('/login', { user: 'bob' });
      await other.post('/logout');
      await until(() => one.events.some(({ subject }) => subject === 'bob'), 'the event on the first node');
      const told = one.events.filter(({ type }) => type === 'ended');
      expect(told).toEqual([
        expect.objectContaining(ended),
        expect.objectContaining({ reason: 'logout', subject: 'bob', remote: true }),
      ]);
      expect(told[0]).not.toHaveProperty('remote');
    });

    it('keep the limit of sessions on all nodes together', async () => {
      const options = { maxSessions: 3 };
      const nodes = [
        await startNode(platform, server(), { table, options }),
        await startNode(platform, server(), { table, options }),
      ];
      const browsers = Array.from({ length: 20 }, (_, n) => new Browser(nodes[n % 2]!.url));
      const logins = await Promise.all(browsers.map((browser) => browser.post('/login', { user: 'alice' })));
      expect(logins.map(({ status }) => status)).toEqual(Array(20).fill(200));
      const seen = await Promise.all(browsers.map((browser) => browser.get('/me')));
      expect(seen.filter(({ status }) => status === 200)).toHaveLength(3);
      expect(seen.filter(({ status }) => status === 401)).toHaveLength(17);
    });

    it.each([30 * SECOND, -30 * SECOND])(
      'neither shorten nor lengthen a session where their clock is off by %d ms',
      async (off) => {
        const { url } = await startNode(platform, server(), { table });
        clockOff(off);
        const browser = new Browser(url);
        await browser.post('/login', { user: 'alice' });
        const [row] = await server().ask<{ age: number; rest: number }>(
          `SELECT extract(epoch FROM now()) * 1000 - created_at AS age,
             (extract(epoch FROM expires_at - now()) * 1000)::double precision AS rest FROM ${table}`,
        );
        expect(Math.abs(row!.age)).toBeLessThan(5 * SECOND);
        expect(Math.abs(row!.rest - 30 * MINUTE)).toBeLessThan(5 * SECOND);
        // As if so much time had passed since; the row stays, so that the record's times decide.
        const unseenFor = (time: number) =>
          server().ask(`UPDATE ${table} SET last_seen_at = extract(epoch FROM now()) * 1000 - $1`, [time]);
        await unseenFor(30 * MINUTE - 10 * SECOND);
        expect((await browser.get('/poll')).status).toBe(200);
        await unseenFor(30 * MINUTE + SECOND);
        expect((await browser.get('/poll')).status).toBe(401);
      },
    );

    it.each<[string, string]>([
      ['another version wrote', 'format = 99'],
      ['is cut off', `data = '[]'`],
      ['holds broken JSON', `data = '{"cart": "{\\"items\\": [1,"}'`],
    ])('end a session whose record %s, with an event and no 500', async (_, damage) => {
      const { url, events } = await startNode(platform, server(), { table });
      const browser = new Browser(url);
      const { id } = (await browser.post('/login', { user: 'alice' })).json();
      await server().ask(`UPDATE ${table} SET ${damage}`);
      const { cookie } = browser;
      const answer = await browser.get('/look');
      expect([200, 401]).toContain(answer.status);
      expect(answer.body).not.toContain('alice');
      expect(browser.cookie).toBe('');
      expect(events).toContainEqual(expect.objectContaining({ type: 'ended', id, reason: 'corrupt' }));
      expect((await browser.get('/me', { cookie })).status).toBe(401);
      expect(await server().ask(`SELECT FROM ${table}`)).toEqual([]);
    });
  });
});
