import { createSecretKey, randomBytes } from 'node:crypto';
import { UsageError } from '../../attack/errors.js';
import { lineOf, problemsOf } from '../../core/storage/health/store-problems.js';
import { examineStore, findingsOf } from '../../core/storage/health/store-examination.js';
import type { SessionStore, StoreFinding, StoreProblem } from '../../core/storage/store.js';
import { systemClock } from '../../core/util/clock.js';
import type { RedisClient } from '../../stores/redis/index.js';
import type { PostgresPool } from '../../stores/postgres/index.js';
import type { Finding } from './finding.js';

/** Milliseconds that a call of a store may take, as the option `storeTimeout` has it. */
const STORE_TIMEOUT = 2_000;

const USE = { clock: systemClock, clockInjected: false, timeout: STORE_TIMEOUT };

/** A store with the connection that was opened for it. */
interface Opened {
  store: SessionStore;
  /** What the store does not look at by itself. */
  more?: Pick<SessionStore, 'examine'>;
  close(): unknown;
}

/** @throws UsageError without a driver */
export async function redisFindings({ url, prefix }: { url: string; prefix: string }): Promise<Finding[]> {
  const { RedisStore } = await import('../../stores/redis/index.js');
  const { client, close } = await redisClient(url);
  // Below the prefix, where the user of an application may write and publish, and where no node listens.
  const store = new RedisStore({ client, prefix: `${prefix}doctor:` });
  store.bind({ ...USE, noticeKeys: [createSecretKey(randomBytes(32))], warn: () => undefined });
  return examined({ store, close });
}

/** @throws UsageError without the driver */
export async function postgresFindings({ url, table }: { url: string; table: string }): Promise<Finding[]> {
  const { PostgresStore } = await import('../../stores/postgres/index.js');
  const { examineEvents } = await import('../../stores/postgres/examination.js');
  const { Pool } = await driver<{ Pool: new (options: object) => PostgresPool & { end(): Promise<void> } }>(
    'pg',
    ['pg'],
  );
  const pool = new Pool({ connectionString: url, max: 3, connectionTimeoutMillis: STORE_TIMEOUT });
  // Not bound: it does not clean up, which tells of sessions that have expired, and is for the nodes to do.
  const store = new PostgresStore({ pool, table });
  return examined({ store, close: () => pool.end(), more: { examine: () => examineEvents(pool) } });
}

async function examined({ store, close, more = {} }: Opened): Promise<Finding[]> {
  try {
    const problems = await problemsOf('store', store, STORE_TIMEOUT);
    if (problems.some(isSilent)) return storeFindings(problems, []);
    const found = [...(await examineStore('store', store, USE)), ...(await findingsOf('store', more))];
    return storeFindings(problems, found);
  } finally {
    await store.close?.();
    await Promise.resolve()
      .then(close)
      .catch(() => undefined);
  }
}

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
  close(): unknown;
}

async function redisClient(url: string): Promise<Redis> {
  const module = await driver<NodeRedis | IoRedis>('redis', ['redis', 'ioredis']);
  if ('createClient' in module) {
    const socket = { connectTimeout: STORE_TIMEOUT, reconnectStrategy: false as const };
    const client = module.createClient({ url, socket });
    client.on('error', () => undefined);
    // What failed is found by the check.
    await client.connect().catch(() => undefined);
    return { client: client as unknown as RedisClient, close: () => client.destroy() };
  }
  const client = new module.Redis(url, { connectTimeout: STORE_TIMEOUT, maxRetriesPerRequest: 1 });
  client.on('error', () => undefined);
  return { client: client as unknown as RedisClient, close: () => client.disconnect() };
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
  ) => { on(event: 'error', listener: () => void): unknown; disconnect(): void };
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
