import { hasMethods, must, type OptionCheck } from '../../../core/util/options.js';

/** What a store needs of a node-redis client (5 or later), as `createClient()` makes it. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly options?: { readonly commandOptions?: { readonly timeout?: number } };
  sendCommand(args: string[], options?: object): Promise<unknown>;
  duplicate(): object;
}

/** What a store needs of a node-redis cluster, as `createCluster()` makes it. */
export interface NodeRedisCluster {
  readonly isOpen: boolean;
  readonly masters: unknown;
  sendCommand(firstKey: string | undefined, isReadonly: boolean, args: string[]): Promise<unknown>;
  duplicate(): object;
}

/** What a store needs of a node-redis client of sentinels, as `createSentinel()` makes it. */
export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  getSentinelNode(): unknown;
  sendCommand(isReadonly: boolean | undefined, args: string[]): Promise<unknown>;
  duplicate(overrides?: object): object;
}

/** What a store needs of ioredis: `new Redis()`, also with the option `sentinels`, or `new Cluster()`. */
export interface IoRedisClient {
  readonly isCluster: boolean;
  readonly status: string;
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(): object;
}

/** A client that the application creates, connects and closes. Recognised by its shape, so no driver is loaded here. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | NodeRedisSentinel | IoRedisClient;

/** The prefix of all keys and channels. */
export const DEFAULT_PREFIX = 'nest-sessions:';

/** What RedisStore and RedisRevocations check of their option `client`. */
export const isRedisClient: OptionCheck = (value, name) =>
  hasMethods(value, 'then')
    ? `${name}: this is a Promise, such as client.connect() returns: await it, or give the client itself.`
    : isKnownClient(value, name);

const isKnownClient: OptionCheck = must(
  (client) =>
    [isIoRedis, isNodeRedisCluster, isNodeRedisSentinel, isNodeRedis].some((is) => is(client as RedisClient)),
  'this is not a known Redis client. Give what createClient(), createCluster() or createSentinel() of "redis" (5 or later) returns, or a Redis or Cluster of "ioredis".',
);

export const isIoRedis = (client: RedisClient): client is IoRedisClient =>
  isObject(client) && 'call' in client && typeof client.call === 'function' && 'status' in client;

export const isNodeRedisCluster = (client: RedisClient): client is NodeRedisCluster =>
  isObject(client) && 'sendCommand' in client && 'isOpen' in client && 'masters' in client;

export const isNodeRedisSentinel = (client: RedisClient): client is NodeRedisSentinel =>
  isObject(client) && 'sendCommand' in client && 'isOpen' in client && 'getSentinelNode' in client;

const isNodeRedis = (client: RedisClient): client is NodeRedisClient =>
  isObject(client) && 'sendCommand' in client && 'isReady' in client;

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
