import { isSessionError } from '../../core/util/errors.js';
import type { SessionRecord } from '../../core/model/record.js';
import { decode, HEAD_FIELDS, type Fields } from './codec.js';
import type { RedisAdapter, Reply } from './client.js';
import { CHECK, ENTER, MARK, MEMBERS, REVOKE } from './subject-index-scripts.js';
import { HEAD } from './scripts.js';
import { INDEX_LIVES } from './subject-index-terms.js';

/** What became of a session that asked for reservation. */
export interface Reservation {
  /** To be given back to {@link SubjectIndex.confirm}. */
  score: string;
  /** Whether as many sessions came before as may be, those included that are just being created. */
  full: boolean;
}

/** What is known of a subject once a session of it was written. */
export interface Standing {
  /** Whether its sessions were revoked after, or when, the subject proved itself. */
  revoked: boolean;
  /** Members of the index, living or not. */
  count: number;
}

interface Entry {
  id: string;
  /** Microseconds of the server's time, negative while it awaits reservation. */
  score: number;
}

/** Entries that were read together. */
interface Batch {
  entries: Entry[];
  /** The server's time, in microseconds. */
  now: number;
}

interface Living extends Entry {
  record: SessionRecord;
}

/** Members that are read at once. */
const SLICE = 500;

/** Commands that are sent at once. */
const BURST = 1_000;

/** A member younger than this, in microseconds, may have a session that is just being written. */
const IN_FLIGHT = 60_000_000;

/** Below this many members nobody looks for dead ones when another comes in. */
const SMALL = 32;

/** Members up to which the oldest session is looked for among all; above it is the one that arrived first. */
const COMPARED = 1_000;

/**
 * Which sessions a subject has: a sorted set of ids a subject. It is written before the session and may
 * hold ids of sessions that are over; the sessions themselves decide, so it is never wrong, only longer
 * than need be. Dead ids go when it is read, and whenever it has doubled.
 *
 * Beside the ids it holds the mark of the last revocation, with its time as the score.
 */
export class SubjectIndex {
  readonly #redis: RedisAdapter;
  readonly #prefix: string;
  readonly #keyOf: (id: string) => string;
  /** What nobody waits for. */
  readonly #underway = new Set<Promise<unknown>>();

