import { systemClock } from '../../core/util/clock.js';
import { checkOptions, isKeyPrefix, optional, type OptionChecks } from '../../core/util/options.js';
import type { EventChannel } from '../../core/events/event-channel.js';
import type { SessionEvent } from '../../core/events/events.js';
import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  StoreFinding,
  StoreProblem,
  Tombstone,
} from '../../core/storage/store.js';
import { adaptClient, type RedisAdapter } from './connection/adapter.js';
import { DEFAULT_PREFIX, isRedisClient, type RedisClient } from './connection/client.js';
import { diagnoseRedis } from './diagnosis.js';
import { examineRedis, NOT_RECEIVED } from './examination.js';
import { redisEvents } from './events.js';
import { isText, tuple } from './connection/reply.js';
import { SessionCreation, type Evicted } from './session-creation.js';
import { SessionHashes, toMilliseconds } from './session-hash.js';
import { SubjectIndex } from './subjects/subject-index.js';

export type { SharedRevocationsOptions } from '../../revocations/replicated.js';
export { RedisRevocations, type RedisRevocationsOptions } from './revocations.js';
export type {
  IoRedisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './connection/client.js';

/** What `RedisStore` takes. */
export interface RedisStoreOptions {
  /**
   * A client that the application creates, connects and closes: `createClient()` or `createCluster()` of `redis` 5 or
   * later, `Redis` or `Cluster` of `ioredis`. Add a listener for `error`, as its driver demands.
   */
  client: RedisClient;
  /** The prefix of all keys and of the events channel. @default 'nest-sessions:' */
  prefix?: string;
}

const CHECKS: OptionChecks<RedisStoreOptions> = {
  client: isRedisClient,
  prefix: optional(isKeyPrefix),
};

/**
 * Sessions in Redis 5 or later (or Valkey), standalone or as a cluster.
 *
 * A session is one hash under its id, so everything atomic happens in one key, by a script. A load is one round trip, and
 * so is a commit. The server's clock decides, and its expiry removes ended sessions. The server should not evict
 * (`maxmemory-policy noeviction`): a session that it evicts is logged out.
 *
 * Without a connection the drivers queue commands (node-redis for 5 seconds, or for its `commandOptions.timeout`), whose
 * requests have long been answered with 503. `disableOfflineQueue` of node-redis and `enableOfflineQueue: false` of
 * ioredis turn that off.
 */
export class RedisStore implements SessionStore {
  readonly #redis: RedisAdapter;
  readonly #sessions: SessionHashes;
  readonly #index: SubjectIndex;
  readonly #creation: SessionCreation;
  readonly #events: EventChannel;
  #context: StoreContext = UNBOUND;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: RedisStoreOptions) {
    checkOptions('RedisStore', options, CHECKS);
    const { client, prefix = DEFAULT_PREFIX } = options;
    this.#redis = adaptClient(client);
    this.#sessions = new SessionHashes(this.#redis, prefix);
    this.#index = new SubjectIndex(this.#redis, prefix, (id) => this.#sessions.head(id));
    this.#creation = new SessionCreation(!this.#redis.cluster, this.#sessions, this.#index);
    this.#events = redisEvents(this.#redis, prefix, (message) => this.#context.warn(message));
  }

  bind(context: StoreContext): void {
    this.#context = context;
    this.#events.bind(context);
    const { problem } = this.#redis;
    // Of an application's store it is found by `diagnose`.
    if (problem && !context.health)
      context.warn(`The Redis client of the session store does not work yet: ${problem}.`);
  }

  load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return this.#sessions.load(id);
  }

  create(record: SessionRecord, ttl: number, limit?: SessionLimit, provedAt?: number): Promise<CreateResult> {
    return this.#creation.create(record, ttl, limit, provedAt);
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    const result = await this.#sessions.commit(id, delta);
    if (result.outcome !== 'saved') return { outcome: result.outcome };
    const { revision, subject } = result;
    if (subject !== undefined && delta.ttl !== undefined) this.#extend(subject, id, delta.ttl);
    return { outcome: 'saved', revision };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    const record = await this.#sessions.destroy(id, tombstone);
    // Not awaited: an id that stays in the index is removed by a later list.
    if (record?.subject !== undefined) void this.#index.remove(record.subject, id);
    return record;
  }

  list(subject: string, limit?: number): Promise<SessionRecord[]> {
    return this.#index.list(subject, limit);
  }

  markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    return this.#index.markRevoked(subject, at, ttl);
  }

  async evict(subject: string, limit: SessionLimit): Promise<Evicted> {
    const { count } = await this.#index.check(subject, undefined);
    return this.#creation.trim(subject, count, limit);
  }

  /** The server's clock. In a cluster that of any server; their clocks should agree. */
  async time(): Promise<number> {
    const [seconds, microseconds] = tuple(await this.#redis.send(undefined, 'TIME'), isText, isText);
    return toMilliseconds(seconds, microseconds);
  }

  /** Whether the server responds, does not evict, is no replica, and agrees on the time. */
  diagnose(): Promise<StoreProblem[]> {
    return diagnoseRedis(this.#redis, this.#context);
  }

  /** Version, memory, persistence and kind of the server, and whether events come back. */
  async examine(): Promise<StoreFinding[]> {
    return [...(await examineRedis(this.#redis)), ...(await this.#events.examine(NOT_RECEIVED))];
  }

  /** In a cluster any server responds. */
  async ping(): Promise<void> {
    await this.#redis.send(undefined, 'PING');
  }

  publish(event: SessionEvent): void {
    this.#events.publish(event);
  }

  /** Opens a connection of its own, a duplicate of the client. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#events.subscribe(listener);
  }

  /**
   * Closes the connection of {@link subscribe}, and waits up to a second for pending writes to the index. The client
   * stays open.
   */
  async close(): Promise<void> {
    this.#events.close();
    await atMost(CLOSE_TIMEOUT, this.#index.settled());
  }

  /** Not awaited: the index outlives the session, so a later roll can extend it as well. */
  #extend(subject: string, id: string, ttl: number): void {
    if (ttl > 0) this.#index.extend(subject, id, ttl);
    else void this.#index.remove(subject, id);
  }
}

const UNBOUND: StoreContext = { clock: systemClock, clockInjected: false, warn: () => undefined };

/** How long pending writes may delay the shutdown of the application, in milliseconds. */
const CLOSE_TIMEOUT = 1_000;

async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
