import { jest } from '@jest/globals';
import pg from 'pg';
import { PostgresListener } from '../../../lib/stores/postgres/connection/listener.js';
import { PostgresStore } from 'nest-sessions/postgres';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { startNode, type PostgresNode } from '../../support/postgres-nodes.js';
import { aRecord, aSubject } from '../../support/subject-specs.js';
import { until } from '../../support/until.js';

const HOUR = 3_600_000;

// The server is started first.
jest.setTimeout(60_000);

/** Clients whose connection breaks in the same tick in which it was opened. What is thrown would end the process. */
function brokenAtOnce(thrown: unknown[]): typeof pg.Client {
  return class extends pg.Client {
    override connect(...args: unknown[]): never {
      const [opened] = args as [(error?: Error) => void];
      super.connect((error: Error | undefined) => {
        opened(error);
        try {
          if (!error) this.emit('error', new Error('terminating connection due to administrator command'));
        } catch (failure) {
          thrown.push(failure);
        }
      });
      return undefined as never;
    }
  };
}

describePostgres('PostgreSQL and logins that fail', (server) => {
  afterEach(closeAll);

  it('is no crash where a connection breaks as soon as it is open', async () => {
    const thrown: unknown[] = [];
    const pool = server().pool({ Client: brokenAtOnce(thrown) });
    let opened = 0;
    pool.on('connect', () => opened++);
    const table = 'broken_at_once';
    await new PostgresStore({ pool: server().pool(), table }).migrate();
    const store = new PostgresStore({ pool, table });
    const limit = { max: 3, onExceeded: 'evict-oldest', tombstoneTtl: HOUR } as const;
    const logins = Array.from({ length: 4 }, () =>
      store.create(aRecord({ subject: aSubject() }), HOUR, limit),
    );
    await Promise.all(logins);
    expect(opened).toBe(4);
    // One more than there are idle connections.
    const listeners = Array.from({ length: pool.idleCount + 1 }, () => {
      const listener = new PostgresListener(pool, 'broken_at_once', () => undefined);
      listener.start();
      return listener;
    });
    await until(() => opened === 5, 'the connection of a listener');
    for (const listener of listeners) listener.stop();
    expect(thrown).toEqual([]);
  });

  describe.each(platforms)('on %s', (platform) => {
    const evictions = ({ events }: PostgresNode) =>
      events.filter((event) => event.type === 'ended' && event.reason === 'evicted');

    async function nodeWith(table: string, storeTimeout: number) {
      const options = { maxSessions: 1, storeTimeout };
      const node = await startNode(platform, server(), { table: `${table}_${platform}`, options });
      const browser = new Browser(node.url);
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
      return { node, browser };
    }

    it('evicts no session for a login that the store finishes after the timeout', async () => {
      const { node, browser } = await nodeWith('late', 1_000);
      const locker = new pg.Client({ host: '127.0.0.1', port: server().port, user: 'postgres' });
      await locker.connect();
      await locker.query('BEGIN');
      // The login can read and not write.
      await locker.query(`LOCK TABLE late_${platform} IN SHARE MODE`);
      const login = await new Browser(node.url).post('/login', { user: 'alice' });
      expect(login.status).toBe(503);
      await locker.query('COMMIT');
      await locker.end();
      await until(() => node.statements.some((text) => text.startsWith('INSERT')), 'the rest of the login');
      await until(() => node.pool.totalCount - node.pool.idleCount === 1, 'the end of the login');
      expect((await browser.get('/me')).status).toBe(200);
      expect(evictions(node)).toEqual([]);
      const list = `SELECT id FROM late_${platform} WHERE subject = 'alice'`;
      expect(await server().ask(list)).toHaveLength(1);
    });

    it('emits the end of a session that was evicted for a login which failed afterwards', async () => {
      const { node, browser } = await nodeWith('failed', 20_000);
      const query = node.pool.query.bind(node.pool) as (query: { text: string }) => Promise<unknown>;
      const failing = ({ text, ...rest }: { text: string }) =>
        text.startsWith('SELECT EXISTS') ? Promise.reject(new Error('lost')) : query({ text, ...rest });
      Object.assign(node.pool, { query: failing });
      expect((await new Browser(node.url).post('/login', { user: 'alice' })).status).toBe(503);
      Object.assign(node.pool, { query });
      expect((await browser.get('/me')).status).toBe(401);
      expect(evictions(node)).toMatchObject([{ subject: 'alice' }]);
    });
  });
});
