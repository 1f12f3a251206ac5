import type { StoreFinding } from '../../core/storage/store.js';
import type { RedisAdapter } from './connection/adapter.js';
import type { Reply } from './connection/reply.js';
import { fieldsOf, KEEPS, OLDEST_MAJOR } from './diagnosis.js';

/** From which share of `maxmemory` on it is worth a look. When it is full, Redis refuses writes, and nobody can log in. */
const CROWDED = 0.9;

/** What to do where messages do not come back. */
export const NOT_RECEIVED =
  'Allow PUBLISH and SUBSCRIBE on the channels of the prefix to the user of the client (`+publish +subscribe &nest-sessions:*`), and a connection more.';

/** What {@link diagnoseRedis} leaves out: what is as it should be, and what is worth a look. */
export async function examineRedis(redis: RedisAdapter): Promise<StoreFinding[]> {
  if (redis.problem !== undefined) return [];
  const info = await redis.send(undefined, 'INFO').catch(() => undefined);
  if (info === undefined) return [];
  const fields = fieldsOf(String(info));
  return [
    ...versionOf(fields),
    ...policyOf(fields),
    ...memoryOf(fields),
    ...kindOf(fields, redis),
    ...(await persistenceOf(fields, redis)),
  ];
}

type Fields = ReadonlyMap<string, string>;

const ok = (finding: string): StoreFinding => ({ level: 'ok', finding });

function versionOf(fields: Fields): StoreFinding[] {
  const version = fields.get('redis_version') ?? '';
  const valkey = fields.get('valkey_version');
  if (Number.parseInt(version) < OLDEST_MAJOR) return [];
  return [ok(valkey === undefined ? `Redis ${version}.` : `Valkey ${valkey}.`)];
}

function policyOf(fields: Fields): StoreFinding[] {
  const policy = fields.get('maxmemory_policy');
  return policy === KEEPS ? [ok(`maxmemory-policy ${KEEPS}: it evicts no session.`)] : [];
}

function memoryOf(fields: Fields): StoreFinding[] {
  const [used, most] = [Number(fields.get('used_memory')), Number(fields.get('maxmemory'))];
  if (!(most > 0) || !(used / most > CROWDED)) return [];
  return [
    {
      level: 'warning',
      finding: `${Math.round((used / most) * 100)} % of its maxmemory is in use. When it is full, it refuses writes, and nobody can log in or out.`,
      remedy: 'Raise maxmemory, shorten `idle`, or give other data a Redis of its own.',
    },
  ];
}

function kindOf(fields: Fields, redis: RedisAdapter): StoreFinding[] {
  const cluster = fields.get('cluster_enabled') === '1';
  if (!cluster) return [];
  if (redis.cluster) return [ok('A cluster, and a client for one.')];
  return [
    {
      level: 'problem',
      finding:
        'The server belongs to a cluster, and the client is none for a cluster: sessions on other servers fail (MOVED).',
      remedy: 'Give a client of createCluster() of "redis", or a Cluster of "ioredis".',
    },
  ];
}

async function persistenceOf(fields: Fields, redis: RedisAdapter): Promise<StoreFinding[]> {
  if (fields.get('aof_enabled') === '1')
    return [ok('appendonly yes: sessions and their ends outlive a restart.')];
  const remedy = 'Set `appendonly yes`.';
  if ((await snapshotsOf(redis)) === '')
    return [
      {
        level: 'warning',
        finding: 'It keeps nothing on disk: a restart of Redis logs everybody out.',
        remedy,
      },
    ];
  return [
    {
      level: 'warning',
      finding:
        'It keeps snapshots only, if any: after a crash it is as it was minutes ago, and sessions that were ended since are live again.',
      remedy,
    },
  ];
}

/** The setting `save`; `undefined` where the command is not allowed, as at most hosts of Redis. */
async function snapshotsOf(redis: RedisAdapter): Promise<string | undefined> {
  try {
    const reply: Reply = await redis.send(undefined, 'CONFIG', 'GET', 'save');
    const value = Array.isArray(reply) ? reply[1] : undefined;
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
