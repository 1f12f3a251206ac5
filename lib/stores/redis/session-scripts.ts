import { DEVICE_CHALLENGE, DEVICE_KEY } from '../../core/model/record.js';
import { Script } from './connection/script.js';
import { EXTRA } from './fields.js';
import { INDEXED, INDEX_SLACK, REFRESH_INDEX } from './subjects/subject-index-terms.js';

/** Sets the fields and values in a range of ARGV, in chunks: Lua limits the number of arguments of a call. */
const PUT = `
local function put(first, last)
  for i = first, last, 1000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, last)))
  end
end`;

/** Returns seconds, microseconds, and the fields and values; `corrupt` instead of these if the key is not a hash. */
export const LOAD = new Script(`
local all = redis.pcall('HGETALL', KEYS[1])
if all.err then
  if not string.find(all.err, 'WRONGTYPE', 1, true) then return all end
  all = 'corrupt'
end
local time = redis.call('TIME')
return {time[1], time[2], all}`);

/** Notes in a session when it was last added to the index of its subject, and with which ttl. */
const NOTE_INDEXED = `
local function serverTime()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function noteIndexed(now, ttl)
  redis.call('HSET', KEYS[1], '${INDEXED}', string.format('%.0f/%.0f', now, ttl))
end`;

/** ARGV: ttl, secret hash, 1 if it is in an index, field, value, … Returns 1, or 0 if the id is taken. */
export const CREATE = new Script(`${PUT}${NOTE_INDEXED}
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- The same secret: the driver resent the command, and it was already carried out.
  if redis.pcall('HGET', KEYS[1], 'h') == ARGV[2] then return 1 end
  return 0
end
if tonumber(ARGV[1]) > 0 then
  put(4, #ARGV)
  if ARGV[3] == '1' then noteIndexed(serverTime(), ARGV[1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1`);

/**
 * How many commits that were conditional on a revision a session remembers by their ids: while a driver connects again to
 * resend one, other requests and nodes may write.
 */
const REMEMBERED = 32;

/** Of an id with the space behind it, in characters: 6 bytes in base64url. */
const ID_LENGTH = 9;

/**
 * ARGV:
 * 1–9 format version, epoch, revision, secret hash to rotate from and to, ttl, 1 if data changes, id of this commit,
 *     secret hash to confirm
 * 10–11 key of a device to bind to, time of the challenge that was answered
 * 12–14 the numbers of texts in the first three of the groups that follow
 * 15… fields and values to set; fields and values to set, and fields to remove, if the secret hash is the one to confirm
 *     and its predecessor is pending; fields to remove, up to the end
 *
 * An empty text stands for "none". Returns the outcome, the revision and, if the session must be added to the index of
 * its subject again, the subject.
 *
 * A driver that lost its connection may resend a command that was already carried out. By what that command wrote, the
 * script distinguishes it from a conflict or from a commit of another epoch.
 */
export const COMMIT = new Script(`${PUT}${NOTE_INDEXED}
local have = redis.pcall('HMGET', KEYS[1], 'h', 'r', 'v', 'u', 'n', 'ph', 'ps', 'pe', 'pp', '${INDEXED}', '${EXTRA}${DEVICE_KEY}', '${EXTRA}${DEVICE_CHALLENGE}')
if have.err then
  if not string.find(have.err, 'WRONGTYPE', 1, true) then return have end
  return {'corrupt'}
end
local version, epoch, revision, from, to, ttl, changes, commit, confirm, bind, challenge = unpack(ARGV, 1, 11)
local hash, count = have[1], have[2]
if not hash then return {'gone'} end
if have[3] ~= version or not count or not string.match(count, '^%d+$') then return {'corrupt'} end
local resent = commit ~= '' and have[5] and string.find(have[5], commit, 1, true) or to ~= '' and to == hash
if resent then return {'saved', count, ttl ~= '' and have[4]} end
local function isIndexed(now)
  local at, kept = string.match(have[10] or '', '^(%d+)/(%d+)$')
  if not at then return false end
  at, kept = tonumber(at), tonumber(kept)
  return tonumber(ttl) <= kept * ${INDEX_SLACK} and at <= now and now < at + math.min(kept / 4, ${REFRESH_INDEX})
end
-- An epoch with another hash belongs to a predecessor that an earlier version replaced.
local epochNow = have[7] and have[7] == have[6] and have[8] or '0'
if epochNow ~= epoch then return {'gone'} end
if revision ~= '' and revision ~= count then return {'conflict'} end
if from ~= '' and from ~= hash then return {'conflict'} end
if bind ~= '' and have[11] and have[11] ~= bind then return {'conflict'} end
if challenge ~= '' and have[12] and tonumber(have[12]) >= tonumber(challenge) then return {'conflict'} end
if changes == '1' then count = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'r', 1)) end
if ttl ~= '' and tonumber(ttl) <= 0 then
  redis.call('DEL', KEYS[1])
  return {'saved', count, have[4]}
end
local function drop(first, last)
  for i = first, last do redis.call('HDEL', KEYS[1], ARGV[i]) end
end
local setEnd = 14 + tonumber(ARGV[12])
local confirmedEnd = setEnd + tonumber(ARGV[13])
local unconfirmedEnd = confirmedEnd + tonumber(ARGV[14])
-- The start moves, and a record of an earlier version does not store when it began.
if ARGV[15] == 'c' then redis.call('HSETNX', KEYS[1], 'b', redis.call('HGET', KEYS[1], 'c') or ARGV[16]) end
put(15, setEnd)
if commit ~= '' then
  local commits = string.sub(commit .. ' ' .. (have[5] or ''), 1, ${REMEMBERED * ID_LENGTH})
  redis.call('HSET', KEYS[1], 'n', commits)
end
-- The first of several confirmations counts.
if confirm == hash and have[7] and have[7] == have[6] and have[9] == '1' then
  put(setEnd + 1, confirmedEnd)
  drop(confirmedEnd + 1, unconfirmedEnd)
end
drop(unconfirmedEnd + 1, #ARGV)
if ttl == '' then return {'saved', count} end
redis.call('PEXPIRE', KEYS[1], ttl)
if not have[4] then return {'saved', count} end
local now = serverTime()
if isIndexed(now) then return {'saved', count} end
noteIndexed(now, ttl)
return {'saved', count, have[4]}`);

/** ARGV: reason and ttl of the tombstone, or two empty texts. Returns the fields and values, nil, or `corrupt`. */
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

/** ARGV: fields. Returns their values. A script, because a client may send HMGET to a replica, which may lag. */
export const HEAD = new Script(`return redis.call('HMGET', KEYS[1], unpack(ARGV))`);
