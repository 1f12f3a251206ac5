import { createSecretKey, randomBytes } from 'node:crypto';
import { UsageError } from '../../attack/errors.js';
import { lineOf, problemsOf } from '../../core/storage/health/store-problems.js';
import { examineStore, findingsOf } from '../../core/storage/health/store-examination.js';
import type { SessionStore, StoreFinding, StoreProblem } from '../../core/storage/store.js';
import { systemClock } from '../../core/util/clock.js';
import { isSessionError } from '../../core/util/errors.js';
import type { RedisClient } from '../../stores/redis/index.js';
import type { PostgresPool } from '../../stores/postgres/index.js';
import type { Finding } from './finding.js';
import { within } from './within.js';

/** Milliseconds that a call of a store may take at most, as the option `storeTimeout` has it. */
const STORE_TIMEOUT = 2_000;

/** The server of a store. */
interface Server {
  url: string;
  /** Milliseconds that each response may take, if that is less than a store has. */
  timeout: number;
}

/** A connection takes as long as several calls: to the server, and then the login there. */
const CONNECTING = 2;

const useOf = (timeout: number) => ({ clock: systemClock, clockInjected: false, timeout });

/** A store with the connection that was opened for it. */
interface Opened {
  /** Milliseconds. */
  timeout: number;
  store: SessionStore;
  /** Rejects with what the connection fails of. */
  connect?: () => Promise<unknown>;
  /** What the store does not look at by itself. */
  more?: Pick<SessionStore, 'examine'>;
  close(): unknown;
}

/** @throws UsageError without a driver */
export async function redisFindings({ prefix, ...server }: Server & { prefix: string }): Promise<Finding[]> {
  const timeout = Math.min(server.timeout, STORE_TIMEOUT);
  const { RedisStore } = await import('../../stores/redis/index.js');
  const { client, connect, close } = await redisClient(server.url, timeout);
  // Below the prefix, where the user of an application may write and publish, and where no node listens.
  const store = made(() => new RedisStore({ client, prefix: `${prefix}doctor:` }));
  const noticeKeys = [createSecretKey(randomBytes(32))];
  store.bind({ ...useOf(timeout), noticeKeys, warn: () => undefined });
  return examined({ store, timeout, connect, close });
}

/** @throws UsageError without the driver */
export async function postgresFindings({ table, ...server }: Server & { table: string }): Promise<Finding[]> {
  const timeout = Math.min(server.timeout, STORE_TIMEOUT);
  const { PostgresStore } = await import('../../stores/postgres/index.js');
  const { examineEvents } = await import('../../stores/postgres/examination.js');
  const { Pool } = await driver<{ Pool: new (options: object) => PostgresPool & { end(): Promise<void> } }>(
    'pg',
    ['pg'],
  );
  const pool = new Pool({ connectionString: server.url, max: 3, connectionTimeoutMillis: timeout });
  // Not bound: it does not clean up, which tells of sessions that have expired, and is for the nodes to do.
  const store = made(() => new PostgresStore({ pool, table }));
  return examined({ store, timeout, close: () => pool.end(), more: { examine: () => examineEvents(pool) } });
}

/** @throws UsageError for a table or a prefix that the store refuses */
function made<Store extends SessionStore>(make: () => Store): Store {
  try {
    return make();
  } catch (error) {
    if (!isSessionError(error)) throw error;
    throw new UsageError(error.message);
  }
}

async function examined({ store, timeout, connect, close, more = {} }: Opened): Promise<Finding[]> {
  const connected = {
    diagnose: async () => {
      await connect?.();
      return (await store.diagnose?.()) ?? [];
    },
  };
  try {
    const problems = await problemsOf('store', connected, CONNECTING * timeout);
    if (problems.some(isSilent)) return storeFindings(problems, []);
    const found = [
      ...(await examineStore('store', store, useOf(timeout))),
      ...(await findingsOf('store', more)),
    ];
    return storeFindings(problems, found);
  } finally {
    await ended(() => store.close?.(), timeout);
    await ended(close, timeout);
  }
}

/** Waits no longer than for a call: a pool ends when its last query does, which may wait for a lock. */
const ended = (end: () => unknown, timeout: number): Promise<unknown> =>
  within(Promise.resolve().then(end), timeout, 'it does not end').catch(() => undefined);

/** What the check at start finds, and what the closer look does. */
export const storeFindings = (
  problems: readonly StoreProblem[],
  examined: readonly StoreFinding[],
): Finding[] => [
  ...problems.map(({ problem, remedy }): Finding => ({
    about: 'store',
    level: 'problem',
    finding: sentence(problem),
    remedy,
  })),
  ...examined.map((one): Finding => ({ about: 'store', ...one })),
];

/** Whether the store does not respond, so that a closer look would only repeat that. */
export const isSilent = (problem: StoreProblem): boolean =>
  /does not (?:respond|work yet)/.test(lineOf(problem));

const sentence = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

interface Redis {
  client: RedisClient;
  connect(): Promise<unknown>;
  close(): unknown;
}

async function redisClient(url: string, connectTimeout: number): Promise<Redis> {
  const module = await driver<NodeRedis | IoRedis>('redis', ['redis', 'ioredis']);
  if ('createClient' in module) {
    const client = nodeRedis(module, url, connectTimeout);
    client.on('error', () => undefined);
    const connect = (): Promise<unknown> => client.connect();
    return { client: client as unknown as RedisClient, connect, close: () => client.destroy() };
  }
  const client = new module.Redis(url, {
    ...{ connectTimeout, maxRetriesPerRequest: 1, lazyConnect: true },
    retryStrategy: () => null,
  });
  let last: unknown;
  client.on('error', (error) => (last = error));
  // It rejects with no more than that it is closed.
  const connect = (): Promise<unknown> =>
    client.connect().catch((error: unknown) => Promise.reject(last ?? error));
  return { client: client as unknown as RedisClient, connect, close: () => client.disconnect() };
}

/** @throws UsageError for an address that the driver refuses, without showing it */
function nodeRedis(
  { createClient }: NodeRedis,
  url: string,
  connectTimeout: number,
): ReturnType<NodeRedis['createClient']> {
  try {
    return createClient({ url, socket: { connectTimeout, reconnectStrategy: false } });
  } catch (error) {
    throw new UsageError(
      `--redis: the driver refuses the address (${error instanceof Error ? error.message : 'no reason given'}). Give one such as redis://localhost:6379/0.`,
    );
  }
}

interface NodeRedis {
  createClient(options: object): {
    on(event: 'error', listener: () => void): unknown;
    connect(): Promise<unknown>;
    destroy(): void;
  };
}

interface IoRedis {
  Redis: new (
    url: string,
    options: object,
  ) => {
    on(event: 'error', listener: (error: unknown) => void): unknown;
    connect(): Promise<unknown>;
    disconnect(): void;
  };
}

/** The first of these packages that is installed. */
async function driver<Module extends object>(option: string, names: readonly string[]): Promise<Module> {
  for (const name of names) {
    try {
      const module = (await import(name)) as Module & { default?: Module };
      return module.default && !('createClient' in module) && !('Pool' in module) && !('Redis' in module)
        ? module.default
        : module;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new UsageError(
    `--${option === 'pg' ? 'postgres' : option} needs the package ${names.join(' or ')}: npm install ${names[0]}`,
  );
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /MODULE_NOT_FOUND/.test(String(error.code));
