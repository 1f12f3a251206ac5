import { jest } from '@jest/globals';
import { PostgresStore } from 'nest-sessions/postgres';
import { Browser } from '../../support/browser.js';
import { closeAll } from '../../support/platforms.js';
import { describePostgres } from '../../support/postgres.js';
import { startNode } from '../../support/postgres-nodes.js';
import { aRecord, aSubject, subjectSpecs } from '../../support/subject-specs.js';

const HOUR = 3_600_000;

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('subjects in PostgreSQL', (server) => {
  let store: PostgresStore;

  describe('where the database isolates strictly', () => {
    beforeAll(async () => {
      const options = '-c default_transaction_isolation=serializable';
      store = new PostgresStore({ pool: server().pool({ options }), table: 'strict' });
      await store.migrate();
    });
    subjectSpecs(() => store);
  });

  describe('with the defaults', () => {
    beforeAll(async () => {
      store = new PostgresStore({ pool: server().pool() });
      await store.migrate();
    });
    afterEach(closeAll);

    subjectSpecs(() => store);

    /** A store whose pool stops before one of its statements until it is let go. */
    const stopping = (at: number) => {
      const pool = server().pool();
      let asked = 0;
      let reached: () => void;
      let letGo: () => void;
      const isReached = new Promise<void>((resolve) => (reached = resolve));
      const go = new Promise<void>((resolve) => (letGo = resolve));
      const held = <T extends object>(target: T): T =>
        new Proxy(target, {
          get: (of, name) => {
            const value = Reflect.get(of, name) as unknown;
            if (name === 'connect') return async () => held(await pool.connect());
            if (typeof value !== 'function') return value;
            if (name !== 'query') return value.bind(of) as unknown;
            return async (query: unknown) => {
              if (asked++ === at) {
                reached();
                await go;
              }
              return (value as (query: unknown) => Promise<unknown>).call(of, query);
            };
          },
        });
      return { stopped: new PostgresStore({ pool: held(pool) }), isReached, letGo: letGo! };
    };

    const limit = { max: 3, tombstoneTtl: HOUR };

    it.each([
      undefined,
      { ...limit, onExceeded: 'evict-oldest' },
      { ...limit, onExceeded: 'reject' },
    ] as const)('refuse or list a login, wherever it is when all is revoked (%j)', async (rest) => {
      const outcomes = new Set<string>();
      for (let at = 0; at < 8; at++) {
        const { stopped, isReached, letGo } = stopping(at);
        const record = aRecord({ subject: aSubject() });
        const created = stopped.create(record, HOUR, rest, 4_000);
        await Promise.race([isReached, created]);
        await store.markRevoked(record.subject!, 5_000, HOUR);
        const listed = (await store.list(record.subject!)).some(({ id }) => id === record.id);
        letGo();
        const { outcome } = await created;
        outcomes.add(outcome);
        const alive = (await store.load(record.id)) !== undefined;
        if (outcome === 'created') expect([at, listed, alive]).toEqual([at, true, true]);
        else expect([at, outcome, alive]).toEqual([at, 'revoked', false]);
      }
      expect([...outcomes].sort()).toEqual(['created', 'revoked']);
    });

    it('keep a mark in a row that is no session, and that is purged when it expires', async () => {
      const subject = aSubject();
      await store.markRevoked(subject, 5_000.5, HOUR);
      const rows = await server().ask<{ id: string; created_at: number }>(
        `SELECT id, created_at FROM nest_sessions WHERE departed = 'revoked' AND created_at = 5000.5`,
      );
      expect(rows).toHaveLength(1);
      const { id } = rows[0]!;
      expect(id).not.toContain(subject);
      expect(await store.load(id)).toBeUndefined();
      expect(await store.destroy(id)).toBeUndefined();
      expect(await store.commit(id, { epoch: 0, ttl: HOUR })).toEqual({ outcome: 'gone' });
      await server().ask(`UPDATE nest_sessions SET expires_at = now() WHERE id = $1`, [id]);
      expect(await store.create(aRecord({ subject }), HOUR, undefined, 1)).toMatchObject({
        outcome: 'created',
      });
      await store.sweep();
      expect(await server().ask('SELECT FROM nest_sessions WHERE id = $1', [id])).toEqual([]);
    });

    it('lists a full page where the first rows cannot be read', async () => {
      const subject = aSubject();
      for (let i = 0; i < 6; i++) await store.create(aRecord({ subject, startedAt: i }), HOUR);
      await server().ask(`UPDATE nest_sessions SET factors = '[]' WHERE subject = $1 AND created_at < 3`, [
        subject,
      ]);
      expect((await store.list(subject, 2)).map(({ startedAt }) => startedAt)).toEqual([3, 4]);
      expect((await store.list(subject, 5)).map(({ startedAt }) => startedAt)).toEqual([3, 4, 5]);
    });

    it('ends 60,000 sessions of a subject, each call to the store within its time', async () => {
      // Less than all calls together take, and enough for one on a slow machine.
      const options = { storeTimeout: '5s' } as const;
      // One adapter will do: it has no part in this.
      const { url, events } = await startNode('fastify', server(), { table: 'many', options });
      const browser = new Browser(url);
      const subject = aSubject();
      await browser.post('/login', { user: subject });
      await server().ask(
        `INSERT INTO many SELECT 'copy-' || n, format, departed, subject, secret_hash, previous, revision, factors,
           created_at - n, last_seen_at, rotated_at, persistent, device, data, expires_at
         FROM many, generate_series(1, 59999) AS n`,
      );
      expect((await browser.post('/logout-everywhere')).status).toBe(200);
      expect(events.filter((event) => event.type === 'ended' && event.subject === subject)).toHaveLength(
        60_000,
      );
      expect((await browser.get('/me')).status).toBe(401);
      expect(await server().ask('SELECT FROM many WHERE departed IS NULL')).toEqual([]);
    }, 300_000);
  });
});
