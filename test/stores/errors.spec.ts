import { inspect } from 'node:util';
import { jest } from '@jest/globals';
import type { SessionStore } from 'nest-sessions';
import { PostgresStore } from 'nest-sessions/postgres';
import { RedisStore } from 'nest-sessions/redis';
import { aHash, aRecord, aSubject } from '../../lib/testing/contract/store-under-test.js';
import { describePostgres } from '../support/postgres.js';
import { closeClients, drivers } from '../support/redis-clients.js';
import {
  describeWithRedis,
  START_TIMEOUT,
  startRedis,
  stopServers,
  type RedisServer,
} from '../support/servers.js';

jest.setTimeout(60_000);

const VALUE = 'a value that nobody is to read in a log';

const context = { clock: { now: () => Date.now() }, clockInjected: false, warn: () => undefined };

/** What a create that the server refuses is rejected with. */
async function refusal(store: SessionStore): Promise<{ text: string; hash: string; error: unknown }> {
  store.bind?.(context);
  const record = {
    ...aRecord(),
    secretHash: aHash(),
    subject: aSubject(),
    data: { key: JSON.stringify(VALUE) },
  };
  const error: unknown = await Promise.resolve(store.create(record, 60_000)).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  await store.close?.();
  return { text: inspect(error, { depth: 12, showHidden: true }), hash: record.secretHash, error };
}

function expectQuiet({ text, hash, error }: Awaited<ReturnType<typeof refusal>>): void {
  expect(error).toBeInstanceOf(Error);
  expect(text).not.toContain(VALUE);
  expect(text).not.toContain(hash);
}

describeWithRedis('an error of Redis', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis(['--maxmemory', '1', '--maxmemory-policy', 'noeviction']);
  }, START_TIMEOUT);

  afterAll(async () => {
    closeClients();
    await stopServers();
  }, START_TIMEOUT);

  it.each(drivers)('contains neither data nor the hash of a secret, with %s', async (_, connect) => {
    const client = await connect(server.url);
    const refused = await refusal(new RedisStore({ client }));
    expectQuiet(refused);
    expect(refused.text).toContain('OOM');
  });
});

describePostgres('an error of PostgreSQL', (server) => {
  it('contains neither data nor the hash of a secret', async () => {
    const store = new PostgresStore({ pool: server().pool(), table: 'quiet', events: false });
    await store.migrate();
    await server().ask('ALTER TABLE quiet ADD CONSTRAINT short CHECK (length(data::text) < 10)');
    const refused = await refusal(store);
    expectQuiet(refused);
    expect(refused.error).toMatchObject({ code: '23514', constraint: 'short' });
  });
});
