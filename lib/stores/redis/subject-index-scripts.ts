import { Script } from './scripts.js';

/** The member of a subject's index that is no session: the mark of a revocation. No id has such a character. */
export const MARK = '!revoked';

/** Reads members with their scores: to the newest from a score on, or to the oldest. */
const SLICE = `
local function slice(rising, from, count)
  if rising then return redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', 0, count) end
  return redis.call('ZREVRANGEBYSCORE', KEYS[1], from, 0, 'WITHSCORES', 'LIMIT', 0, count)
end
local function awaiting() return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(0', 'WITHSCORES') end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]`;

/**
 * Puts a session into the index of its subject. The score is the server's time in microseconds, made unique
 * and rising, so it tells the order of arrival; it is negative while the session is awaiting reservation.
 *
 * ARGV: id, ttl, 1 if it awaits reservation, how many of those before it to tell. Answers how many there are if it is
 * new, the score, the time in microseconds and, at an reservation, who awaits it and the newest of the others, with scores.
 */
export const ENTER = new Script(`${SLICE}
local others, newest = {}, {}
if ARGV[3] == '1' then
  others = awaiting()
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
 * ARGV: 1 to go from the oldest to the newest, the score to begin with, how many, 1 to tell as well all that await
 * reservation, in the order of their scores. Answers the time in microseconds, these, and the members with their scores.
 */
export const MEMBERS = new Script(`${SLICE}
local others = ARGV[4] == '1' and awaiting() or {}
return {string.format('%.0f', now), others, slice(ARGV[1] == '1', ARGV[2], ARGV[3])}`);

/** Answers the score of the mark, or nothing, and how many sessions there are. */
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
