import { randomBytes } from 'node:crypto';
import {
  checkOptions,
  isDuration,
  isKeyPrefix,
  optional,
  type OptionChecks,
} from '../../core/util/options.js';
import { MOST_PER_SUBJECT } from '../../revocations/revocation-table.js';
import type { Revocation } from '../../revocations/revocation-list.js';
import { adaptClient, isRedisClient, type RedisClient, type RedisAdapter } from './client.js';
import { Script } from './scripts.js';
import { confirmedOf, readRevocation, scopeOf, writeRevocation } from '../../revocations/revocation-codec.js';
import {
  SharedRevocations,
  type Added,
  type RevocationPage,
  type RevocationSource,
  type SharedRevocationsOptions,
} from '../../revocations/replicated.js';

export interface RedisRevocationsOptions extends SharedRevocationsOptions {
  /** A client that the application made and connected, and that it closes, of `redis` 5 or later or `ioredis`. */
  client: RedisClient;
  /** What all keys and the channel begin with. @default 'nest-sessions:' */
  prefix?: string;
}

const CHECKS: OptionChecks<RedisRevocationsOptions> = {
  client: isRedisClient,
  prefix: optional(isKeyPrefix),
  staleness: optional(isDuration),
};

/**
 * Revocations in Redis 5 or later, alone or as a cluster, for `SealedCookie` on any number of nodes.
 *
 * What is revoked stays so as long as Redis keeps it: turn persistence on (`appendonly yes`) and eviction off.
 * Should it lose the list as a whole, all cookies from before are refused; should it come back as it was some
 * seconds ago, what was revoked in these seconds is known only to the nodes that are still running.
 */
export class RedisRevocations extends SharedRevocations {
  /** @throws SessionError `ERR_OPTIONS` */
  constructor(options: RedisRevocationsOptions) {
    checkOptions('RedisRevocations', options, CHECKS);
    const { client, prefix = 'nest-sessions:', staleness } = options;
    super(new RedisSource(adaptClient(client), prefix), { staleness });
  }
}

/** What is told on the channel. Nobody believes more of it than that the list may have changed. */
const NOTICE = 'changed';

/** Entries per answer. */
const LIMIT = 1_000;

/**
 * KEYS[1], a hash with the epoch and the number of the last write; beside it the entries by key, their keys
 * by the number of the write, by when they expire, and by subject. All of them under one hash tag, so on one
 * server.
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
 * ARGV: key, rank, until, body, channel, epoch, the subject and how much of it is meant or two empty texts, an
 * entry that nobody can read and that may be replaced, when a rotation ends that is confirmed or an empty text. Answers
 * whether it was not there, what stands, and how many entries of the subject there are. One that ends all of a subject takes the place of those that say no more.
 */
const ADD = new Script(`${KEYS}
local key, rank, till, body, channel, epoch, subject, scope, broken, confirmed = unpack(ARGV, 1, 10)
redis.call('HSETNX', base, 'epoch', epoch)
local added = '1'
local have = redis.call('HGET', entries, key)
if have and have ~= broken then
  local haveRank, haveTill, haveBody = string.match(have, '^(%d+)|(%d+)|(.*)$')
  if haveRank then
    -- A driver that lost the answer sends the command again: that is the same write.
    if haveBody == body then return {'1', have, '0'} end
    local stands = tonumber(haveRank) >= tonumber(rank)
    if stands and confirmed ~= '' and tonumber(haveRank) == tonumber(rank) then
      local haveConfirmed = string.match(haveBody, '"confirmed":(%d+)')
      stands = haveConfirmed and tonumber(haveConfirmed) <= tonumber(confirmed)
    end
    if stands then return {'0', have, '0'} end
    if tonumber(haveTill) > tonumber(till) then till = haveTill end
    if scope == 'only' then added = '0' end
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
      drop(other)
    end
  end
end
local entry = rank .. '|' .. till .. '|' .. body
local seq = redis.call('HINCRBY', base, 'seq', 1)
redis.call('HSET', entries, key, entry)
redis.call('ZADD', log, seq, key)
redis.call('ZADD', expiry, till, key)
local handle = 0
if subject ~= '' then
  redis.call('SADD', keysOf(subject), key)
  handle = redis.call('SCARD', keysOf(subject))
end
redis.call('PUBLISH', channel, '${NOTICE}')
return {added, entry, tostring(handle)}`);

/**
 * ARGV: the number of the last write that is known, how many at most, the time or '' for the server's own, epoch.
 * Removes some of what has expired. Answers the epoch, seconds, microseconds, the number to go on from, and the
 * entries.
 */
const CHANGES = new Script(`${KEYS}
redis.call('HSETNX', base, 'epoch', ARGV[4])
local time = redis.call('TIME')
local now = ARGV[3]
if now == '' then now = string.format('%.0f', time[1] * 1000) end
for _, key in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', '(' .. now, 'LIMIT', 0, 1000)) do
  drop(key)
end
local found = redis.call('ZRANGEBYSCORE', log, '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local answer = {redis.call('HGET', base, 'epoch'), time[1], time[2], redis.call('HGET', base, 'seq') or '0'}
if #found / 2 >= tonumber(ARGV[2]) then answer[4] = found[#found] end
for i = 1, #found, 2 do answer[#answer + 1] = redis.call('HGET', entries, found[i]) end
return answer`);

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
    const answer = (await CHANGES.run(this.#redis, this.#key, ...args)) as string[];
    const [epoch, seconds, microseconds, next, ...texts] = answer as [
      string,
      string,
      string,
      string,
      ...string[],
    ];
    const revocations = texts.map(parse).filter((revocation) => revocation !== undefined);
    return {
      epoch,
      time: now ?? Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000),
      cursor: Number(next),
      revocations,
      unreadable: texts.length - revocations.length,
      more: texts.length >= LIMIT,
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
    const answer = (await ADD.run(this.#redis, this.#key, ...args)) as [string, string, string];
    const [added, text, handle] = answer;
    const standing = parse(text);
    // What nobody can read ends nothing, so it does not stand in the way.
    if (!standing && added !== '1') {
      if (text === broken) throw new Error(`the entry ${key} cannot be read, nor replaced`);
      return this.add(revocation, text);
    }
    return {
      added: added === '1',
      standing: standing ?? revocation,
      crowded: Number(handle) > MOST_PER_SUBJECT,
    };
  }

  listen(onNotice: () => void): () => void {
    // A feed that fails makes nobody uncertain: the list is asked for what is new in any case.
    const listening = this.#redis.listen(this.#channel, onNotice, () => undefined);
    return () => listening.stop();
  }
}

const newEpoch = (): string => randomBytes(6).toString('base64url');

function parse(text: string): Revocation | undefined {
  const [, rank, until, body] = /^(\d+)\|(\d+)\|(.*)$/s.exec(text) ?? [];
  return readRevocation(rank, until, body);
}
