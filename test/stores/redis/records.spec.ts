import { Controller, Get } from '@nestjs/common';
import { Session, type SessionEvent } from 'nest-sessions';
import type { LoadedRecord, PredecessorSecret, RecordDelta } from 'nest-sessions/store';
import { RedisStore, type RedisClient } from 'nest-sessions/redis';
import { closeAll, platforms } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import { closeClients, ioRedis, nodeRedis } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

const PREVIOUS = ['ph', 'x', 'pu', '5', 'po', '1', 'pn', 'n'];

/** What can have happened to a record, as commands on its key. */
const DAMAGES: [string, (key: string) => string[][]][] = [
  ['another version wrote it', (key) => [['HSET', key, 'v', '2']]],
  ['it has no version', (key) => [['HDEL', key, 'v']]],
  ['it was cut short', (key) => [['HDEL', key, 'l', 't', 'm']]],
  ['its secret is missing', (key) => [['HDEL', key, 'h']]],
  ['its revision is no number', (key) => [['HSET', key, 'r', 'many']]],
  ['a time of it is no number', (key) => [['HSET', key, 'c', 'yesterday']]],
  ['the JSON of its factors is broken', (key) => [['HSET', key, 'f', '{"pwd":']]],
  ['its factors are no times', (key) => [['HSET', key, 'f', '{"pwd":"now"}']]],
  ['its factors are a list', (key) => [['HSET', key, 'f', '[1]']]],
  ['its device is no object', (key) => [['HSET', key, 'd', 'null']]],
  ['half of its predecessor is missing', (key) => [['HSET', key, 'ph', 'x', 'pu', '5']]],
  ['its predecessor has no hash', (key) => [['HSET', key, 'pe', '1']]],
  ['it is not known whose epoch that is', (key) => [['HSET', key, ...PREVIOUS, 'pe', '1']]],
  ...Object.entries({
    'is pending, but not quite': ['pp', '0'],
    'has an epoch below zero': ['pe', '-1'],
    'has half an epoch': ['pe', '0.5'],
    'has an epoch that is written otherwise': ['pe', '01'],
    'has an epoch beyond what can be counted': ['pe', '9007199254740992'],
    'has earlier ones in broken JSON': ['pr', '{"earlier":'],
    'has earlier ones that are no list': ['pr', '{"earlier":{}}'],
    'has an earlier one without a hash': ['pr', '{"earlier":[{"until":5}]}'],
    'has an earlier one with a grace that is a text': ['pr', '{"earlier":[{"hash":"x","until":"5"}]}'],
    'has an earlier one that is null': ['pr', '{"earlier":[null]}'],
    'has others that are a list': ['pr', '{"rest":[]}'],
  }).map(([what, field]): [string, (key: string) => string[][]] => [
    `its predecessor ${what}`,
    (key) => [['HSET', key, ...PREVIOUS, 'ps', 'x', ...field]],
  ]),
  [
    'something else took its key',
    (key) => [
      ['DEL', key],
      ['SET', key, 'a text'],
    ],
  ],
];

@Controller()
class CartController {
  @Get('cart')
  cart(@Session() session: Session<{ cart: unknown }>) {
    return { cart: session.data.cart };
  }
}

