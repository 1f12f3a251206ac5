import { createHash } from 'node:crypto';
import type { RedisAdapter, Reply } from './client.js';
import { INDEXED, INDEX_SLACK, REFRESH_INDEX } from './subject-index-terms.js';

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

  async run(redis: RedisAdapter, key: string, ...args: string[]): Promise<Reply> {
    return (await this.tell(redis, key, ...args)).reply;
  }

  /** Tells also whether it was `late`: the text had to be sent, so that it ran after what was sent behind it. */
  tell(redis: RedisAdapter, key: string, ...args: string[]): Promise<{ reply: Reply; late: boolean }> {
    return redis.send(key, 'EVALSHA', this.#digest, '1', key, ...args).then(
      (reply) => ({ reply, late: false }),
      async (error: unknown) => {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return { reply: await redis.send(key, 'EVAL', this.#text, '1', key, ...args), late: true };
      },
    );
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

/** What a session remembers of its index: when it was last entered there, and with which ttl. */
const NOTE_INDEXED = `
local function serverTime()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function noteIndexed(now, ttl)
  redis.call('HSET', KEYS[1], '${INDEXED}', string.format('%.0f/%.0f', now, ttl))
end`;

/** ARGV: ttl, hash of the secret, 1 if it is in an index, field, value, … Answers 1, or 0 where the id is taken. */
export const CREATE = new Script(`${PUT}${NOTE_INDEXED}
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- The driver sent it again: that is this session, and it is there.
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
 * ARGV: format version, epoch, revision, secret to rotate from and to, ttl, whether data changes, a number of no
 * other commit, secret to confirm; how many texts follow of each kind: pairs to set, pairs to set and fields to remove
 * if the secret to confirm is the present one and its predecessor pending, and then, to the end, the fields to remove. An empty text stands for
 * "none". Answers the outcome, the revision and, if the index of the subject has to live longer, the subject.
 *
 * A driver that lost its connection may send a command again that had been carried out. What would be a
 * conflict, or of another epoch by its own doing, is told from that by what this very commit left behind.
 */
export const COMMIT = new Script(`${PUT}${NOTE_INDEXED}
local have = redis.pcall('HMGET', KEYS[1], 'h', 'r', 'v', 'u', 'n', 'ph', 'ps', 'pe', 'pp', '${INDEXED}')
if have.err then
  if not string.find(have.err, 'WRONGTYPE', 1, true) then return have end
  return {'corrupt'}
end
local version, epoch, revision, from, to, ttl, changes, commit, confirm = unpack(ARGV, 1, 9)
local hash, count = have[1], have[2]
if not hash then return {'gone'} end
if have[3] ~= version or not count or not string.match(count, '^%d+$') then return {'corrupt'} end
local again = commit ~= '' and have[5] == commit or to ~= '' and to == hash
if again then return {'saved', count, ttl ~= '' and have[4]} end
local function isIndexed(now)
  local at, kept = string.match(have[10] or '', '^(%d+)/(%d+)$')
  if not at then return false end
  at, kept = tonumber(at), tonumber(kept)
  return tonumber(ttl) <= kept * ${INDEX_SLACK} and at <= now and now < at + math.min(kept / 4, ${REFRESH_INDEX})
end
-- An epoch beside another hash is of a predecessor that a former version replaced.
local epochNow = have[7] and have[7] == have[6] and have[8] or '0'
if epochNow ~= epoch then return {'gone'} end
if revision ~= '' and revision ~= count then return {'conflict'} end
if from ~= '' and from ~= hash then return {'conflict'} end
if changes == '1' then count = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'r', 1)) end
if ttl ~= '' and tonumber(ttl) <= 0 then
  redis.call('DEL', KEYS[1])
  return {'saved', count, have[4]}
end
local function drop(first, last)
  for i = first, last do redis.call('HDEL', KEYS[1], ARGV[i]) end
end
local setEnd = 12 + tonumber(ARGV[10])
local confirmedEnd = setEnd + tonumber(ARGV[11])
local unconfirmedEnd = confirmedEnd + tonumber(ARGV[12])
-- The start moves, and a record of a former version does not say when it began.
if ARGV[13] == 'c' then redis.call('HSETNX', KEYS[1], 'b', redis.call('HGET', KEYS[1], 'c') or ARGV[14]) end
put(13, setEnd)
-- Of several that confirm the first one counts.
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

/** ARGV: fields. A script only so that no client asks a replica, which may be behind. */
export const HEAD = new Script(`return redis.call('HMGET', KEYS[1], unpack(ARGV))`);
