import { Script } from '../connection/script.js';

/** The member of a subject's index that marks a revocation. No session id contains such a character. */
export const MARK = '!revoked';

/** Reads members with their scores, from a score towards the newest or towards the oldest. */
const SLICE = `
local function slice(rising, from, count)
  if rising then return redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', 0, count) end
  return redis.call('ZREVRANGEBYSCORE', KEYS[1], from, 0, 'WITHSCORES', 'LIMIT', 0, count)
end
local function reserved() return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(0', 'WITHSCORES') end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`;

/**
 * Adds a session to the index of its subject. The score is the server's time in microseconds, made unique and rising, so
 * it gives the order of creation. It is negative while the session is only reserved.
 *
 * ARGV: id, ttl, 1 for a reservation, how many of the earlier members to return with it. Returns the number of members
 * if the session is new (else 0), its score, the time in microseconds and, for a reservation, the other reservations and
 * the newest members, with scores.
 */
export const ADD = new Script(`${SLICE}
local others, newest = {}, {}
if ARGV[3] == '1' then
  others = reserved()
  newest = slice(false, '+inf', ARGV[4])
end
local top = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')
local last = top[1] == '${MARK}' and top[4] or top[2]
local lowest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local score = math.max(now, (tonumber(last) or 0) + 1, 1 - (tonumber(lowest) or 0))
if ARGV[3] == '1' then score = -score end
score = string.format('%.0f', score)
local added = redis.call('ZADD', KEYS[1], 'NX', score, ARGV[1]) == 1
local ttl = tonumber(ARGV[2])
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
local count = added and redis.call('ZCARD', KEYS[1]) or 0
return {tostring(count), score, string.format('%.0f', now), others, newest}`);

/**
 * ARGV: 1 to read from the oldest to the newest, the score to begin with, how many, 1 to return the reservations as well.
 * Returns the time in microseconds, the reservations in the order of their scores, and the members with their scores.
 */
export const MEMBERS = new Script(`${SLICE}
local others = ARGV[4] == '1' and reserved() or {}
return {string.format('%.0f', now), others, slice(ARGV[1] == '1', ARGV[2], ARGV[3])}`);

/** Returns the score of the mark, or nil, and the number of sessions. */
export const CHECK = new Script(`
local mark = redis.call('ZSCORE', KEYS[1], '${MARK}')
return {mark, tostring(redis.call('ZCARD', KEYS[1]) - (mark and 1 or 0))}`);

/** ARGV: time in microseconds, ttl. */
export const REVOKE = new Script(`
local before = redis.call('ZSCORE', KEYS[1], '${MARK}')
if not before or tonumber(before) < tonumber(ARGV[1]) then
  redis.call('ZADD', KEYS[1], ARGV[1], '${MARK}')
end
local ttl = tonumber(ARGV[2])
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return 1`);
