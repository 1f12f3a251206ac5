import { jest } from '@jest/globals';
import type { SessionEvent } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { describePostgres } from '../support/postgres.js';
import { until } from '../support/until.js';

const ended = (id: string): SessionEvent => ({ type: 'ended', id, reason: 'revoked', at: 1 });

// Processes are started and waited for, on machines that have other things to do.
jest.setTimeout(60_000);

describePostgres('the events of PostgresStore', (server) => {
  const stores: PostgresStore[] = [];

  afterEach(() => stores.splice(0).forEach((store) => store.close()));

  function aNode(options: { table?: string; max?: number; events?: boolean } = {}) {
    const { table = 'sessions', max = 5, events } = options;
    const warnings: string[] = [];
    const pool = server().pool({ max, idleTimeoutMillis: 0 });
    const store = new PostgresStore({ pool, table, ...(events !== undefined && { events }) });
    store.bind({
      clock: { now: () => Date.now() },
      clockInjected: false,
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

  it('are not made up by what somebody else notifies', async () => {
    const [one, two] = [aNode(), aNode()];
    await until(async () => (await listeners()) === 2, 'listening');
    const [{ channel }] = (await server().ask<{ channel: string }>(
      `SELECT substring(query FROM '"(.*)"') AS channel FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`,
    )) as [{ channel: string }];
    for (const payload of [
      '',
      'null',
      '[]',
      '{"event":{"type":"login","id":"x"}}',
      '{"event":{"type":"ended"}}',
    ])
      await server().ask('SELECT pg_notify($1, $2)', [channel, payload]);
    one.store.publish(ended('a'));
    await until(() => two.heard.length > 0, 'the event');
    expect(two.heard).toEqual([ended('a')]);
  });

  it('take a connection when somebody listens, and give it back when nobody does', async () => {
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

  it('leave a pool of one connection to the sessions, and say so', async () => {
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

  it('warn once of a connection that is lost, and are heard again after', async () => {
    const [one, two] = [aNode(), aNode()];
    await until(async () => (await listeners()) === 2, 'listening');
    await server().ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`);
    await until(() => two.warnings.length > 0, 'the warning');
    await until(async () => (await listeners()) === 2, 'listening again');
    one.store.publish(ended('a'));
    await until(() => two.heard.length > 0, 'the event');
    expect(two.heard).toEqual([ended('a')]);
    expect(two.warnings).toEqual([expect.stringMatching(/is tried again/)]);
  });
});

/** Whether a promise has settled. */
function settlementOf(promise: Promise<unknown>): () => boolean {
  let settled = false;
  void promise.then(() => (settled = true));
  return () => settled;
}
