import { createHash } from 'node:crypto';
import type { RedisPort, Reply } from './redis-client.js';

/**
 * A script of a single key, so that it runs in a cluster as well. The server knows it by its digest; one
 * that forgot it (a restart, a failover, SCRIPT FLUSH) is given the text again.
 */
export class Script {
  readonly #text: string;
  readonly #digest: string;

  constructor(text: string) {
    this.#text = text;
    this.#digest = createHash('sha1').update(text).digest('hex');
  }

  run(port: RedisPort, key: string, ...args: string[]): Promise<Reply> {
    return port.send(key, 'EVALSHA', this.#digest, '1', key, ...args).catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return port.send(key, 'EVAL', this.#text, '1', key, ...args);
    });
  }
}

/** Sets pairs of field and value out of ARGV; a call of Lua takes no more than some thousand arguments. */
const PUT = `
local function put(first, last)
  for i = first, last, 1000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, last)))
  end
end`;

/** Answers seconds, microseconds, and the fields; in their place `corrupt` where the key is no hash. */
export const LOAD = new Script(`
local all = redis.pcall('HGETALL', KEYS[1])
if all.err then
  if not string.find(all.err, 'WRONGTYPE', 1, true) then return all end
  all = 'corrupt'
end
local time = redis.call('TIME')
return {time[1], time[2], all}`);

/** ARGV: ttl, hash of the secret, field, value, … Answers 1, or 0 where the id is taken. */
export const CREATE = new Script(`${PUT}
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- The driver sent it again: that is this session, and it is there.
  if redis.pcall('HGET', KEYS[1], 'h') == ARGV[2] then return 1 end
  return 0
end
if tonumber(ARGV[1]) > 0 then
  put(3, #ARGV)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1`);

/**
 * ARGV: format version, secret, revision, secret to rotate from and to, ttl, whether data changes, a number of
 * no other commit, how many of the rest are pairs to set, the pairs, the fields to remove. An empty text stands
 * for "none". Answers the outcome, the revision and, if there is a ttl, the subject.
 *
 * A driver that lost its connection may send a command again that had been carried out. What would be a
 * conflict is told from that by what this very commit left behind.
 */
export const COMMIT = new Script(`${PUT}
local have = redis.pcall('HMGET', KEYS[1], 'h', 'r', 'ph', 'po', 'v', 'u', 'n')
if have.err then
  if not string.find(have.err, 'WRONGTYPE', 1, true) then return have end
  return {'corrupt'}
end
local version, secret, revision, from, to, ttl = unpack(ARGV, 1, 6)
local hash, count = have[1], have[2]
if not hash then return {'gone'} end
if have[5] ~= version or not count or not string.match(count, '^%d+$') then return {'corrupt'} end
if secret ~= hash and not (have[4] == '1' and secret == have[3]) then return {'gone'} end
local again = ARGV[8] ~= '' and have[7] == ARGV[8] or to ~= '' and to == hash
if again then return {'saved', count, ttl ~= '' and have[6]} end
if revision ~= '' and revision ~= count then return {'conflict'} end
if from ~= '' and from ~= hash then return {'conflict'} end
if ttl ~= '' and tonumber(ttl) <= 0 then
  redis.call('DEL', KEYS[1])
  return {'saved', count, have[6]}
end
if ARGV[7] == '1' then count = tostring(redis.call('HINCRBY', KEYS[1], 'r', 1)) end
local pairsEnd = 9 + tonumber(ARGV[9])
put(10, pairsEnd)
for i = pairsEnd + 1, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
if ttl ~= '' then redis.call('PEXPIRE', KEYS[1], ttl) end
return {'saved', count, ttl ~= '' and have[6]}`);

/** ARGV: the word and for how long, or two empty texts. Answers the fields, nothing, or `corrupt`. */
export const DESTROY = new Script(`
local all = redis.pcall('HGETALL', KEYS[1])
if all.err then
  if not string.find(all.err, 'WRONGTYPE', 1, true) then return all end
  redis.call('DEL', KEYS[1])
  return 'corrupt'
end
if #all == 0 or redis.call('HEXISTS', KEYS[1], 'x') == 1 then return false end
redis.call('DEL', KEYS[1])
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'x', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return all`);

/**
 * Puts a session into the index of its subject. The score is the server's time in microseconds, made unique
 * and rising, so it tells the order of arrival; it is negative while the session is awaiting admission.
 *
 * ARGV: id, ttl, 1 if it awaits admission. Answers how many there are now, the score, the time in
 * microseconds and, at an admission, who was there before, with scores.
 */
export const ENTER = new Script(`
local before = ARGV[3] == '1' and redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') or {}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local score = math.max(now, (tonumber(last[2]) or 0) + 1)
if ARGV[3] == '1' then score = -score end
score = string.format('%.0f', score)
redis.call('ZADD', KEYS[1], 'NX', score, ARGV[1])
local ttl = tonumber(ARGV[2])
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return {tostring(redis.call('ZCARD', KEYS[1])), score, string.format('%.0f', now), before}`);

/** ARGV: fields. A script only so that no client asks a replica, which may be behind. */
export const HEAD = new Script(`return redis.call('HMGET', KEYS[1], unpack(ARGV))`);

/** Answers the time in microseconds and the members with their scores. */
export const MEMBERS = new Script(`
local members = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local time = redis.call('TIME')
return {string.format('%.0f', time[1] * 1000000 + time[2]), members}`);
