import { randomBytes } from 'node:crypto';
import {
  checkOptions,
  isDuration,
  isKeyPrefix,
  optional,
  type OptionChecks,
} from '../../core/util/options.js';
import { MOST_PER_SUBJECT } from '../../revocations/revocation-table.js';
import type { Revocation, RevocationContext } from '../../revocations/revocation-list.js';
import type { StoreFinding, StoreProblem } from '../../core/storage/store.js';
import { adaptClient, type RedisAdapter } from './connection/adapter.js';
import { DEFAULT_PREFIX, isRedisClient, type RedisClient } from './connection/client.js';
import { isText, tuple } from './connection/reply.js';
import { diagnoseRedis } from './diagnosis.js';
import { redisTransport } from './events.js';
import { examineRedis, NOT_RECEIVED } from './examination.js';
import { examineChannel } from '../../core/events/arrival.js';
import { LATE } from '../../revocations/revocation-source.js';
import { Script } from './connection/script.js';
import {
  confirmedOf,
  LAST_TIME,
  readRevocation,
  scopeOf,
  writeRevocation,
} from '../../revocations/revocation-codec.js';
import {
  SharedRevocations,
  type Added,
  type RevocationPage,
  type RevocationSource,
  type SharedRevocationsOptions,
} from '../../revocations/replicated.js';

/** What `RedisRevocations` takes. */
export interface RedisRevocationsOptions extends SharedRevocationsOptions {
  /** A client that the application creates, connects and closes, of `redis` 5 or later or `ioredis`. */
  client: RedisClient;
  /** The prefix of all keys and of the channel. @default 'nest-sessions:' */
  prefix?: string;
}

const CHECKS: OptionChecks<RedisRevocationsOptions> = {
  client: isRedisClient,
  prefix: optional(isKeyPrefix),
  staleness: optional(isDuration),
};

/**
 * Revocations in Redis 5 or later, standalone or a cluster, for `SealedCookie` on any number of nodes.
 *
 * Revocations hold as long as Redis keeps them: turn persistence on (`appendonly yes`) and eviction off. If Redis loses
 * the whole list, all cookies issued before are rejected. If it returns to a state of some seconds ago, revocations of
 * these seconds are known only to the nodes that are still running.
 */
export class RedisRevocations extends SharedRevocations {
  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: RedisRevocationsOptions) {
    checkOptions('RedisRevocations', options, CHECKS);
    const { client, prefix = DEFAULT_PREFIX, staleness } = options;
    super(new RedisSource(adaptClient(client), prefix), { staleness });
  }
}

/** The message on the channel. It is unsigned, so it means only that the list may have changed. */
const NOTICE = 'changed';

/** Maximum number of entries per reply. */
const LIMIT = 1_000;

/**
 * KEYS[1] is a hash with the epoch and the number of the last write. Further keys hold the entries, and the keys of the
 * entries by the number of the write, by expiry and by subject. All have the same hash tag, so they are on one server.
 */
const KEYS = `
local base = KEYS[1]
local entries, log, expiry = base .. ':entries', base .. ':log', base .. ':expiry'
local function keysOf(subject) return base .. ':of:' .. subject end
local function drop(key)
  redis.call('HDEL', entries, key)
  redis.call('ZREM', log, key)
  redis.call('ZREM', expiry, key)
  local subject = string.match(key, '^u:([^:]+):')
  if subject then redis.call('SREM', keysOf(subject), key) end
end`;

/**
 * ARGV: key, rank, until, body, channel, epoch; the subject and the scope, or two empty texts; an unreadable entry that
 * may be replaced, or an empty text; the end of the rotation that is confirmed, or an empty text.
 *
 * Returns 1 if the entry was added, the entry in effect, and the number of entries of the subject. An entry that
 * ends all sessions of a subject replaces those of the same or a lower rank. Of the times at which these began, the latest
 * is kept: a node may not have read an entry that it replaces, and logins from before that one are still under way.
 */
const ADD = new Script(`${KEYS}
local function beganAt(text)
  local at = tonumber(string.match(text, '"at":(%d+%.?%d*)[,}]') or '')
  return at and at <= ${LAST_TIME} and at or nil
end
local function withLatestStart(text, replaced)
  local ours, theirs = beganAt(text), beganAt(replaced)
  if not ours or not theirs or theirs <= ours then return text end
  return (string.gsub(text, '"at":%d+%.?%d*', string.match(replaced, '"at":%d+%.?%d*'), 1))
end
local key, rank, till, body, channel, epoch, subject, scope, broken, confirmed = unpack(ARGV, 1, 10)
redis.call('HSETNX', base, 'epoch', epoch)
local added = '1'
local old = redis.call('HGET', entries, key)
if old and old ~= broken then
  local oldRank, oldTill, oldBody = string.match(old, '^(%d+)|(%d+)|(.*)$')
  if oldRank then
    -- A driver that lost the reply resends the command: this is the same write, which ends with its nonce.
    if string.match(oldBody, '"[%w_-]+"%]$') == string.match(body, '"[%w_-]+"%]$') then return {'1', old, '0'} end
    local stays = tonumber(oldRank) >= tonumber(rank)
    if stays and confirmed ~= '' and tonumber(oldRank) == tonumber(rank) then
      local oldConfirmed = string.match(oldBody, '"confirmed":(%d+)')
      stays = oldConfirmed and tonumber(oldConfirmed) <= tonumber(confirmed)
    end
    if stays then return {'0', old, '0'} end
    if tonumber(oldTill) > tonumber(till) then till = oldTill end
    if scope == 'only' then added = '0' end
    body = withLatestStart(body, oldBody)
  end
end
if scope == 'all' then
  for _, other in ipairs(redis.call('SMEMBERS', keysOf(subject))) do
    local entry = redis.call('HGET', entries, other) or ''
    local otherRank, otherTill = string.match(entry, '^(%d+)|(%d+)|')
    if not otherRank then
      drop(other)
    elseif tonumber(otherRank) <= tonumber(rank) then
      if tonumber(otherTill) > tonumber(till) then till = otherTill end
      body = withLatestStart(body, entry)
      drop(other)
    end
  end
end
local entry = rank .. '|' .. till .. '|' .. body
local seq = redis.call('HINCRBY', base, 'seq', 1)
redis.call('HSET', entries, key, entry)
redis.call('ZADD', log, seq, key)
redis.call('ZADD', expiry, till, key)
local count = 0
if subject ~= '' then
  redis.call('SADD', keysOf(subject), key)
  count = redis.call('SCARD', keysOf(subject))
end
redis.call('PUBLISH', channel, '${NOTICE}')
return {added, entry, tostring(count)}`);

