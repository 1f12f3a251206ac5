import { throwWithoutValues } from '../../core/storage/driver-error.js';
import { must, type OptionCheck } from '../../core/util/options.js';
import { explainTimeout, SharedCommandTimeout } from './command-timeout.js';

/** What we need of a node-redis client (5 or later), as `createClient()` makes it. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly options?: { readonly commandOptions?: { readonly timeout?: number } };
  sendCommand(args: string[], options?: object): Promise<unknown>;
  duplicate(): object;
}

/** What we need of a node-redis cluster, as `createCluster()` makes it. */
export interface NodeRedisCluster {
  readonly isOpen: boolean;
  readonly masters: unknown;
  sendCommand(firstKey: string | undefined, isReadonly: boolean, args: string[]): Promise<unknown>;
  duplicate(): object;
}

/** What we need of ioredis: `new Redis()` or `new Cluster()`. */
export interface IoRedisClient {
  readonly isCluster: boolean;
  readonly status: string;
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(): object;
}

/** A client that the application made, connected and closes. Recognised by its shape, so no driver is loaded here. */
export type RedisClient = NodeRedisClient | NodeRedisCluster | IoRedisClient;

/** An answer of the server, the same from every driver: numbers are texts. */
export type Reply = string | null | Reply[];

/** A connection of our own that listens. */
export interface Subscription {
  stop(): void;
}

/** The one way in which the rest of the store speaks with the server. */
export interface RedisAdapter {
  /** True where keys lie on several servers, so that two commands keep no order unless one waits. */
  readonly cluster: boolean;
  /** What keeps the client from working, for a warning at start. */
  readonly problem: string | undefined;
  /** @param key by which a cluster finds the server; without one any will do */
  send(key: string | undefined, ...args: [string, ...string[]]): Promise<Reply>;
  /** Hears a channel on a connection of its own, for as long as it takes, through reconnects. Never throws. */
  listen(channel: string, onMessage: (text: string) => void, onError: (error: unknown) => void): Subscription;
}

/** What RedisStore and RedisRevocations check of their option `client`. */
export const isRedisClient: OptionCheck = must(
  (client) => [isIoRedis, isNodeRedisCluster, isNodeRedis].some((is) => is(client as RedisClient)),
  'this is no Redis client that is known here. Give what createClient() or createCluster() of "redis" (5 or later) returns, or a Redis or Cluster of "ioredis".',
);

/** @param client checked before: see {@link isRedisClient} */
export function adaptClient(client: RedisClient): RedisAdapter {
  if (isIoRedis(client)) return new IoRedisAdapter(client);
  if (isNodeRedisCluster(client)) return new NodeRedisClusterAdapter(client);
  return new NodeRedisAdapter(client);
}

const isIoRedis = (client: RedisClient): client is IoRedisClient =>
  isObject(client) && 'call' in client && typeof client.call === 'function' && 'status' in client;

const isNodeRedisCluster = (client: RedisClient): client is NodeRedisCluster =>
  isObject(client) && 'sendCommand' in client && 'isOpen' in client && 'masters' in client;

const isNodeRedis = (client: RedisClient): client is NodeRedisClient =>
  // A sentinel client is ready like a plain one, but its commands have another form.
  isObject(client) && 'sendCommand' in client && 'isReady' in client && !('getSentinelNode' in client);

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

