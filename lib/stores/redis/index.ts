import { randomBytes } from 'node:crypto';
import { isSessionError } from '../../core/util/errors.js';
import { checkOptions, isKeyPrefix, optional, type OptionChecks } from '../../core/util/options.js';
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
  Tombstone,
} from '../../core/storage/store.js';
import { adaptClient, isRedisClient, type RedisClient, type RedisAdapter, type Reply } from './client.js';
import { corrupt, decode, encode, encodeDelta, fieldsOf, FORMAT_VERSION } from './codec.js';
import { RedisEvents } from './events.js';
import { SubjectIndex, type Standing } from './subject-index.js';
import { COMMIT, CREATE, DESTROY, LOAD } from './scripts.js';

export type { SharedRevocationsOptions } from '../../revocations/replicated.js';
export { RedisRevocations, type RedisRevocationsOptions } from './revocations.js';
export type { IoRedisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './client.js';

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

const CHECKS: OptionChecks<RedisStoreOptions> = {
  client: isRedisClient,
  prefix: optional(isKeyPrefix),
};

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
  readonly #redis: RedisAdapter;
  readonly #prefix: string;
  readonly #index: SubjectIndex;
  readonly #events: RedisEvents;
  #warn: (message: string) => void = () => undefined;
  #warned = false;

  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: RedisStoreOptions) {
    checkOptions('RedisStore', options, CHECKS);
    const { client, prefix = 'nest-sessions:' } = options;
    this.#redis = adaptClient(client);
    this.#prefix = prefix;
    this.#index = new SubjectIndex(this.#redis, prefix, (id) => this.#key(id));
    this.#events = new RedisEvents(this.#redis, prefix, (error) => this.#warnOnce(error));
  }

  bind(context: StoreContext): void {
    const { warn } = context;
    this.#warn = warn;
    this.#events.bind(context);
    const { problem } = this.#redis;
    if (problem) warn(`The Redis client of the session store does not work yet: ${problem}.`);
  }

  load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return LOAD.run(this.#redis, this.#key(id)).then((reply) => {
      const [seconds, micros, flat] = reply as [string, string, Reply];
      if (!Array.isArray(flat)) throw corrupt(id);
      const found = decode(id, fieldsOf(flat as string[]));
      if (!found || 'ended' in found) return found;
      return { record: found, time: milliseconds(seconds, micros) };
    });
  }

  async create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    const { subject } = record;
    if (subject === undefined) {
      await this.#write(record, ttl);
      return { outcome: 'created', evicted: [] };
    }
    if (limit?.onExceeded === 'reject') return this.#createIfRoom(record, subject, ttl, limit, provedAt);
    const standing = await this.#insert(record, subject, ttl, limit !== undefined, provedAt);
    if (standing?.revoked) return this.#revoked(record.id, subject);
    const { evicted, more } = standing && limit ? await this.#trim(subject, standing.count, limit) : NONE;
    return { outcome: 'created', evicted, ...(more && { more }) };
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    const { epoch, revision, rotate, ttl } = delta;
    // A retry of `update()` on top of a commit that was carried out, but never answered, would count twice.
    const commit = revision === undefined ? '' : randomBytes(6).toString('base64url');
    const { set, remove, confirm } = encodeDelta(delta, commit);
    const changed = delta.set !== undefined || delta.remove !== undefined;
    const args = [
      FORMAT_VERSION,
      String(epoch),
      revision === undefined ? '' : String(revision),
      rotate?.from ?? '',
      rotate?.to ?? '',
      ttl === undefined ? '' : String(Math.ceil(ttl)),
      changed ? '1' : '',
      commit,
      delta.confirm?.secretHash ?? '',
      ...[set, confirm.set, confirm.remove].map(({ length }) => String(length)),
    ];
    const fields = [...set, ...confirm.set, ...confirm.remove, ...remove];
    const done = (await COMMIT.run(this.#redis, this.#key(id), ...args, ...fields)) as Reply[];
    const [outcome, revisionNow, subject] = done as [string, string, string | null | undefined];
    if (outcome === 'corrupt') throw corrupt(id);
    if (outcome === 'gone' || outcome === 'conflict') return { outcome };
    // Answered only where the index needs it: a session that rolls costs no more than this one command.
    if (ttl !== undefined && subject) this.#extend(subject, id, ttl);
    return { outcome: 'saved', revision: Number(revisionNow) };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    const record = await this.#destroy(id, tombstone);
    // Nobody waits for it: an id that stays is found dead later.
    if (record?.subject !== undefined) void this.#index.remove(record.subject, id);
    return record;
  }

  list(subject: string, limit?: number): Promise<SessionRecord[]> {
    return this.#index.list(subject, limit);
  }

  markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    return this.#index.markRevoked(subject, at, ttl);
  }

  async evict(subject: string, limit: SessionLimit): Promise<{ evicted: SessionRecord[]; more: boolean }> {
    const { count } = await this.#index.check(subject, undefined);
    return this.#trim(subject, count, limit);
  }

  /** The server's clock. In a cluster that of any of them, which ought to agree. */
  async time(): Promise<number> {
    const [seconds, micros] = (await this.#redis.send(undefined, 'TIME')) as [string, string];
    return milliseconds(seconds, micros);
  }

  publish(event: SessionEvent): void {
    this.#events.publish(event);
  }

  /** Opens a connection of its own, a duplicate of the client. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#events.subscribe(listener);
  }

  /**
   * Closes the connection of {@link subscribe}, and waits a moment for what is still on its way to the index; the client
   * stays open.
   */
  async close(): Promise<void> {
    this.#events.close();
    await atMost(CLOSING, this.#index.settled());
  }

  /**
   * Index first, so that no session is ever live and unlisted, and the mark of a revocation last: if it is not there
   * by then, whoever leaves it finds the session when they list them.
   */
  async #insert(
    record: SessionRecord,
    subject: string,
    ttl: number,
    counted: boolean,
    provedAt: number | undefined,
  ): Promise<Standing | undefined> {
    const entered = ttl > 0 ? this.#index.add(subject, record.id, ttl) : NOTHING;
    // On one connection the order is kept without waiting: one round trip for all.
    if (this.#redis.cluster) await entered;
    const written = this.#write(record, ttl);
    if (!counted && provedAt === undefined) {
      await Promise.all([entered, written]);
      return undefined;
    }
    return this.#checkAfter([entered, written], subject, provedAt);
  }

  async #checkAfter(
    writes: Promise<{ late: boolean }>[],
    subject: string,
    provedAt: number | undefined,
  ): Promise<Standing> {
    if (this.#redis.cluster) await Promise.all(writes);
    const checked = this.#index.check(subject, provedAt);
    const [standing, ...written] = await Promise.all([checked, ...writes]);
    return written.some(({ late }) => late) ? this.#index.check(subject, provedAt) : standing;
  }

  async #write(record: SessionRecord, ttl: number): Promise<{ late: boolean }> {
    const indexed = record.subject === undefined ? '' : '1';
    const args = [String(Math.ceil(ttl)), record.secretHash, indexed, ...encode(record)];
    const { reply, late } = await CREATE.tell(this.#redis, this.#key(record.id), ...args);
    if (reply !== '1') throw new Error('a session of this id exists');
    return { late };
  }

  async #revoked(id: string, subject: string): Promise<CreateResult> {
    await this.#destroy(id);
    await this.#index.remove(subject, id);
    return { outcome: 'revoked' };
  }

  /**
   * Ends the oldest sessions above the limit. Every login does so after it wrote its session, by the same
   * order; so of many at once the last sees them all, and none ends one that the others would keep.
   */
  async #trim(
    subject: string,
    count: number,
    limit: SessionLimit,
  ): Promise<{ evicted: SessionRecord[]; more: boolean }> {
    const { ids, more } = await this.#index.surplus(subject, count, limit);
    const tombstone = { reason: 'evicted', ttl: limit.tombstoneTtl } as const;
    const ended = await Promise.all(ids.map((id) => this.#destroy(id, tombstone).catch(unlessCorrupt)));
    void this.#index.remove(subject, ...ids);
    return { evicted: ended.filter((record) => record !== undefined), more };
  }

  /** Whoever comes in counts those who applied before, written or not; so of many at once just enough come in. */
  async #createIfRoom(
    record: SessionRecord,
    subject: string,
    ttl: number,
    limit: SessionLimit,
    provedAt: number | undefined,
  ): Promise<CreateResult> {
    const { id } = record;
    const reservation = await this.#index.reserve(subject, id, ttl, limit);
    if (reservation.full) {
      await this.#index.remove(subject, id);
      return { outcome: 'rejected' };
    }
    const { revoked } = await this.#checkAfter([this.#write(record, ttl)], subject, provedAt);
    if (revoked) return this.#revoked(id, subject);
    this.#index.confirm(subject, id, reservation);
    return { outcome: 'created', evicted: [] };
  }

  async #destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    const said = tombstone && tombstone.ttl > 0;
    const args = said ? [tombstone.reason, String(Math.ceil(tombstone.ttl))] : ['', ''];
    const last = await DESTROY.run(this.#redis, this.#key(id), ...args);
    if (last === null) return undefined;
    if (!Array.isArray(last)) throw corrupt(id);
    return decode(id, fieldsOf(last as string[])) as SessionRecord;
  }

  /** Nobody waits for it: the index outlives the session, so a later roll will do as well. */
  #extend(subject: string, id: string, ttl: number): void {
    if (ttl > 0) this.#index.extend(subject, id, ttl);
    else void this.#index.remove(subject, id);
  }

  #key(id: string): string {
    return `${this.#prefix}s:${id}`;
  }

  #warnOnce(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#warn(
      `Events of other nodes may be missed: Redis pub/sub failed (${why}). Sessions themselves are not affected. Told once.`,
    );
  }
}

/** In place of a script that need not run. */
const NOTHING = Promise.resolve({ late: false });

const NONE = { evicted: [], more: false };

/** How long what is under way may hold up the end of the application, in milliseconds. */
const CLOSING = 1_000;

/** A session that cannot be read has ended like any other, but there is nothing to tell of it. */
function unlessCorrupt(error: unknown): undefined {
  if (isSessionError(error) && error.code === 'ERR_RECORD_CORRUPT') return undefined;
  throw error;
}

async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, over]);
  clearTimeout(timer);
}

/** With the fraction. */
const milliseconds = (seconds: string, micros: string): number =>
  (Number(seconds) * 1_000_000 + Number(micros)) / 1_000;
