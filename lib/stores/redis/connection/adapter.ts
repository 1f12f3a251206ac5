import { throwWithoutValues } from '../../../core/storage/health/driver-error.js';
import {
  isIoRedis,
  isNodeRedisCluster,
  isNodeRedisSentinel,
  type IoRedisClient,
  type NodeRedisClient,
  type NodeRedisCluster,
  type NodeRedisSentinel,
  type RedisClient,
} from './client.js';
import { explainTimeout, SharedCommandTimeout } from './command-timeout.js';
import { toReply, type Reply } from './reply.js';
import { subscribeIoRedis, subscribeNodeRedis, type Subscription } from './subscription.js';

/** The same interface for every driver. */
export interface RedisAdapter {
  /** True if there are several servers or connections, so that commands run in order only if each waits for the one before. */
  readonly cluster: boolean;
  /** Why the client does not work yet, for a warning at start. */
  readonly problem: string | undefined;
  /** @param key by which a cluster finds the server; without one any server */
  send(key: string | undefined, ...args: [string, ...string[]]): Promise<Reply>;
  /** Subscribes to a channel on a connection of its own, and again after each reconnect. Never throws. */
  listen(channel: string, onMessage: (text: string) => void, onError: (error: unknown) => void): Subscription;
}

/** @param client already checked by `isRedisClient` */
export function adaptClient(client: RedisClient): RedisAdapter {
  if (isIoRedis(client)) return new IoRedisAdapter(client);
  // Never as read-only: a replica may not know of a logout yet.
  if (isNodeRedisCluster(client))
    return new NodeRedisAdapter(client, true, (key, args) =>
      client.sendCommand(key, false, args).then(toReply, throwWithoutValues),
    );
  // The connections to the master are a pool, and a failover may come between two commands.
  if (isNodeRedisSentinel(client))
    return new NodeRedisAdapter(client, true, (_key, args) =>
      client.sendCommand(false, args).then(toReply, throwWithoutValues),
    );
  // An application may have set a timeout of its own.
  const timeout =
    client.options?.commandOptions?.timeout === undefined ? new SharedCommandTimeout() : undefined;
  return new NodeRedisAdapter(client, false, (_key, args) =>
    client.sendCommand(args, timeout?.options).then(toReply, explainTimeout),
  );
}

type SendNodeRedis = (key: string | undefined, args: [string, ...string[]]) => Promise<Reply>;

/** For the clients of node-redis, which differ in how a command is sent. */
class NodeRedisAdapter implements RedisAdapter {
  readonly cluster: boolean;
  readonly #client: NodeRedisClient | NodeRedisCluster | NodeRedisSentinel;
  readonly #send: SendNodeRedis;

  constructor(
    client: NodeRedisClient | NodeRedisCluster | NodeRedisSentinel,
    cluster: boolean,
    send: SendNodeRedis,
  ) {
    this.#client = client;
    this.cluster = cluster;
    this.#send = send;
  }

  get problem(): string | undefined {
    return this.#client.isOpen ? undefined : 'it is not connected: call "await client.connect()" first';
  }

  send(key: string | undefined, ...args: [string, ...string[]]): Promise<Reply> {
    return this.#send(key, args);
  }

  listen(
    channel: string,
    onMessage: (text: string) => void,
    onError: (error: unknown) => void,
  ): Subscription {
    return subscribeNodeRedis(this.#client, channel, onMessage, onError);
  }
}

class IoRedisAdapter implements RedisAdapter {
  readonly cluster: boolean;
  readonly #client: IoRedisClient;

  constructor(client: IoRedisClient) {
    this.#client = client;
    this.cluster = client.isCluster;
  }

  get problem(): string | undefined {
    return this.#client.status === 'end' ? 'it was closed' : undefined;
  }

  send(_key: string | undefined, ...args: [string, ...string[]]): Promise<Reply> {
    return this.#client.call(...args).then(toReply, throwWithoutValues);
  }

  listen(
    channel: string,
    onMessage: (text: string) => void,
    onError: (error: unknown) => void,
  ): Subscription {
    return subscribeIoRedis(this.#client, channel, onMessage, onError);
  }
}
