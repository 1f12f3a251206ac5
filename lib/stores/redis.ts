import { randomBytes } from 'node:crypto';
import { SessionError } from '../core/errors.js';
import type { SessionEvent } from '../core/events.js';
import type { RecordDelta, SessionRecord } from '../core/record.js';
import type {
  Committed,
  Created,
  Departed,
  Epitaph,
  Loaded,
  SessionLimit,
  SessionStore,
  StoreContext,
} from '../core/store.js';
import { portOf, type RedisClient, type RedisPort, type Reply } from './redis-client.js';
import { corrupt, decode, encode, encodeDelta, fieldsOf, FORMAT_VERSION } from './redis-codec.js';
import { RedisEvents } from './redis-events.js';
import { SubjectIndex } from './redis-index.js';
import { COMMIT, CREATE, DESTROY, LOAD } from './redis-scripts.js';

export { RedisRevocations, type RedisRevocationsOptions } from './redis-revocations.js';
export type { IoRedisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './redis-client.js';

export interface RedisStoreOptions {
  /**
   * A client that the application made and connected, and that it closes: `createClient()` or
   * `createCluster()` of `redis` 5 or later, `Redis` or `Cluster` of `ioredis`. Give it a listener for
   * `error`, as its driver asks for.
   */
  client: RedisClient;
  /** What all keys and the channel of the events begin with. @default 'nest-sessions:' */
  prefix?: string;
}

/**
 * Sessions in Redis 5 or later (or Valkey), alone or as a cluster.
 *
 * A session is one hash under its id, so whatever has to be atomic happens in one key, by a script. To load
 * is one round trip, and so is to commit. The server's time decides, and its expiry removes what is over.
 * The server should not evict (`maxmemory-policy noeviction`): a session that it evicts is logged out.
 *
 * While there is no connection the drivers keep commands for later (node-redis for 5 seconds, or what its
 * `commandOptions.timeout` says); the request has long been answered with 503 by then. `disableOfflineQueue` of
 * node-redis and `enableOfflineQueue: false` of ioredis stop that.
 */
export class RedisStore implements SessionStore {
  readonly #port: RedisPort;
  readonly #prefix: string;
  readonly #index: SubjectIndex;
  readonly #events: RedisEvents;
  #warn: (message: string) => void = () => undefined;
  #troubleTold = false;

  /** @throws SessionError `ERR_OPTIONS` for a client that is of no known driver */
  constructor({ client, prefix = 'nest-sessions:' }: RedisStoreOptions) {
    if (typeof prefix !== 'string') {
      throw new SessionError('ERR_OPTIONS', 'RedisStore: prefix is the text that all keys begin with.');
    }
    this.#port = portOf(client);
    this.#prefix = prefix;
    this.#index = new SubjectIndex(this.#port, prefix, (id) => this.#key(id));
    this.#events = new RedisEvents(this.#port, prefix, (error) => this.#tellOnce(error));
  }

  bind(context: StoreContext): void {
    const { warn } = context;
    this.#warn = warn;
    this.#events.bind(context);
    const { trouble } = this.#port;
    if (trouble) warn(`The Redis client of the session store does not work yet: ${trouble}.`);
  }

  load(id: string): Promise<Loaded | Departed | undefined> {
    return LOAD.run(this.#port, this.#key(id)).then((reply) => {
      const [seconds, micros, flat] = reply as [string, string, Reply];
      if (!Array.isArray(flat)) throw corrupt(id);
      const found = decode(id, fieldsOf(flat as string[]));
      if (!found || 'departed' in found) return found;
      return { record: found, time: milliseconds(seconds, micros) };
    });
  }

  async create(record: SessionRecord, ttl: number, limit?: SessionLimit): Promise<Created> {
    if (limit?.onExceeded === 'reject') return this.#createIfRoom(record, ttl, limit);
    await this.#insert(record, ttl);
    return { outcome: 'created', evicted: limit ? await this.#trim(record.subject!, limit) : [] };
  }

  async commit(id: string, delta: RecordDelta): Promise<Committed> {
    const { secret, revision, rotate, ttl } = delta;
    // A retry of `update()` on top of a commit that was carried out, but never answered, would count twice.
    const commit = revision === undefined ? '' : randomBytes(6).toString('base64url');
    const { set, remove } = encodeDelta(delta, commit);
    const changed = delta.set !== undefined || delta.remove !== undefined;
    const args = [
      FORMAT_VERSION,
      secret,
      revision === undefined ? '' : String(revision),
      rotate?.from ?? '',
      rotate?.to ?? '',
      ttl === undefined ? '' : String(Math.ceil(ttl)),
      changed ? '1' : '',
      commit,
      String(set.length),
    ];
    const done = (await COMMIT.run(this.#port, this.#key(id), ...args, ...set, ...remove)) as Reply[];
    const [outcome, revisionNow, subject] = done as [string, string, string | null | undefined];
    if (outcome === 'corrupt') throw corrupt(id);
    if (outcome === 'gone' || outcome === 'conflict') return { outcome };
    if (ttl !== undefined && subject) this.#extend(subject, id, ttl);
    return { outcome: 'saved', revision: Number(revisionNow) };
  }

  async destroy(id: string, word?: { epitaph: Epitaph; linger: number }): Promise<SessionRecord | undefined> {
    const said = word && word.linger > 0;
    const args = said ? [word.epitaph, String(Math.ceil(word.linger))] : ['', ''];
    const last = await DESTROY.run(this.#port, this.#key(id), ...args);
    if (last === null) return undefined;
    if (!Array.isArray(last)) throw corrupt(id);
    const record = decode(id, fieldsOf(last as string[])) as SessionRecord;
    if (record.subject !== undefined) this.#index.leave(record.subject, id);
    return record;
  }

  list(subject: string): Promise<SessionRecord[]> {
    return this.#index.list(subject);
  }

  /** The server's clock. In a cluster that of any of them, which ought to agree. */
  async time(): Promise<number> {
    const [seconds, micros] = (await this.#port.send(undefined, 'TIME')) as [string, string];
    return milliseconds(seconds, micros);
  }

  publish(event: SessionEvent): void {
    this.#events.publish(event);
  }

  /** Opens a connection of its own, a duplicate of the client. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#events.subscribe(listener);
  }

  /** Closes the connection of {@link subscribe}; the client stays open. */
  close(): void {
    this.#events.close();
  }

  /** Index first, so that no session is ever live and unlisted. */
  async #insert(record: SessionRecord, ttl: number): Promise<void> {
    const { subject, id } = record;
    const entered = subject !== undefined && ttl > 0 ? this.#index.enter(subject, id, ttl) : undefined;
    // On one connection the order is kept without waiting: one round trip for both.
    if (this.#port.cluster) await entered;
    await Promise.all([entered, this.#write(record, ttl)]);
  }

  async #write(record: SessionRecord, ttl: number): Promise<void> {
    const args = [String(Math.ceil(ttl)), record.secretHash, ...encode(record)];
    const created = await CREATE.run(this.#port, this.#key(record.id), ...args);
    if (created !== '1') throw new Error('a session of this id exists');
  }

  /**
   * Ends the oldest sessions above the limit. Every login does so after it wrote its session, by the same
   * order; so of many at once the last sees them all, and none ends one that the others would keep.
   */
  async #trim(subject: string, { max, replaces, linger }: SessionLimit): Promise<SessionRecord[]> {
    const live = await this.#index.list(subject);
    // What began at the same time stays in the order of its arrival.
    const counted = live.filter(({ id }) => id !== replaces).sort((a, b) => a.createdAt - b.createdAt);
    const surplus = counted.slice(0, Math.max(0, counted.length - max));
    const ended = await Promise.all(
      surplus.map(({ id }) => this.destroy(id, { epitaph: 'evicted', linger })),
    );
    return ended.filter((record) => record !== undefined);
  }

  /** Whoever comes in counts those who applied before, written or not; so of many at once just enough come in. */
  async #createIfRoom(record: SessionRecord, ttl: number, limit: SessionLimit): Promise<Created> {
    const { subject, id } = record as SessionRecord & { subject: string };
    const admission = await this.#index.apply(subject, id, ttl, limit.replaces);
    if (admission.occupied >= limit.max) {
      this.#index.leave(subject, id);
      return { outcome: 'rejected' };
    }
    await this.#write(record, ttl);
    this.#index.admit(subject, id, admission);
    return { outcome: 'created', evicted: [] };
  }

  /** Nobody waits for it: the index outlives the session by as much again, so a later roll will do as well. */
  #extend(subject: string, id: string, ttl: number): void {
    if (ttl > 0) void this.#index.enter(subject, id, ttl).catch(() => undefined);
    else this.#index.leave(subject, id);
  }

  #key(id: string): string {
    return `${this.#prefix}s:${id}`;
  }

  #tellOnce(error: unknown): void {
    if (this.#troubleTold) return;
    this.#troubleTold = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#warn(
      `Events of other nodes may be missed: Redis pub/sub failed (${why}). Sessions themselves are not affected. Told once.`,
    );
  }
}

const milliseconds = (seconds: string, micros: string): number =>
  Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