  constructor(redis: RedisAdapter, prefix: string, keyOf: (id: string) => string) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#keyOf = keyOf;
  }

  /**
   * Adds a session, or makes the set live long enough for one that it has. It lives for a multiple of the
   * session's `ttl`: one that goes on renews it now and then, and may fail to do so once.
   *
   * Tells whether it ran `late`, after what was sent behind it.
   */
  async add(subject: string, id: string, ttl: number): Promise<{ late: boolean }> {
    const { reply, late } = await this.#add(subject, id, ttl);
    const [count] = reply as [string];
    if (hasDoubled(Number(count))) void this.#background(this.list(subject));
    return { late };
  }

  /** {@link add} that nobody waits for: a set that was lost, or lives too short, is mended by a later one. */
  extend(subject: string, id: string, ttl: number): void {
    void this.#background(this.add(subject, id, ttl));
  }

  /**
   * Adds a session that may yet be refused, and tells whether there is room: one after the other, for all nodes. No
   * more sessions are looked at than it takes to know.
   */
  async reserve(
    subject: string,
    id: string,
    ttl: number,
    { max, replaces }: { max: number; replaces?: string },
  ): Promise<Reservation> {
    const size = Math.max(1, Math.min(SLICE, max + 1));
    const { reply } = await this.#add(subject, id, ttl, size);
    const [, score, now, awaiting, newest] = reply as [string, string, string, string[], string[]];
    const own = Math.abs(Number(score));
    let occupied = 0;
    for await (const batch of this.#walk(subject, 'newest', size, [now, awaiting, newest])) {
      const before = batch.entries.filter(
        (entry) => entry.id !== id && entry.id !== replaces && Math.abs(entry.score) <= own,
      );
      const living = await this.#living(subject, { ...batch, entries: before });
      const alive = new Set(living.map((entry) => entry.id));
      occupied += before.filter((entry) => alive.has(entry.id) || isAwaited(entry, batch.now)).length;
      if (occupied >= max) return { score, full: true };
    }
    return { score, full: false };
  }

  /** The session that applied is written: from now on it counts for as long as it lives. */
  confirm(subject: string, id: string, { score }: Reservation): void {
    const key = this.#key(subject);
    void this.#background(this.#redis.send(key, 'ZADD', key, 'XX', score.replace('-', ''), id));
  }

  /** Takes ids out. One that stays, since that failed, is found dead later. */
  async remove(subject: string, ...ids: string[]): Promise<void> {
    const [first, ...rest] = ids;
    if (first === undefined) return;
    const key = this.#key(subject);
    await this.#background(this.#redis.send(key, 'ZREM', key, first, ...rest));
  }

  /**
   * To be asked after the session was written, so that either it is told of the mark, or whoever left the mark finds
   * the session when it lists them.
   */
  async check(subject: string, provedAt: number | undefined): Promise<Standing> {
    const [mark, count] = (await CHECK.run(this.#redis, this.#key(subject))) as [string | null, string];
    const revoked = mark !== null && provedAt !== undefined && microseconds(provedAt) <= Number(mark);
    return { revoked, count: Number(count) };
  }

  async markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    const args = [String(microseconds(at)), String(Math.max(1, Math.ceil(ttl)))];
    await REVOKE.run(this.#redis, this.#key(subject), ...args);
  }

  /**
   * The live sessions in the order of their arrival, without their data; takes out those that are over. The set is
   * read in slices, up to the limit.
   */
  async list(subject: string, limit = Infinity): Promise<SessionRecord[]> {
    const records: SessionRecord[] = [];
    // One more than that, for the mark may be among them.
    for await (const batch of this.#walk(subject, 'oldest', Math.min(SLICE, limit) + 1)) {
      const living = await this.#living(subject, batch);
      records.push(...living.map(({ record }) => record));
      if (records.length >= limit) return records.slice(0, limit);
    }
    return records;
  }

  /**
   * Sessions above the limit, the oldest of them, no more than {@link SLICE} at a time. That is by `startedAt`, and of
   * a subject with more than {@link COMPARED} members by their arrival, so that not all of them have to be read.
   */
  async surplus(
    subject: string,
    count: number,
    limit: { max: number; replaces?: string },
  ): Promise<{ ids: string[]; more: boolean }> {
    if (count <= limit.max) return { ids: [], more: false };
    const ids =
      count <= COMPARED ? await this.#begunFirst(subject, limit) : await this.#arrivedFirst(subject, limit);
    return { ids: ids.slice(0, SLICE), more: ids.length > SLICE };
  }

  /** Settles when all that nobody waits for has come to its end. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  async #begunFirst(
    subject: string,
    { max, replaces }: { max: number; replaces?: string },
  ): Promise<string[]> {
    const live = await this.list(subject);
    // What began at the same time stays in the order of its arrival.
    const counted = live.filter(({ id }) => id !== replaces).sort((a, b) => a.startedAt - b.startedAt);
    return counted.slice(0, Math.max(0, counted.length - max)).map(({ id }) => id);
  }

  async #arrivedFirst(
    subject: string,
    { max, replaces }: { max: number; replaces?: string },
  ): Promise<string[]> {
    const kept = await this.#newest(subject, max, replaces);
    const last = kept.at(-1);
    // Fewer than may be: all of them were seen.
    if (kept.length < max) return [];
    const limit = last ? Math.abs(last.score) : Infinity;
    const ids: string[] = [];
    // One more, to know whether that is all, and one for the mark.
    for await (const batch of this.#walk(subject, 'oldest', SLICE + 2)) {
      const before = batch.entries.filter(({ id, score }) => id !== replaces && Math.abs(score) < limit);
      ids.push(...(await this.#living(subject, { ...batch, entries: before })).map(({ id }) => id));
      if (ids.length > SLICE || before.length === 0) break;
    }
    return ids;
  }

  /** So many live sessions, those that came last. */
  async #newest(subject: string, count: number, except: string | undefined): Promise<Living[]> {
    const found: Living[] = [];
    if (count <= 0) return found;
    for await (const batch of this.#walk(subject, 'newest', Math.min(SLICE, count + 1))) {
      found.push(...(await this.#living(subject, batch)).filter(({ id }) => id !== except));
      if (found.length >= count) return found.slice(0, count);
    }
    return found;
  }

  #add(
    subject: string,
    id: string,
    ttl: number,
    applying?: number,
  ): Promise<{ reply: Reply; late: boolean }> {
    const args = applying === undefined ? ['', '0'] : ['1', String(applying)];
    return ENTER.tell(this.#redis, this.#key(subject), id, String(INDEX_LIVES * Math.ceil(ttl)), ...args);
  }

  /**
   * The members in the order of their arrival, or the other way round, slice by slice; none twice. A member moves
   * only when it is admitted, and then from those that are read first to where it came in, so none is missed.
   *
   * @param first what was read already: the time, who awaits reservation, and the first slice
   */
  async *#walk(
    subject: string,
    order: 'oldest' | 'newest',
    size: number,
    first?: [string, string[], string[]],
  ): AsyncGenerator<Batch, void, undefined> {
    const rising = order === 'oldest';
    const comparison = (a: Entry, b: Entry): number =>
      (Math.abs(a.score) - Math.abs(b.score)) * (rising ? 1 : -1);
    const seen = new Set<string>([MARK]);
    let asked = size;
    const start = first ?? (await this.#members(subject, rising, rising ? '0' : '+inf', asked, true));
    let [now, , flat] = start;
    let awaiting = entriesOf(start[1]).sort(comparison);
    for (;;) {
      const slice = entriesOf(flat);
      const last = slice.at(-1);
      const complete = slice.length < asked || !last;
      const due = complete ? awaiting : awaiting.filter((one) => comparison(one, last) <= 0);
      awaiting = awaiting.slice(due.length);
      const entries = [...due, ...slice].filter(({ id }) => !seen.has(id) && seen.add(id)).sort(comparison);
      yield { entries, now: Number(now) };
      if (complete) return;
      // Those of the same score are read again, so that none is passed over.
      asked = size + slice.filter(({ score }) => score === last.score).length;
      [now, , flat] = await this.#members(subject, rising, String(last.score), asked, false);
    }
  }

  async #members(
    subject: string,
    rising: boolean,
    from: string,
    count: number,
    withAwaiting: boolean,
  ): Promise<[string, string[], string[]]> {
    const args = [rising ? '1' : '', from, String(count), withAwaiting ? '1' : ''];
    return (await MEMBERS.run(this.#redis, this.#key(subject), ...args)) as [string, string[], string[]];
  }

  /** Those whose session lives; takes out those that are over. */
  async #living(subject: string, { entries, now }: Batch): Promise<Living[]> {
    const living: Living[] = [];
    const dead: string[] = [];
    for (let i = 0; i < entries.length; i += BURST) {
      const some = entries.slice(i, i + BURST);
      const records = await Promise.all(some.map(({ id }) => this.#record(subject, id)));
      for (const [n, entry] of some.entries()) {
        const record = records[n];
        if (record) living.push({ ...entry, record });
        else if (!isYoung(entry, now)) dead.push(entry.id);
      }
    }
    void this.remove(subject, ...dead);
    return living;
  }

  /** The head of a live session, if it is of that subject and can be read. */
  async #record(subject: string, id: string): Promise<SessionRecord | undefined> {
    const key = this.#keyOf(id);
    try {
      const values = (await HEAD.run(this.#redis, key, ...HEAD_FIELDS)) as (string | null)[];
      const found = decode(id, headOf(values));
      return found && 'id' in found && found.subject === subject ? found : undefined;
    } catch (error) {
      const unreadable =
        isSessionError(error) || (error instanceof Error && error.message.includes('WRONGTYPE'));
      if (!unreadable) throw error;
      return undefined;
    }
  }

  /** Without fail. */
  #background(work: Promise<unknown>): Promise<void> {
    const done = work.then(
      () => undefined,
      () => undefined,
    );
    this.#underway.add(done);
    return done.finally(() => this.#underway.delete(done));
  }

  #key(subject: string): string {
    return `${this.#prefix}u:${subject}`;
  }
}

function entriesOf(flat: readonly string[]): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) entries.push({ id: flat[i]!, score: Number(flat[i + 1]) });
  return entries;
}

function headOf(values: readonly (string | null)[]): Fields {
  const fields = new Map<string, string>();
  for (const [i, value] of values.entries()) if (value !== null) fields.set(HEAD_FIELDS[i]!, value);
  return fields;
}

/** Of a time in milliseconds. */
const microseconds = (time: number): number => time * 1_000;

const isYoung = ({ score }: Entry, now: number): boolean => now - Math.abs(score) < IN_FLIGHT;

const isAwaited = (entry: Entry, now: number): boolean => entry.score < 0 && isYoung(entry, now);

const hasDoubled = (count: number): boolean => count >= SMALL && (count & (count - 1)) === 0;