describeWithRedis('records in Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  }, START_TIMEOUT);
  beforeEach(() => server.cli('FLUSHALL'));
  afterEach(async () => {
    await closeAll();
    closeClients();
  });
  afterAll(stopServers);

  describe.each(platforms)('on %s', (platform) => {
    const loggedIn = async () => {
      const client = await nodeRedis(server.url);
      const app = await startOverRedis(platform, { client, controllers: [CartController] });
      const browser = app.browser();
      await browser.post('/login', { user: 'alice' });
      const { id } = (await browser.get('/look')).json<{ id: string }>();
      return { ...app, browser, id, key: `nest-sessions:s:${id}` };
    };
    const corruption = (events: SessionEvent[], id: string) =>
      events.filter((event) => event.type === 'ended' && event.reason === 'corrupt' && event.id === id);

    it.each(DAMAGES)('end as unreadable where %s', async (_what, damage) => {
      const { browser, id, key, events } = await loggedIn();
      for (const command of damage(key)) await server.cli(...command);
      expect((await browser.get('/me')).status).toBe(401);
      expect(browser.cookie).toBe('');
      expect(await server.cli('EXISTS', key)).toBe('0');
      expect(corruption(events, id)).toHaveLength(1);
      expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
      expect((await browser.get('/devices')).json<unknown>()).toHaveLength(1);
    });

    it('do not keep the others of the subject from being listed and ended', async () => {
      const { browser, key, url, service } = await loggedIn();
      const second = new (browser.constructor as new (url: string) => typeof browser)(url);
      await second.post('/login', { user: 'alice' });
      await server.cli('HSET', key, 'v', '2');
      expect((await second.get('/devices')).json<unknown>()).toHaveLength(1);
      await server.cli('DEL', key);
      await server.cli('SET', key, 'a text');
      expect((await second.get('/devices')).json<unknown>()).toHaveLength(1);
      expect(await service.revokeAll('alice')).toBe(1);
      expect((await second.get('/me')).status).toBe(401);
    });

    it('end where a value that is read is no JSON, and only when it is read', async () => {
      const { browser, id, key, events } = await loggedIn();
      await server.cli('HSET', key, ':cart', '{"items":');
      expect((await browser.get('/me')).status).toBe(200);
      expect(events.filter(({ type }) => type === 'ended')).toEqual([]);
      expect((await browser.get('/cart')).status).toBe(401);
      expect(browser.cookie).toBe('');
      expect(await server.cli('EXISTS', key)).toBe('0');
      expect(corruption(events, id)).toHaveLength(1);
    });

    it('hold no token, and what they hold opens nothing', async () => {
      const { browser, key } = await loggedIn();
      const [name, value] = browser.cookie.split('=') as [string, string];
      const secret = decodeURIComponent(value).split('.')[1]!;
      const dump = await server.cli('HGETALL', key);
      expect(dump).not.toContain(secret);
      const [hash, id] = [await server.cli('HGET', key, 'h'), key.split(':').pop()];
      const forged = value.replace(secret, hash);
      expect(forged).toContain(id);
      expect((await browser.get('/me', { cookie: `${name}=${forged}` })).status).toBe(401);
    });
  });

  describe('in time', () => {
    const keys = async () => Number(await server.cli('DBSIZE'));

    it('leave no key of 10,000 expired sessions', async () => {
      const { store, record } = await bound(await ioRedis(server.url));
      for (let i = 0; i < 10; i++) {
        const some = Array.from({ length: 1_000 }, (_, n) =>
          record({ subject: n % 2 ? `user ${n}` : undefined }),
        );
        await Promise.all(some.map(async (one) => store.create(one, 1_500)));
      }
      expect(await keys()).toBeGreaterThan(500);
      await until(async () => (await keys()) === 0, 'an empty server', 30_000);
    }, 60_000);

    it('leave no key after a logout either', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const some = Array.from({ length: 50 }, (_, i) => record({ subject: `user ${i % 5}` }));
      await Promise.all(some.map(async (one) => store.create(one, 60_000)));
      expect(await keys()).toBe(55);
      await Promise.all(some.map(async ({ id }) => store.destroy(id)));
      await until(async () => (await keys()) === 0, 'an empty server');
    });

    it('keep the index of a subject from growing with sessions that are over', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const subject = 'a robot';
      const index = `nest-sessions:u:${subject}`;
      const lasting = record({ subject });
      await store.create(lasting, 60_000);
      // Sessions that ran out long ago, without a word to the index.
      const old = Array.from({ length: 62 }, (_, i) => [String(1_000 + i), `expired-${i}`]).flat();
      await server.cli('ZADD', index, ...old);
      expect(await server.cli('ZCARD', index)).toBe('63');
      await store.create(record({ subject }), 60_000);
      await until(async () => (await server.cli('ZCARD', index)) === '2', 'a sweep');
      expect(await store.list(subject)).toHaveLength(2);
    });

    it('are not swept out of the index while they are being created', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const { id } = record({ subject: 'alice' });
      const seconds = Number((await server.cli('TIME')).split('\n')[0]);
      const index = 'nest-sessions:u:alice';
      await server.cli('ZADD', index, String((seconds - 30) * 1e6), id, String((seconds - 90) * 1e6), 'old');
      expect(await store.list('alice')).toEqual([]);
      await until(async () => (await server.cli('ZRANGE', index, '0', '-1')) === id, 'a sweep');
      await store.create(record({ id, subject: 'alice' }), 60_000);
      expect((await store.list('alice')).map((one) => one.id)).toEqual([id]);
    });

    it('keep their subject’s index alive for as long as they roll', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const one = record({ subject: 'alice' });
      await store.create(one, 1_000);
      await store.commit(one.id, { epoch: 0, ttl: 60_000 });
      // Nobody waits for the index.
      const left = async () => Number(await server.cli('PTTL', 'nest-sessions:u:alice'));
      await until(async () => (await left()) > 100_000, 'a longer life');
    });

    describe('and their index, which not every roll extends', () => {
      const INDEX = 'nest-sessions:u:alice';
      const MINUTE = 60_000;
      const rolled = { epoch: 0, ttl: 30 * MINUTE };

      const indexed = async () => {
        const { store, record } = await bound(await nodeRedis(server.url));
        const one = record({ subject: 'alice' });
        await store.create(one, rolled.ttl);
        const key = `nest-sessions:s:${one.id}`;
        /** As if the session had been entered in the index so many minutes ago. */
        const age = async (minutes: number) => {
          const [at, ttl] = (await server.cli('HGET', key, 'i')).split('/').map(Number) as [number, number];
          await server.cli('HSET', key, 'i', `${at - minutes * MINUTE}/${ttl}`);
          const left = Number(await server.cli('PTTL', INDEX)) - minutes * MINUTE;
          if (left > 0) await server.cli('PEXPIRE', INDEX, String(left));
          else await server.cli('DEL', INDEX);
        };
        const roll = async (delta: RecordDelta = rolled) => {
          await store.commit(one.id, delta);
          // What nobody waits for.
          await store.close();
        };
        const left = async () => Math.round(Number(await server.cli('PTTL', INDEX)) / MINUTE);
        return { store, one, key, age, roll, left };
      };

      it('extends it by the first roll after a quarter of the time to live', async () => {
        const { age, roll, left } = await indexed();
        expect(await left()).toBe(90);
        await age(7);
        await roll();
        expect(await left()).toBe(83);
        await age(1);
        await roll();
        expect(await left()).toBe(90);
      });

      it('extends it within ten minutes for a session that lives for long', async () => {
        const { age, roll, left } = await indexed();
        await roll({ epoch: 0, ttl: 1_000 * MINUTE });
        await age(9);
        await roll({ epoch: 0, ttl: 1_000 * MINUTE });
        expect(await left()).toBe(2_991);
        await age(2);
        await roll({ epoch: 0, ttl: 1_000 * MINUTE });
        expect(await left()).toBe(3_000);
      });

      it('brings an index back that was lost, with the next roll that extends it', async () => {
        const { store, age, roll } = await indexed();
        await server.cli('DEL', INDEX);
        await age(8);
        await roll();
        expect(await store.list('alice')).toHaveLength(1);
      });

      it('extends it at once for a much longer time to live, and for a record of a version that notes nothing', async () => {
        const { key, roll, left, age } = await indexed();
        // A little more is no more than what it takes to make a session.
        await roll({ epoch: 0, ttl: 31 * MINUTE });
        expect(await left()).toBe(90);
        await roll({ epoch: 0, ttl: 34 * MINUTE });
        expect(await left()).toBe(102);
        await age(20);
        await server.cli('HDEL', key, 'i');
        await roll();
        expect(await left()).toBe(90);
        await age(20);
        await server.cli('HSET', key, 'i', 'something else');
        await roll();
        expect(await left()).toBe(90);
      });

      it('keeps it for as long as the session, although an extension fails and every roll comes at the last moment', async () => {
        const { store, one, age, roll } = await indexed();
        const failing = new Proxy(await nodeRedis(server.url), {
          get: (target, name) =>
            name === 'sendCommand'
              ? (args: string[]) =>
                  args[3] === INDEX ? Promise.reject(new Error('lost')) : target.sendCommand(args)
              : (Reflect.get(target, name) as unknown),
        });
        const { store: unlucky } = await bound(failing);
        // Just before it is due; the one that is due fails; the next one comes just before another is due.
        await age(7.4);
        await roll();
        await age(29.9);
        await unlucky.commit(one.id, rolled);
        await unlucky.close();
        await age(7.4);
        await roll();
        await age(29.9);
        expect(await store.list('alice')).toHaveLength(1);
        await roll();
        await age(80);
        expect(await store.list('alice')).toHaveLength(1);
      });

      it('writes no index entry for a session without a subject', async () => {
        const { store, record } = await bound(await nodeRedis(server.url));
        const one = record();
        await store.create(one, MINUTE);
        await store.commit(one.id, { epoch: 0, ttl: MINUTE });
        expect(await server.cli('HEXISTS', `nest-sessions:s:${one.id}`, 'i')).toBe('0');
        expect(await server.cli('DBSIZE')).toBe('1');
      });
    });

    it('have a time to live from the first moment', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const one = record({ subject: 'alice', data: { a: '1' } });
      await store.create(one, 60_000);
      await store.destroy(record().id, { reason: 'evicted', ttl: 60_000 });
      const other = record();
      await store.create(other, 60_000);
      await store.destroy(other.id, { reason: 'evicted', ttl: 60_000 });
      const names = (await server.cli('KEYS', '*')).split('\n');
      expect(names).toHaveLength(3);
      for (const name of names) expect(Number(await server.cli('PTTL', name))).toBeGreaterThan(0);
    });

    it('take commands that a driver sent again for the same ones', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const one = record({ subject: 'alice' });
      await store.create(one, 60_000);
      expect(await store.create(one, 60_000)).toMatchObject({ outcome: 'created' });
      for (const [honoured, epoch] of [
        [true, 0],
        [false, 0],
      ] as const) {
        const { record: now } = (await store.load(one.id)) as LoadedRecord;
        const from = now.secretHash;
        const previous = {
          hash: from,
          until: Date.now(),
          honoured,
          nonce: 'n',
          ...(!honoured && { epoch: 1 }),
        };
        const delta = { epoch, rotate: { from, to: `after ${from}`, previous }, ttl: 60_000 };
        expect(await store.commit(one.id, delta)).toEqual({ outcome: 'saved', revision: 0 });
        expect(await store.commit(one.id, delta)).toEqual({ outcome: 'saved', revision: 0 });
        expect(await store.load(one.id)).toMatchObject({ record: { secretHash: `after ${from}`, previous } });
      }
      // Another one of the former epoch is none of these.
      expect(await store.commit(one.id, { epoch: 0, ttl: 60_000 })).toEqual({ outcome: 'gone' });
    });

    it('are read by the former version, which leaves behind what it does not know, and that is left out', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const previous: PredecessorSecret = {
        ...{ hash: 'before', until: 5.5, honoured: false, nonce: 'n', pending: true, epoch: 3 },
        earlier: [{ hash: 'x' }],
        rest: { until: 7 },
      };
      const one = record({ previous });
      const key = `nest-sessions:s:${one.id}`;
      await store.create(one, 60_000);
      expect(await store.load(one.id)).toMatchObject({ record: one });
      const fields = await server.cli('HMGET', key, 'ph', 'pu', 'po', 'pn', 'ps', 'pp', 'pe', 'pr');
      const older = '{"earlier":[{"hash":"x"}],"rest":{"until":7}}';
      expect(fields.split('\n')).toEqual(['before', '5.5', '0', 'n', 'before', '1', '3', older]);
      // A rotation of its own.
      await server.cli('HSET', key, 'h', 'next', 'ph', one.secretHash, 'pu', '9', 'po', '1', 'pn', 'm');
      const { record: rotated } = (await store.load(one.id)) as LoadedRecord;
      expect(rotated.previous).toEqual({ hash: one.secretHash, until: 9, honoured: true, nonce: 'm' });
      expect(await store.commit(one.id, { epoch: 3 })).toEqual({ outcome: 'gone' });
      expect(await store.commit(one.id, { epoch: 0 })).toMatchObject({ outcome: 'saved' });
      // And one of ours after that, of which nothing is left that it does not say.
      const rotate = { from: 'next', to: 'last', previous: { ...previous, hash: 'next' } };
      await store.commit(one.id, { epoch: 0, rotate });
      expect(((await store.load(one.id)) as LoadedRecord).record.previous).toEqual(rotate.previous);
      const plain = { hash: 'last', until: 9, honoured: true, nonce: 'k' };
      await store.commit(one.id, { epoch: 3, rotate: { from: 'last', to: 'plain', previous: plain } });
      expect(((await store.load(one.id)) as LoadedRecord).record.previous).toEqual(plain);
      expect(await server.cli('HKEYS', key)).not.toMatch(/^p[sper]$/m);
    });

    it('count an update once that a driver sent twice', async () => {
      const client = await nodeRedis(server.url);
      const twice = new Proxy(client, {
        get: (target, name) =>
          name === 'sendCommand'
            ? async (args: string[]) => (await target.sendCommand(args), target.sendCommand(args))
            : (Reflect.get(target, name) as unknown),
      });
      const { store, record } = await bound(twice);
      const one = record();
      await store.create(one, 60_000);
      const delta = { epoch: 0, revision: 0, set: { n: '1' } };
      expect(await store.commit(one.id, delta)).toEqual({ outcome: 'saved', revision: 1 });
      expect(await store.commit(one.id, delta)).toEqual({ outcome: 'conflict' });
      expect(await store.load(one.id)).toMatchObject({ record: { revision: 1, data: { n: '1' } } });
      const previous = { hash: one.secretHash, until: 5, honoured: false, nonce: 'n', epoch: 1 };
      const regenerate = { ...delta, revision: 1, rotate: { from: one.secretHash, to: 'next', previous } };
      expect(await store.commit(one.id, regenerate)).toEqual({ outcome: 'saved', revision: 2 });
      expect(await store.load(one.id)).toMatchObject({
        record: { revision: 2, secretHash: 'next', previous },
      });
    });

    it.each([
      ['once, also if others wrote meanwhile', 31, 'saved'],
      ['twice where more others wrote than a session remembers', 32, 'conflict'],
    ])('count an update that a driver sent again %s', async (_, others, outcome) => {
      const client = await nodeRedis(server.url);
      let meanwhile: (() => Promise<void>) | undefined;
      const resending = new Proxy(client, {
        get: (target, name) =>
          name === 'sendCommand'
            ? async (args: string[]) => {
                const reply = await target.sendCommand(args);
                const work = meanwhile;
                meanwhile = undefined;
                if (!work) return reply;
                await work();
                return target.sendCommand(args);
              }
            : (Reflect.get(target, name) as unknown),
      });
      const { store, record } = await bound(resending);
      const one = record();
      await store.create(one, 60_000);
      for (let revision = 0; revision < 40; revision++)
        await store.commit(one.id, { epoch: 0, revision, set: { n: String(revision) } });
      meanwhile = async () => {
        for (let i = 0; i < others; i++)
          await store.commit(one.id, { epoch: 0, revision: 41 + i, set: { n: String(41 + i) } });
        // What is conditional on nothing takes no place among them.
        for (let i = 0; i < 40; i++) await store.commit(one.id, { epoch: 0, set: { other: String(i) } });
      };
      const resent = await store.commit(one.id, { epoch: 0, revision: 40, set: { n: '40' } });
      expect(resent).toEqual({ outcome, ...(outcome === 'saved' && { revision: 81 + others }) });
      const { record: last } = (await store.load(one.id)) as LoadedRecord;
      expect(last).toMatchObject({ revision: 81 + others, data: { n: String(40 + others), other: '39' } });
    });

    it('are on their way to the index no longer once the store has closed', async () => {
      const { store, record } = await bound(await nodeRedis(server.url));
      const one = record({ subject: 'alice' });
      await store.create(one, 1_000);
      await store.commit(one.id, { epoch: 0, ttl: 60_000 });
      await store.close();
      expect(Number(await server.cli('PTTL', 'nest-sessions:u:alice'))).toBeGreaterThan(100_000);
      await store.destroy(one.id);
      await store.close();
      expect(await server.cli('EXISTS', 'nest-sessions:u:alice')).toBe('0');
    });
  });

  describe('and clients', () => {
    it.each([
      ['nothing', undefined],
      ['an object of another kind', { get: () => undefined, set: () => undefined }],
      ['a URL', 'redis://127.0.0.1'],
    ])('refuse %s in place of a client, with the remedy', (_what, client) => {
      expect(() => new RedisStore({ client: client as unknown as RedisClient })).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTIONS',
          message: expect.stringContaining('createClient()') as string,
        }),
      );
    });

    it('warn of one that is not connected', async () => {
      const client = await nodeRedis(server.url);
      client.destroy();
      const warnings: string[] = [];
      bindTo(new RedisStore({ client }), (message) => warnings.push(message));
      expect(warnings).toEqual([expect.stringContaining('await client.connect()')]);
    });
  });
});

function bindTo(store: RedisStore, warn: (message: string) => void): RedisStore {
  store.bind({ clock: { now: () => Date.now() }, clockInjected: false, warn });
  return store;
}

let made = 0;

/** A store and records for it. */
async function bound(client: RedisClient) {
  const store = bindTo(new RedisStore({ client }), () => undefined);
  const record = (rest: Partial<Parameters<RedisStore['create']>[0]> = {}) => {
    const now = Date.now();
    const times = { createdAt: now, startedAt: now, lastSeenAt: now, rotatedAt: now };
    const fixed = { id: `record-${++made}`, secretHash: `hash-${made}`, revision: 0, remember: false };
    return { ...fixed, ...times, factors: {}, data: {}, ...rest };
  };
  return Promise.resolve({ store, record });
}
