import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { SessionEvent } from 'nest-sessions';
import { RedisStore } from 'nest-sessions/redis';
import { Browser } from '../../support/browser.js';
import { compiled, type Compiled } from '../../support/compiled.js';
import { closeAll, platforms, type PlatformName } from '../../support/platforms.js';
import { startOverRedis } from '../../support/redis-app.js';
import {
  closeClients,
  drivers,
  ioRedis,
  ioRedisCluster,
  nodeRedisCluster,
} from '../../support/redis-clients.js';
import type { NodeArguments, NodeMessage } from '../../support/redis-node.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  startRedisCluster,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const IDLE = 30 * MINUTE;

/** An application in a process of its own. */
class Node {
  readonly events: SessionEvent[] = [];
  url = '';
  readonly #process: ChildProcess;

  constructor(script: string, args: NodeArguments) {
    this.#process = fork(script, [JSON.stringify(args)], { execArgv: [] });
    this.#process.on('message', (message: NodeMessage) => {
      if ('url' in message) this.url = message.url;
      else this.events.push(message.event);
    });
  }

  async ready(): Promise<this> {
    await until(() => this.url !== '', 'a second process', START_TIMEOUT);
    return this;
  }

  /** Settles with the exit code: 0 if nothing kept the process alive that ought to be closed. */
  async stop(): Promise<number> {
    const exited = once(this.#process, 'exit');
    this.#process.send('stop');
    const [code] = (await exited) as [number];
    return code;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** The same browser, as another node sees it. */
const at = (node: { url: string }, browser: Browser) => ({
  get: (path: string) => new Browser(node.url).get(path, { cookie: browser.cookie }),
  post: (path: string, body?: unknown) => new Browser(node.url).post(path, body, { cookie: browser.cookie }),
});

describeWithRedis('several nodes over Redis', () => {
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

  const subscribers = async (): Promise<number> =>
    Number((await server.cli('PUBSUB', 'NUMSUB', 'nest-sessions:events')).split('\n')[1]);

  describe('as processes of their own', () => {
    let code: Compiled;
    let nodes: Node[] = [];
    /** Their clocks are 30 s off, one way and the other: the server's time decides, so nothing may come of it. */
    let behind: Node;
    let ahead: Node;

    beforeAll(async () => {
      code = await compiled();
      nodes = [-30 * SECOND, 30 * SECOND].map((off, i) => {
        const [platform] = platforms[i] as [PlatformName];
        const [driver] = drivers[i]!;
        return new Node(code.script('redis-node'), { platform, driver, redis: server.url, ahead: off });
      });
      [behind, ahead] = nodes as [Node, Node];
      await Promise.all(nodes.map((node) => node.ready()));
      await until(async () => (await subscribers()) === 2, 'two subscriptions', START_TIMEOUT);
    }, START_TIMEOUT);
    afterAll(async () => {
      for (const node of nodes) node.kill();
      await code.remove();
    });

    it(
      'share sessions, and a logout on one is a 401 on the other at once',
      async () => {
        const [one, other] = [behind, ahead];
        const browser = new Browser(one.url);
        await browser.post('/login', { user: 'alice' });
        await browser.post('/data', { a: 1 });
        expect((await at(other, browser).post('/data', { b: 2 })).status).toBe(200);
        expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { a: 1, b: 2 } });
        const captured = browser.cookie;
        const { id } = (await browser.get('/look')).json<{ id: string }>();
        expect((await browser.post('/logout')).status).toBe(200);
        expect((await new Browser(other.url).get('/me', { cookie: captured })).status).toBe(401);
        const ended = { type: 'ended', id, subject: 'alice', reason: 'logout' };
        const told = () => other.events.filter((event) => event.type === 'ended' && event.id === id);
        await until(() => told().length > 0, 'the event on the other node');
        expect(told()).toEqual([expect.objectContaining({ ...ended, remote: true })]);
        const own = one.events.filter((event) => event.type === 'ended' && event.id === id);
        expect(own).toEqual([expect.objectContaining(ended)]);
        expect(own[0]!.remote).toBeUndefined();
      },
      START_TIMEOUT,
    );

    it(
      'count a key that both write exactly',
      async () => {
        const [one, other] = [behind, ahead];
        const browser = new Browser(one.url);
        await browser.post('/data', { n: 0 });
        const increments = Array.from({ length: 50 }, (_, i) =>
          at(i % 2 ? one : other, browser).post('/increment/n'),
        );
        for (const { status } of await Promise.all(increments)) expect(status).toBe(200);
        expect((await browser.get('/look')).json()).toMatchObject({ data: { n: 50 } });
      },
      START_TIMEOUT,
    );

    it(
      'neither shorten nor lengthen a session where their clocks are 30 s off',
      async () => {
        const serverNow = async () => Number((await server.cli('TIME')).split('\n')[0]) * SECOND;
        for (const [maker, other] of [
          [behind, ahead],
          [ahead, behind],
        ] as const) {
          const browser = new Browser(maker.url);
          await browser.post('/login', { user: 'alice' });
          const { id } = (await browser.get('/look')).json<{ id: string }>();
          const key = `nest-sessions:s:${id}`;
          const field = async (name: string) => Number(await server.cli('HGET', key, name));
          expect(Math.abs((await field('c')) - (await serverNow()))).toBeLessThan(10 * SECOND);
          expect(Math.abs(Number(await server.cli('PTTL', key)) - IDLE)).toBeLessThan(10 * SECOND);
          // Used last so long ago that 15 s are left: it is alive on both, and what the other rolls is right.
          await server.cli('HSET', key, 'l', String((await serverNow()) - IDLE + 15 * SECOND));
          expect((await at(other, browser).get('/me')).status).toBe(200);
          expect(Math.abs((await field('l')) - (await serverNow()))).toBeLessThan(10 * SECOND);
          // 15 s too late it is over on both, whatever the time to live of the key.
          await server.cli('HSET', key, 'l', String((await serverNow()) - IDLE - 15 * SECOND));
          expect((await at(behind, browser).get('/me')).status).toBe(401);
          expect((await at(ahead, browser).get('/me')).status).toBe(401);
        }
      },
      START_TIMEOUT,
    );

    it(
      'close what they opened, so that the process ends by itself',
      async () => {
        expect(await Promise.all([behind.stop(), ahead.stop()])).toEqual([0, 0]);
        expect(await subscribers()).toBe(0);
      },
      START_TIMEOUT,
    );
  });

  describe.each(platforms)('on %s', (platform) => {
    it.each(drivers)('tell each other of a session that had to make room (%s)', async (_driver, connect) => {
      const options = { maxSessions: 1 };
      const one = await startOverRedis(platform, { client: await connect(server.url), options });
      const other = await startOverRedis(platform, { client: await connect(server.url), options });
      await until(async () => (await subscribers()) === 2, 'two subscriptions');
      const first = one.browser();
      await first.post('/login', { user: 'alice' });
      const { id } = (await first.get('/look')).json<{ id: string }>();
      const second = other.browser();
      expect((await second.post('/login', { user: 'alice' })).status).toBe(200);
      const evicted = { type: 'ended', reason: 'evicted', id, subject: 'alice' };
      await until(() => one.events.some(({ remote }) => remote), 'the event');
      expect(one.events).toContainEqual(expect.objectContaining({ ...evicted, remote: true }));
      expect(other.events).toContainEqual(expect.objectContaining(evicted));
      const refused = await first.get('/me');
      expect(refused.status).toBe(401);
      expect(refused.json()).toMatchObject({ code: 'ERR_SESSION_EVICTED' });
      expect((await second.get('/me')).status).toBe(200);
    });

    it('keep 3 sessions of 20 parallel logins on two nodes', async () => {
      const apps = await Promise.all(
        drivers.map(async ([, connect]) =>
          startOverRedis(platform, { client: await connect(server.url), options: { maxSessions: 3 } }),
        ),
      );
      const browsers = Array.from({ length: 20 }, (_, i) => apps[i % 2]!.browser());
      const logins = await Promise.all(browsers.map((browser) => browser.post('/login', { user: 'alice' })));
      for (const { status } of logins) expect(status).toBe(200);
      const answers = await Promise.all(browsers.map((browser) => browser.get('/me')));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
      const ended = apps.flatMap(({ events }) =>
        events.filter((event) => event.type === 'ended' && event.reason === 'evicted' && !event.remote),
      );
      expect(new Set(ended.map(({ id }) => id)).size).toBe(17);
      expect(ended).toHaveLength(17);
    });

    it(
      'hear each other again after the server was away, and ignore what is not theirs',
      async () => {
        const one = await startOverRedis(platform, { client: await ioRedis(server.url) });
        const other = await startOverRedis(platform, { client: await drivers[0]![1](server.url) });
        await until(async () => (await subscribers()) === 2, 'two subscriptions');
        await server.kill();
        await server.start();
        await until(async () => (await subscribers()) === 2, 'two subscriptions again', START_TIMEOUT);
        for (const noise of ['', 'null', '{', '{"node":"x"}', '{"node":"x","event":{}}', '[1]']) {
          await server.cli('PUBLISH', 'nest-sessions:events', noise);
        }
        const browser = one.browser();
        await until(async () => (await browser.post('/login', { user: 'alice' })).status === 200, 'a login');
        await browser.post('/logout');
        await until(() => other.events.some(({ remote }) => remote), 'the event');
        expect(other.events.map(({ type }) => type)).toEqual(['ended']);
      },
      START_TIMEOUT,
    );
  });
});

