import { createSecretKey } from 'node:crypto';
import { jest } from '@jest/globals';
import type { SessionEvent } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../../support/postgres.js';
import { until } from '../../support/until.js';

const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));

const SECRET = 'a secret that all nodes share, of 32 bytes';

const ended = (id: string): SessionEvent => ({ type: 'ended', id, reason: 'revoked', at: 1 });

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('the events of PostgresStore', (server) => {
  const stores: PostgresStore[] = [];

  afterEach(() => stores.splice(0).forEach((store) => store.close()));

  interface NodeOptions {
    table?: string;
    max?: number;
    events?: boolean;
    secrets?: string[];
  }

  function aNode(options: NodeOptions = {}) {
    const { table = 'sessions', max = 5, events, secrets = [SECRET] } = options;
    const warnings: string[] = [];
    const pool = server().pool({ max, idleTimeoutMillis: 0 });
    const store = new PostgresStore({ pool, table, ...(events !== undefined && { events }) });
    store.bind({
      clock: { now: () => Date.now() },
      clockInjected: false,
      noticeKeys: secrets.map(keyOf),
      warn: (line) => warnings.push(line),
    });
    stores.push(store);
    const heard: SessionEvent[] = [];
    const stop = store.subscribe((event) => heard.push(event));
    return { store, pool, heard, stop, warnings };
  }

  const listeners = async (): Promise<number> =>
    (await server().ask(`SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`)).length;

  it('come to the other nodes of the same table, in order, and not to oneself', async () => {
    const [one, two, other] = [aNode(), aNode(), aNode({ table: 'elsewhere' })];
    await until(async () => (await listeners()) === 3, 'listening');
    one.store.publish(ended('a'));
    await until(() => two.heard.length === 1, 'the event');
    two.store.publish(ended('b'));
    await until(() => one.heard.length === 1, 'the answer');
    expect(two.heard).toEqual([ended('a')]);
    expect(one.heard).toEqual([ended('b')]);
    expect(other.heard).toEqual([]);
  });

  const channel = async (): Promise<string> => {
    const [row] = await server().ask<{ channel: string }>(
      `SELECT substring(query FROM '"(.*)"') AS channel FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`,
    );
    return row!.channel;
  };

  it('are not made up by what somebody else notifies', async () => {
    const [one, two] = [aNode(), aNode()];
    await until(async () => (await listeners()) === 2, 'listening');
    await server().ask('CREATE ROLE onlooker LOGIN');
    const onlooker = server().pool({ user: 'onlooker' });
    const login = { type: 'login', id: 'x', subject: 'admin', at: 1, factor: 'pwd', remember: false };
    for (const payload of [
      '',
      'null',
      '[]',
      '{"event":{"type":"login","id":"x"}}',
      '{"event":{"type":"ended"}}',
      JSON.stringify({ origin: 'x', event: ended('x') }),
      JSON.stringify({ node: 'x', sent: Date.now(), event: login }),
      `${'A'.repeat(43)}${JSON.stringify({ node: 'x', sent: Date.now(), event: login })}`,
    ])
      await onlooker.query('SELECT pg_notify($1, $2)', [await channel(), payload]);
    one.store.publish(ended('a'));
    await until(() => two.heard.length > 0, 'the event');
    expect(two.heard).toEqual([ended('a')]);
    expect(two.warnings).toEqual([expect.stringMatching(/that no node with our secret sent were dropped/)]);
  });

  it('are received once, even if notified twice', async () => {
    const [one, two] = [aNode(), aNode()];
    await until(async () => (await listeners()) === 2, 'listening');
    const recorder = await server().pool().connect();
    const recorded: string[] = [];
    recorder.on('notification', ({ payload }) => recorded.push(payload!));
    const name = await channel();
    await recorder.query(`LISTEN "${name}"`);
    one.store.publish(ended('a'));
    await until(() => recorded.length === 1, 'the notice');
    recorder.release(true);
    for (let i = 0; i < 3; i++) await server().ask('SELECT pg_notify($1, $2)', [name, recorded[0]!]);
    one.store.publish(ended('b'));
    await until(() => two.heard.some(({ id }) => id === 'b'), 'the next event');
    expect(two.heard).toEqual([ended('a'), ended('b')]);
  });

  it('go on after a listener threw', async () => {
    const [one, two] = [aNode(), aNode()];
    two.store.subscribe(() => {
      throw new Error('a listener of the application');
    });
    const heard: SessionEvent[] = [];
    two.store.subscribe((event) => heard.push(event));
    await until(async () => (await listeners()) === 2, 'listening');
    for (const id of ['a', 'b']) {
      one.store.publish(ended(id));
      await until(() => heard.some((event) => event.id === id), 'the event');
    }
    expect(two.warnings[0]).toContain('a listener of the application');
  });

  it('are off without a key to sign with', async () => {
    const node = aNode({ secrets: [] });
    node.store.publish(ended('a'));
    node.stop();
    expect([node.pool.totalCount, node.warnings]).toEqual([0, []]);
  });

  it('take a connection for the first listener and close it after the last', async () => {
    const node = aNode();
    await until(async () => (await listeners()) === 1, 'listening');
    expect(node.pool.totalCount).toBe(1);
    node.stop();
    await until(() => node.pool.totalCount === 0, 'the end of the connection');
    const again = node.store.subscribe(() => undefined);
    await until(async () => (await listeners()) === 1, 'listening again');
    // At once after: the connection that is on its way is given back when it comes.
    again();
    node.store.subscribe(() => undefined)();
    await until(() => node.pool.totalCount === 0, 'the end of the connections');
  });

  it('do not keep an application from ending its pool', async () => {
    const node = aNode();
    await until(async () => (await listeners()) === 1, 'listening');
    const done = settlementOf(node.pool.end());
    await until(done, 'the end of the pool', 3_000);
    expect(node.warnings).toEqual([]);
    node.store.publish(ended('late'));
    await until(() => node.warnings.length === 1, 'the warning');
  });

  it('are off, with a warning, where the pool has only one connection', async () => {
    const node = aNode({ max: 1 });
    expect(node.warnings).toEqual([expect.stringMatching(/Give it at least \{ max: 2 \}/)]);
    expect(await node.store.time()).toBeGreaterThan(0);
  });

  it('can be switched off', async () => {
    const node = aNode({ events: false });
    node.store.publish(ended('a'));
    node.stop();
    expect(node.pool.totalCount).toBe(0);
  });

  it('warn once of a lost connection, and are received again after', async () => {
    const [one, two] = [aNode(), aNode()];
    await until(async () => (await listeners()) === 2, 'listening');
    await server().ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
    await until(() => two.warnings.length > 0, 'the warning');
    await until(async () => (await listeners()) === 2, 'listening again');
    one.store.publish(ended('a'));
    await until(() => two.heard.length > 0, 'the event');
    expect(two.heard).toEqual([ended('a')]);
    expect(two.warnings).toEqual([expect.stringMatching(/is opened again/)]);
  });
});

/** Whether a promise has settled. */
function settlementOf(promise: Promise<unknown>): () => boolean {
  let settled = false;
  void promise.then(() => (settled = true));
  return () => settled;
}
