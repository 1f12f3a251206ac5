import {
  isNodeRedisSentinel,
  type IoRedisClient,
  type NodeRedisClient,
  type NodeRedisCluster,
  type NodeRedisSentinel,
} from './client.js';

/** A subscription on a connection of its own. */
export interface Subscription {
  stop(): void;
}

/** Milliseconds after which a failed subscription is tried again. */
const RETRY_AFTER = 250;

interface IoRedisSubscriber {
  readonly status: string;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'message', listener: (channel: string, text: string) => void): unknown;
  on(event: 'ready', listener: () => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

/** An ioredis client that is not a cluster. */
interface IoRedisSingle {
  duplicate(override: { autoResubscribe: boolean }): IoRedisSubscriber;
}

export function subscribeIoRedis(
  client: IoRedisClient,
  channel: string,
  onMessage: (text: string) => void,
  onError: (error: unknown) => void,
): Subscription {
  const own = duplicateIoRedis(client);
  let stopped = false;
  own.on('error', onError);
  own.on('message', (from, text) => from === channel && onMessage(text));
  const subscribe = (): void => {
    if (stopped || own.status !== 'ready') return;
    own.subscribe(channel).catch((error: unknown) => {
      if (stopped) return;
      onError(error);
      setTimeout(subscribe, RETRY_AFTER).unref();
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
 * The store subscribes after each connect itself. The driver's own resubscription leaves its promise unhandled, so a
 * server that refuses it (`NOPERM`) would end the process. The driver's cluster handles it.
 */
function duplicateIoRedis(client: IoRedisClient): IoRedisSubscriber {
  if (client.isCluster) return client.duplicate() as IoRedisSubscriber;
  return (client as unknown as IoRedisSingle).duplicate({ autoResubscribe: false });
}

interface NodeRedisSubscriber {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (text: unknown) => void): Promise<unknown>;
  destroy(): unknown;
}

/** A client of sentinels opens connections for commands as well, of which this one sends none. */
function duplicateNodeRedis(
  client: NodeRedisClient | NodeRedisCluster | NodeRedisSentinel,
): NodeRedisSubscriber {
  const copy = isNodeRedisSentinel(client)
    ? client.duplicate({ masterPoolSize: 1, replicaPoolSize: 0, reserveClient: false })
    : client.duplicate();
  return copy as NodeRedisSubscriber;
}

export function subscribeNodeRedis(
  client: NodeRedisClient | NodeRedisCluster | NodeRedisSentinel,
  channel: string,
  onMessage: (text: string) => void,
  onError: (error: unknown) => void,
): Subscription {
  const own = duplicateNodeRedis(client);
  let stopped = false;
  const stop = () => {
    stopped = true;
    try {
      // A client of sentinels returns a promise.
      void Promise.resolve(own.destroy()).catch(() => undefined);
    } catch {
      // Not connected: there is nothing to close.
    }
  };
  own.on('error', onError);
  const receive = (text: unknown) => onMessage(String(text));
  const failed = (error: unknown) => {
    if (!stopped) onError(error);
  };
  const subscribe = (): void => {
    if (stopped) return stop();
    own.subscribe(channel, receive).catch((error: unknown) => {
      failed(error);
      // The driver repeats only subscriptions that once succeeded.
      setTimeout(subscribe, RETRY_AFTER).unref();
    });
  };
  own.connect().then(subscribe, failed);
  return { stop };
}