describeWithRedis('several nodes over a cluster', () => {
  let ports: number[];

  beforeAll(async () => {
    ports = (await startRedisCluster()).map(({ port }) => port);
  }, START_TIMEOUT);
  afterEach(async () => {
    await closeAll();
    closeClients();
  });
  afterAll(stopServers);

  it.each(platforms)(
    'share sessions and events (%s)',
    async (platform) => {
      const options = { maxSessions: 3 };
      const one = await startOverRedis(platform, { client: await nodeRedisCluster(ports), options });
      const other = await startOverRedis(platform, { client: await ioRedisCluster(ports), options });
      const browsers = [one, other, one, other].map((app) => app.browser());
      for (const browser of browsers) await browser.post('/login', { user: 'bob' });
      const answers = await Promise.all(browsers.map((browser) => browser.get('/me')));
      expect(answers.map(({ status }) => status)).toEqual([401, 200, 200, 200]);
      expect((await browsers[1]!.get('/devices')).json<unknown>()).toHaveLength(3);
      expect((await at(one, browsers[1]!).get('/me')).status).toBe(200);
      // Connections for events are made in the background; a logout of one is told as soon as they stand.
      for (const [teller, hearer] of [
        [one, other],
        [other, one],
      ] as const) {
        const heard = () => hearer.events.some(({ remote, subject }) => remote && subject === 'carol');
        await until(async () => {
          const browser = teller.browser();
          await browser.post('/login', { user: 'carol' });
          await browser.post('/logout');
          return heard();
        }, 'an event');
      }
      expect((await browsers[2]!.post('/revoke-others')).json()).toEqual({ ended: 2 });
    },
    START_TIMEOUT,
  );

  it('never have a session that is not in the index, though these are on different servers', async () => {
    const client = await nodeRedisCluster(ports);
    const sent: string[] = [];
    // The server of the index fails; that of the session would have taken it.
    const halfDead = new Proxy(client, {
      get: (target, name) =>
        name === 'sendCommand'
          ? (key: string | undefined, isReadonly: boolean, args: string[]) => {
              sent.push(key!.split(':')[1]!);
              return key?.includes(':u:')
                ? Promise.reject(new Error('CLUSTERDOWN'))
                : target.sendCommand(key, isReadonly, args);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const store = new RedisStore({ client: halfDead });
    const times = {
      createdAt: 1,
      startedAt: 1,
      lastSeenAt: 1,
      rotatedAt: 1,
      factors: {},
      data: {},
      remember: false,
    };
    const record = { id: 'unlisted', secretHash: 'hash', revision: 0, subject: 'dora', ...times };
    await expect(store.create(record, MINUTE)).rejects.toThrow('CLUSTERDOWN');
    expect(sent).toEqual(['u']);
    expect(await store.load('unlisted')).toBeUndefined();
  });
});
