import { jest } from '@jest/globals';
import type { Pool } from 'pg';
import { PostgresStore } from 'nest-sessions/postgres';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';

// The server is started first.
jest.setTimeout(60_000);

/** The first word of every statement that goes through a pool; each is one round trip. */
function statementsOf(pool: Pool): string[] {
  const sent: string[] = [];
  const textOf = (query: string | { text: string }) => (typeof query === 'string' ? query : query.text);
  const counted = <T extends { query: unknown }>(of: T): T => {
    const query = (of.query as (...args: unknown[]) => unknown).bind(of);
    return Object.assign(of, {
      query: (...args: [{ text: string }]) => {
        const text = textOf(args[0]).trim();
        sent.push(/\b(LISTEN|pg_notify|INSERT|UPDATE|DELETE|BEGIN|COMMIT)\b/.exec(text)?.[0] ?? 'SELECT');
        return query(...args);
      },
    });
  };
  // The pool's own query() connects as well, so clients alone are counted.
  pool.on('connect', counted);
  return sent;
}

describePostgres('statements a request', (server) => {
  afterEach(closeAll);

  describe.each(platforms)('on %s', (platform) => {
    it('are 1 for a read and 2 for a write, a roll, a rotation, a regenerate and a logout', async () => {
      const pool = server().pool();
      const sent = statementsOf(pool);
      const table = `trips_${platform}`;
      const store = new PostgresStore({ pool, table });
      await store.migrate();
      const { url } = await start(platform, {
        realClock: true,
        options: { store },
        controllers: [AppController],
      });
      const browser = new Browser(url);
      const spent = async (path: string, body?: unknown): Promise<string[]> => {
        const before = sent.length;
        const { status } = await (body === undefined ? browser.get(path) : browser.post(path, body));
        expect(status).toBe(200);
        // Nobody waits for what is told to other nodes.
        return sent.slice(before).filter((statement) => !['LISTEN', 'pg_notify'].includes(statement));
      };
      /** As if the session had been used, or its secret replaced, so many minutes ago. */
      const age = (column: 'last_seen_at' | 'rotated_at', minutes: number) =>
        server().ask(
          `UPDATE ${table} SET ${column} = ${column} - ${minutes * 60_000} WHERE departed IS NULL`,
        );

      expect(await spent('/untouched')).toEqual([]);
      // The time, the row, and the mark of a revocation, which may only be asked for after that.
      expect(await spent('/login', { user: 'alice' })).toEqual(['SELECT', 'INSERT', 'SELECT']);
      expect(await spent('/me')).toEqual(['SELECT']);
      expect(await spent('/data', { a: 1 })).toEqual(['SELECT', 'UPDATE']);
      await age('last_seen_at', 2);
      expect(await spent('/me')).toEqual(['SELECT', 'UPDATE']);
      await age('last_seen_at', 2);
      expect(await spent('/data', { a: 2 })).toEqual(['SELECT', 'UPDATE']);
      await age('rotated_at', 20);
      const { cookie } = browser;
      expect(await spent('/me')).toEqual(['SELECT', 'UPDATE']);
      expect(browser.cookie).not.toBe(cookie);
      // The first presentation of the renewed token confirms it.
      expect(await spent('/me')).toEqual(['SELECT', 'UPDATE']);
      expect(await spent('/me')).toEqual(['SELECT']);
      expect(await spent('/regenerate', { keep: ['a'] })).toEqual(['SELECT', 'UPDATE']);
      expect(await spent('/login', { user: 'alice' })).toEqual(['SELECT', 'INSERT', 'SELECT', 'UPDATE']);
      expect(await spent('/logout', {})).toEqual(['SELECT', 'DELETE']);
    });
  });
});
