import type { SessionStore } from 'nest-sessions';
import { RedisStore, type RedisClient } from 'nest-sessions/redis';
import { closeAll } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, ioRedis, nodeRedis, nodeRedisCluster } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  startRedisCluster,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { aRecord, aSubject, subjectSpecs } from '../../support/subject-specs.js';

const HOUR = 3_600_000;

function bound(client: RedisClient): RedisStore {
  const store = new RedisStore({ client });
  store.bind({ clock: { now: () => Date.now() }, clockInjected: false, warn: () => undefined });
  return store;
}

describeWithRedis('subjects in a cluster', () => {
  let store: SessionStore;

  beforeAll(async () => {
    const ports = (await startRedisCluster()).map(({ port }) => port);
    store = bound(await nodeRedisCluster(ports));
  }, START_TIMEOUT);
  afterAll(closeClients);
  afterAll(stopServers);

  subjectSpecs(() => store);
});

describeWithRedis('subjects in Redis', () => {
  let server: RedisServer;
  let store: SessionStore;

  beforeAll(async () => (server = await startRedis()), START_TIMEOUT);
  afterAll(stopServers);

  describe.each([
    ['node-redis', () => nodeRedis(server.url)],
    ['ioredis', () => ioRedis(server.url)],
  ] as [string, () => Promise<RedisClient>][])('with %s', (_driver, connect) => {
    beforeAll(async () => (store = bound(await connect())));
    afterAll(closeClients);
    subjectSpecs(() => store);
  });

  describe('with what is special to them', () => {
    afterEach(async () => {
      await closeAll();
      closeClients();
    });

    /** A client that stops before one of its commands until it is let go. */
    const stopping = async (at: number) => {
      const client = await nodeRedis(server.url);
      let sent = 0;
      let reached: () => void;
      let letGo: () => void;
      const isReached = new Promise<void>((resolve) => (reached = resolve));
      const go = new Promise<void>((resolve) => (letGo = resolve));
      const stopped = new Proxy(client, {
        get: (target, name) => {
          if (name !== 'sendCommand') return Reflect.get(target, name) as unknown;
          return async (args: string[], options?: object) => {
            if (sent++ >= at) {
              reached();
              await go;
            }
            return target.sendCommand(args, options);
          };
        },
      });
      return { client: stopped as unknown as RedisClient, isReached, letGo: letGo! };
    };

    /** Makes a mark and lists, while a create stands still before a command, or is done. */
    const revokedMeanwhile = async (at: number, limit: Parameters<RedisStore['create']>[2]) => {
      const other = bound(await nodeRedis(server.url));
      const { client, isReached, letGo } = await stopping(at);
      const record = aRecord({ subject: aSubject() });
      const created = bound(client).create(record, HOUR, limit, 4_000);
      await Promise.race([isReached, created]);
      await other.markRevoked(record.subject!, 5_000, HOUR);
      const listed = (await other.list(record.subject!)).map(({ id }) => id);
      letGo();
      const { outcome } = await created;
      return {
        outcome,
        listed: listed.includes(record.id),
        alive: (await other.load(record.id)) !== undefined,
      };
    };

    const limit = { max: 3, tombstoneTtl: HOUR };
    const limits = [
      undefined,
      { ...limit, onExceeded: 'evict-oldest' },
      { ...limit, onExceeded: 'reject' },
    ] as const;

    it.each(limits)('refuse or list a login, wherever it is when all is revoked (%j)', async (rest) => {
      const outcomes = new Set<string>();
      for (const known of ['all scripts', 'the one of the mark alone']) {
        for (let at = 0; at < 8; at++) {
          if (known !== 'all scripts') {
            await server.cli('SCRIPT', 'FLUSH');
            await bound(await nodeRedis(server.url)).evict(aSubject(), {
              ...limit,
              onExceeded: 'evict-oldest',
            });
          }
          const { outcome, listed, alive } = await revokedMeanwhile(at, rest);
          outcomes.add(outcome);
          if (outcome === 'created') expect([known, at, listed, alive]).toEqual([known, at, true, true]);
          else expect([known, at, outcome, alive]).toEqual([known, at, 'revoked', false]);
        }
      }
      expect([...outcomes].sort()).toEqual(['created', 'revoked']);
    });

    it('are kept in one key each, which lives for as long as the mark or a session', async () => {
      const one = bound(await nodeRedis(server.url));
      const [subject, other] = [aSubject(), aSubject()];
      const left = async (name: string) => Number(await server.cli('PTTL', `nest-sessions:u:${name}`));
      await one.markRevoked(subject, 5_000.5, HOUR);
      expect(await server.cli('ZSCORE', `nest-sessions:u:${subject}`, '!revoked')).toBe('5000500');
      const record = aRecord({ subject });
      await one.create(record, 1_000);
      await one.destroy(record.id);
      expect(await left(subject)).toBeGreaterThan(HOUR / 2);
      await one.create(aRecord({ subject: other }), HOUR);
      await one.markRevoked(other, 5_000, 1);
      expect(await left(other)).toBeGreaterThan(HOUR / 2);
      await one.close();
    });

    it('list the page in the order of arrival where some still await admission, and each once', async () => {
      const one = bound(await nodeRedis(server.url));
      const subject = aSubject();
      const key = `nest-sessions:u:${subject}`;
      const records = Array.from({ length: 6 }, () => aRecord({ subject }));
      for (const record of records) await one.create(record, HOUR);
      const ids = records.map(({ id }) => id);
      // Written, but not admitted: whoever wanted to do that was killed. And two that came at the same time.
      for (const n of [1, 4]) {
        await server.cli('ZADD', key, `-${await server.cli('ZSCORE', key, ids[n]!)}`, ids[n]!);
      }
      await server.cli('ZADD', key, await server.cli('ZSCORE', key, ids[2]!), ids[3]!);
      for (let limit = 1; limit <= 7; limit++) {
        const listed = (await one.list(subject, limit)).map(({ id }) => id);
        expect(new Set(listed)).toEqual(new Set(ids.slice(0, limit)));
        expect(listed).toHaveLength(Math.min(limit, 6));
      }
      const rejecting = { max: 7, onExceeded: 'reject', tombstoneTtl: HOUR } as const;
      expect(await one.create(aRecord({ subject }), HOUR, rejecting)).toMatchObject({ outcome: 'created' });
      expect(await one.create(aRecord({ subject }), HOUR, rejecting)).toEqual({ outcome: 'rejected' });
      await one.close();
    });

    describe('with 60,000 sessions', () => {
      const COUNT = 60_000;
      /** As many sessions like one that there is, each a millisecond younger than the next. */
      const COPY = `
        local head = redis.call('HGETALL', KEYS[1])
        local top = tonumber(redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2])
        for i = 1, ${COUNT} - 1 do
          local id = 'copy-' .. i
          redis.call('HSET', KEYS[3] .. id, unpack(head))
          redis.call('PEXPIRE', KEYS[3] .. id, ${HOUR})
          redis.call('ZADD', KEYS[2], string.format('%.0f', top - 100000000 - i * 1000), id)
        end`;

      const copied = async (subject: string, id: string) => {
        const [session, index] = [`nest-sessions:s:${id}`, `nest-sessions:u:${subject}`];
        await server.cli('EVAL', COPY, '3', session, index, 'nest-sessions:s:');
        expect(await server.cli('ZCARD', index)).toBe(String(COUNT));
      };

      const counting = async () => {
        const client = await nodeRedis(server.url);
        const seen = { commands: 0 };
        const counted = new Proxy(client, {
          get: (target, name) =>
            name === 'sendCommand'
              ? (...args: Parameters<typeof target.sendCommand>) => {
                  seen.commands++;
                  return target.sendCommand(...args);
                }
              : (Reflect.get(target, name) as unknown),
        });
        return { one: bound(counted), seen };
      };

      // One adapter will do: it has no part in this.
      it('end all of them, each call to the store within its time', async () => {
        const app = await startOverRedis('fastify', { client: await ioRedis(server.url) });
        const browser = app.browser();
        const subject = aSubject();
        const { id } = (await browser.post('/login', { user: subject })).json<{ id: string }>();
        await copied(subject, id);
        expect((await browser.post('/logout-everywhere')).status).toBe(200);
        const ended = app.events.filter((event) => event.type === 'ended' && event.subject === subject);
        expect(ended).toHaveLength(COUNT);
        expect((await browser.get('/me')).status).toBe(401);
        expect(await app.service.list(subject)).toEqual([]);
      }, 300_000);

      it('read no more than they need to list a page, to make room, or to reject', async () => {
        const { one, seen } = await counting();
        const subject = aSubject();
        const record = aRecord({ subject });
        await one.create(record, HOUR);
        await copied(subject, record.id);
        const spent = async (work: () => Promise<unknown>): Promise<number> => {
          const before = seen.commands;
          await work();
          return seen.commands - before;
        };
        expect(await spent(() => one.list(subject, 10))).toBeLessThan(20);
        const rejecting = { max: 10, onExceeded: 'reject', tombstoneTtl: HOUR } as const;
        expect(await spent(() => one.create(aRecord({ subject }), HOUR, rejecting))).toBeLessThan(20);
        const evicting = { max: 10, onExceeded: 'evict-oldest', tombstoneTtl: HOUR } as const;
        expect(await spent(() => one.create(aRecord({ subject }), HOUR, evicting))).toBeLessThan(1_200);
        expect(await one.load(`copy-${COUNT - 1}`)).toEqual({ ended: 'evicted' });
        expect(await one.load('copy-1')).toMatchObject({ record: { subject } });
        await one.close();
        // node-redis drops commands that wait to be sent for 5 seconds, which so many may do on a slow machine.
        const other = bound(await ioRedis(server.url));
        expect(await other.list(subject)).toHaveLength(COUNT - 499);
        await other.close();
      }, 300_000);
    });
  });
});
