import { createSecretKey } from 'node:crypto';
import type { SessionEvent } from 'nest-sessions';
import { RedisStore, type RedisClient } from 'nest-sessions/redis';
import { closeClients, drivers } from '../../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../../support/servers.js';
import { until } from '../../support/until.js';

const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

const CHANNEL = 'nest-sessions:events';
const ended = (id: string): SessionEvent => ({ type: 'ended', id, reason: 'revoked', at: 1 });

describeWithRedis('the events of RedisStore', () => {
  let server: RedisServer;
  const stores: RedisStore[] = [];

  beforeAll(async () => {
    server = await startRedis();
  }, START_TIMEOUT);
  afterEach(() => {
    stores.splice(0).forEach((store) => store.close());
    closeClients();
  });
  afterAll(stopServers);

  function aNode(client: RedisClient, secrets = ['a secret that all nodes share, of 32 bytes']) {
    const warnings: string[] = [];
    const store = new RedisStore({ client });
    store.bind({
      clock: { now: () => Date.now() },
      clockInjected: false,
      noticeKeys: secrets.map(keyOf),
      warn: (line) => warnings.push(line),
    });
    stores.push(store);
    const heard: SessionEvent[] = [];
    return { store, heard, warnings };
  }

  const subscribers = async () =>
    Number((await server.cli('PUBSUB', 'NUMSUB', CHANNEL)).trim().split('\n')[1]);

  it.each(drivers)('are not made up by who may only publish (%s)', async (_driver, connect) => {
    const [one, two] = [aNode(await connect(server.url)), aNode(await connect(server.url))];
    two.store.subscribe((event) => two.heard.push(event));
    await until(async () => (await subscribers()) === 1, 'the subscription');
    await server.cli('ACL', 'SETUSER', 'onlooker', 'reset', 'on', '>any', '+publish', 'allchannels');
    const login = { type: 'login', id: 'x', subject: 'admin', at: 1, factor: 'pwd', remember: false };
    for (const text of [
      JSON.stringify({ node: 'x', event: login }),
      `${'A'.repeat(43)}${JSON.stringify({ node: 'x', sent: Date.now(), event: login })}`,
      'null',
      '',
    ])
      await server.cli('--user', 'onlooker', '--pass', 'any', 'PUBLISH', CHANNEL, text);
    one.store.publish(ended('a'));
    await until(() => two.heard.length > 0, 'the event');
    expect(two.heard).toEqual([ended('a')]);
    expect(two.warnings).toEqual([
      expect.stringMatching(/Somebody else publishes on "nest-sessions:events"/),
    ]);
  });

  it.each(drivers)('are received once, even if published twice (%s)', async (_driver, connect) => {
    const [one, two] = [aNode(await connect(server.url)), aNode(await connect(server.url))];
    two.store.subscribe((event) => two.heard.push(event));
    await until(async () => (await subscribers()) === 1, 'the subscription');
    const recorded: string[] = [];
    const recorder = await drivers[0]![1](server.url);
    await (
      recorder as unknown as { subscribe(channel: string, on: (text: string) => void): Promise<void> }
    ).subscribe(CHANNEL, (text) => recorded.push(text));
    one.store.publish(ended('a'));
    await until(() => recorded.length === 1, 'the notice');
    for (let i = 0; i < 3; i++) await server.cli('PUBLISH', CHANNEL, recorded[0]!);
    one.store.publish(ended('b'));
    await until(() => two.heard.some(({ id }) => id === 'b'), 'the next event');
    expect(two.heard).toEqual([ended('a'), ended('b')]);
  });

  it.each(drivers)('go on after a listener threw (%s)', async (_driver, connect) => {
    const [one, two] = [aNode(await connect(server.url)), aNode(await connect(server.url))];
    two.store.subscribe(() => {
      throw new Error('a listener of the application');
    });
    two.store.subscribe((event) => two.heard.push(event));
    await until(async () => (await subscribers()) === 1, 'the subscription');
    one.store.publish(ended('a'));
    await until(() => two.heard.length === 1, 'the event');
    one.store.publish(ended('b'));
    await until(() => two.heard.length === 2, 'the next event');
    expect(two.warnings[0]).toContain('a listener of the application');
  });

  it.each(drivers)('are off without a key to sign with (%s)', async (_driver, connect) => {
    const node = aNode(await connect(server.url), []);
    const stop = node.store.subscribe((event) => node.heard.push(event));
    node.store.publish(ended('a'));
    // An answer to a command that was sent after.
    await node.store.time();
    expect(await subscribers()).toBe(0);
    stop();
  });
});