/**
 * ARGV: the number of the last known write, the maximum number of entries, the time or '' for the server's own, epoch.
 * Removes some expired entries. Returns the epoch, seconds, microseconds, the number to continue from, and the entries.
 * Only a list without an epoch must be written: a server that refuses writes (memory full, read-only, too few replicas) can
 * still be read.
 */
const CHANGES = new Script(`${KEYS}
if redis.call('HEXISTS', base, 'epoch') == 0 then redis.call('HSET', base, 'epoch', ARGV[4]) end
local time = redis.call('TIME')
local now = ARGV[3]
if now == '' then now = string.format('%.0f', time[1] * 1000) end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', '(' .. now, 'LIMIT', 0, 1000)) do
  -- An error is a table.
  if type(redis.pcall('HDEL', entries, key)) == 'table' then break end
  drop(key)
end
local found = redis.call('ZRANGEBYSCORE', log, '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local reply = {redis.call('HGET', base, 'epoch'), time[1], time[2], redis.call('HGET', base, 'seq') or '0'}
if #found / 2 >= tonumber(ARGV[2]) then reply[4] = found[#found] end
for i = 1, #found, 2 do reply[#reply + 1] = redis.call('HGET', entries, found[i]) end
return reply`);

class RedisSource implements RevocationSource {
  readonly #redis: RedisAdapter;
  readonly #key: string;
  readonly #channel: string;

  constructor(redis: RedisAdapter, prefix: string) {
    this.#redis = redis;
    this.#key = `{${prefix}revocations}`;
    this.#channel = `${prefix}revocations`;
  }

  async changes(cursor: number, now: number | undefined): Promise<RevocationPage> {
    const time = now === undefined ? '' : String(now);
    const args = [String(cursor), String(LIMIT), time, newEpoch()];
    const reply = await CHANGES.run(this.#redis, this.#key, ...args);
    const [epoch, seconds, microseconds, next, ...entries] = tuple(reply, isText, isText, isText, isText);
    const revocations = entries.map(parse).filter((revocation) => revocation !== undefined);
    return {
      epoch,
      time: now ?? Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000),
      cursor: Number(next),
      revocations,
      unreadable: entries.length - revocations.length,
      more: entries.length >= LIMIT,
    };
  }

  async add(revocation: Revocation, broken = ''): Promise<Added> {
    const { key, rank, until, body } = writeRevocation(revocation, newEpoch());
    const { subject, scope } = scopeOf(revocation);
    const args = [
      key,
      rank,
      until,
      body,
      this.#channel,
      newEpoch(),
      subject,
      scope,
      broken,
      confirmedOf(revocation),
    ];
    const reply = await ADD.run(this.#redis, this.#key, ...args);
    const [added, text, count] = tuple(reply, isText, isText, isText);
    const standing = parse(text);
    // An unreadable entry revokes nothing, so it is replaced.
    if (!standing && added !== '1') {
      if (text === broken) throw new Error(`the entry ${key} can be neither read nor replaced`);
      return this.add(revocation, text);
    }
    return {
      added: added === '1',
      standing: standing ?? revocation,
      crowded: Number(count) > MOST_PER_SUBJECT,
    };
  }

  diagnose(context: RevocationContext): Promise<StoreProblem[]> {
    return diagnoseRedis(this.#redis, context);
  }

  async examine(): Promise<StoreFinding[]> {
    const transport = redisTransport(this.#redis, this.#channel, () => undefined);
    const notices = { transport, message: () => NOTICE, ...LATE, remedy: NOT_RECEIVED };
    return [...(await examineRedis(this.#redis)), await examineChannel(notices)];
  }

  listen(onNotice: () => void): () => void {
    // Failures are not reported: the list is queried regularly in any case.
    const subscription = this.#redis.listen(this.#channel, onNotice, () => undefined);
    return () => subscription.stop();
  }
}

const newEpoch = (): string => randomBytes(6).toString('base64url');

function parse(text: string): Revocation | undefined {
  const [, rank, until, body] = /^(\d+)\|(\d+)\|(.*)$/s.exec(text) ?? [];
  return readRevocation(rank, until, body);
}
