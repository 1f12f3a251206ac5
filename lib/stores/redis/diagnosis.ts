import { clockProblem } from '../../core/storage/health/store-problems.js';
import { causeOf } from '../../core/storage/health/error-cause.js';
import type { StoreContext, StoreProblem } from '../../core/storage/store.js';
import type { RedisAdapter } from './connection/adapter.js';
import { isText, tuple } from './connection/reply.js';

/** The first version whose scripts may both ask the time and write. */
export const OLDEST_MAJOR = 5;

/** Without a policy that evicts, what does not fit is refused. */
export const KEEPS = 'noeviction';

/**
 * What would make a Redis lose or refuse sessions. In a cluster one server is asked: they should be configured alike.
 *
 * @throws Error if the server does not respond
 */
export async function diagnoseRedis(
  redis: RedisAdapter,
  { clock, clockInjected }: Pick<StoreContext, 'clock' | 'clockInjected'>,
): Promise<StoreProblem[]> {
  const { problem } = redis;
  if (problem !== undefined)
    return [
      {
        problem: `the Redis client does not work yet: ${problem}.`,
        remedy: 'Until then requests are answered with 503.',
      },
    ];
  const [seconds, microseconds] = tuple(await redis.send(undefined, 'TIME'), isText, isText);
  const time = Number(seconds) * 1000 + Number(microseconds) / 1000;
  return [...(await problemsOfInfo(redis)), ...(clockInjected ? [] : clockProblem('Redis', time, clock))];
}

async function problemsOfInfo(redis: RedisAdapter): Promise<StoreProblem[]> {
  try {
    return readInfo(String(await redis.send(undefined, 'INFO')));
  } catch (error) {
    return [
      {
        problem: `Redis does not tell its version and whether it evicts: ${causeOf(error)}.`,
        remedy:
          'Allow the command INFO to the user of the client (`+info`), or check `maxmemory-policy` yourself.',
      },
    ];
  }
}

/** The fields of INFO. */
export const fieldsOf = (info: string): ReadonlyMap<string, string> =>
  new Map([...info.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]));

function readInfo(info: string): StoreProblem[] {
  const fields = fieldsOf(info);
  // Valkey names the version of Redis that it is compatible with.
  const version = fields.get('redis_version') ?? '';
  const policy = fields.get('maxmemory_policy') ?? KEEPS;
  const problems: StoreProblem[] = [];
  if (Number.parseInt(version) < OLDEST_MAJOR)
    problems.push({
      problem: `the version of Redis is ${version}.`,
      remedy: `Use ${OLDEST_MAJOR} or later, or Valkey.`,
    });
  if (policy !== KEEPS)
    problems.push({
      problem: `Redis evicts keys when its memory is full (maxmemory-policy ${policy}), which logs users out and lets revoked ones in.`,
      remedy: `Set \`maxmemory-policy ${KEEPS}\`, and give caches a Redis of their own.`,
    });
  if (fields.get('role') === 'slave')
    problems.push({
      problem:
        'the client is connected to a replica of Redis, which refuses writes and may know of a logout late.',
      remedy: 'Connect it to the master, or through a Sentinel or a cluster client.',
    });
  return problems;
}