class NodeRedisAdapter implements RedisAdapter {
  readonly cluster = false;
  readonly #client: NodeRedisClient;
  /** None where the application said how long a command may wait. */
  readonly #timeout: SharedCommandTimeout | undefined;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    if (client.options?.commandOptions?.timeout === undefined) this.#timeout = new SharedCommandTimeout();
  }

  get problem(): string | undefined {
    return notOpen(this.#client);
  }

  send(_key: string | undefined, ...args: [string, ...string[]]): Promise<Reply> {
    return this.#client.sendCommand(args, this.#timeout?.options).then(normalised, explainTimeout);
  }

  listen(
    channel: string,
    onMessage: (text: string) => void,
    onError: (error: unknown) => void,
  ): Subscription {
    return listenNodeRedis(this.#client, channel, onMessage, onError);
  }
}

class NodeRedisClusterAdapter implements RedisAdapter {
  readonly cluster = true;
  readonly #client: NodeRedisCluster;

  constructor(client: NodeRedisCluster) {
    this.#client = client;
  }

  get problem(): string | undefined {
    return notOpen(this.#client);
  }

  send(key: string | undefined, ...args: [string, ...string[]]): Promise<Reply> {
    // Never as read-only: a replica may not have heard of a logout yet.
    return this.#client.sendCommand(key, false, args).then(normalised, throwWithoutValues);
  }

  listen(
    channel: string,
    onMessage: (text: string) => void,
    onError: (error: unknown) => void,
  ): Subscription {
    return listenNodeRedis(this.#client, channel, onMessage, onError);
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
    return this.#client.call(...args).then(normalised, throwWithoutValues);
  }

  listen(
    channel: string,
    onMessage: (text: string) => void,
    onError: (error: unknown) => void,
  ): Subscription {
    const own = this.#duplicate();
    let stopped = false;
    own.on('error', onError);
    own.on('message', (from, text) => from === channel && onMessage(text));
    const subscribe = (): void => {
      if (stopped || own.status !== 'ready') return;
      own.subscribe(channel).catch((error: unknown) => {
        if (stopped) return;
        onError(error);
        setTimeout(subscribe, SUBSCRIBE_AGAIN).unref();
      });
    };
    own.on('ready', subscribe);
    if (own.status === 'wait') void own.connect().catch(onError);
    return {
      stop: () => {
        stopped = true;
        own.disconnect();
      },
    };
  }

  /**
   * We subscribe at each connection ourselves: what the driver does of its own accord is awaited by nobody, so that
   * a server which refuses it (`NOPERM`) would end the process. The driver's cluster does it well.
   */
  #duplicate(): IoRedisSubscriber {
    if (this.cluster) return this.#client.duplicate() as IoRedisSubscriber;
    return (this.#client as unknown as Duplicated).duplicate({ autoResubscribe: false });
  }
}

/** Milliseconds after which a subscription that failed is tried again. */
const SUBSCRIBE_AGAIN = 250;

function listenNodeRedis(
  client: NodeRedisClient | NodeRedisCluster,
  channel: string,
  onMessage: (text: string) => void,
  onError: (error: unknown) => void,
): Subscription {
  const own = client.duplicate() as NodeRedisSubscriber;
  let stopped = false;
  const stop = () => {
    stopped = true;
    try {
      own.destroy();
    } catch {
      // Not connected: there is nothing to close.
    }
  };
  own.on('error', onError);
  const hear = (text: unknown) => onMessage(String(text));
  const failed = (error: unknown) => {
    if (!stopped) onError(error);
  };
  const subscribe = (): void => {
    if (stopped) return stop();
    own.subscribe(channel, hear).catch((error: unknown) => {
      failed(error);
      // Lost on its way: the driver subscribes again by itself only to what it once had.
      setTimeout(subscribe, SUBSCRIBE_AGAIN).unref();
    });
  };
  own.connect().then(subscribe, failed);
  return { stop };
}

interface NodeRedisSubscriber {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (text: unknown) => void): Promise<unknown>;
  destroy(): void;
}

/** A client of ioredis that is no cluster. */
interface Duplicated {
  duplicate(override: { autoResubscribe: boolean }): IoRedisSubscriber;
}

interface IoRedisSubscriber {
  readonly status: string;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
  on(event: 'ready', listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

function notOpen(client: { readonly isOpen: boolean }): string | undefined {
  return client.isOpen ? undefined : 'it is not connected: call "await client.connect()" first';
}

/** Drivers map the server's types in several ways, some of them by the application's options. */
function normalised(reply: unknown): Reply {
  if (typeof reply === 'string') return reply;
  if (typeof reply === 'number' || typeof reply === 'bigint') return String(reply);
  if (reply === null || reply === undefined) return null;
  if (Array.isArray(reply)) return reply.map(normalised);
  if (reply instanceof Uint8Array) return Buffer.from(reply).toString();
  throw new TypeError('The Redis client answered with a type that no command of ours has.');
}
