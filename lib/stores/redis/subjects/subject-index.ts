import type { SessionRecord } from '../../../core/model/record.js';
import type { RedisAdapter } from '../connection/adapter.js';
import { isOptionalText, isText, isTexts, tuple } from '../connection/reply.js';
import type { ScriptResult } from '../connection/script.js';
import { ADD, CHECK, REVOKE } from './subject-index-scripts.js';
import { INDEX_LIVES } from './subject-index-terms.js';
import {
  isReserved,
  SLICE,
  SubjectMembers,
  type Batch,
  type HeadReader,
  type LiveMember,
} from './subject-members.js';

/** The place in the index of a session that is not written yet. */
export interface Reservation {
  /** Passed back to {@link SubjectIndex.confirm}. */
  score: string;
  /** Whether the limit was reached before, including sessions that are just being created. */
  full: boolean;
}

/** The status of a subject after a session of it was written. */
export interface SubjectStatus {
  /** Whether its sessions were revoked when or after the subject authenticated. */
  revoked: boolean;
  /** Members of the index, live or not. */
  count: number;
}

interface Limit {
  max: number;
  /** Id of a session that is not counted. */
  replaces?: string;
}

/** With fewer members than this, adding one does not trigger a removal of ended ones. */
const SMALL = 32;

/** Up to this many members the oldest sessions are those with the smallest `startedAt`; above, those created first. */
const COMPARED = 1_000;

/**
 * The sessions of a subject: a sorted set of ids per subject. It is written before the session and may contain ids of
 * sessions that have ended. The sessions themselves decide, so it is never wrong, only longer than necessary. Ended ids
 * are removed when it is read, and whenever it has doubled.
 *
 * Beside the ids it holds the mark of the last revocation, with its time as the score.
 */
export class SubjectIndex {
  readonly #redis: RedisAdapter;
  readonly #prefix: string;
  readonly #members: SubjectMembers;
  /** Commands that nothing awaits but {@link settled}. */
  readonly #pending = new Set<Promise<unknown>>();

  /** @param head reads a session without its data */
  constructor(redis: RedisAdapter, prefix: string, head: HeadReader) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#members = new SubjectMembers(redis, (subject) => this.#key(subject), head);
  }

  /**
   * Adds a session, or extends the expiry of the set if it is already in it. The set lives for a multiple of the
   * session's `ttl`, so one failed extension does no harm.
   *
   * @returns whether the command ran `late`, after commands that were sent behind it
   */
  async add(subject: string, id: string, ttl: number): Promise<{ late: boolean }> {
    const { reply, late } = await this.#add(subject, id, ttl, ['', '0']);
    const [count] = tuple(reply, isText);
    if (hasDoubled(Number(count))) void this.#background(this.list(subject));
    return { late };
  }

  /** {@link add} that is not awaited: if it fails, a later one restores the set. */
  extend(subject: string, id: string, ttl: number): void {
    void this.#background(this.add(subject, id, ttl));
  }

  /**
   * Adds a session that may yet be rejected, and returns whether there is room. Reservations of all nodes are ordered.
   * Reads only as many sessions as necessary.
   */
  async reserve(subject: string, id: string, ttl: number, { max, replaces }: Limit): Promise<Reservation> {
    const size = Math.max(1, Math.min(SLICE, max + 1));
    const { reply } = await this.#add(subject, id, ttl, ['1', String(size)]);
    const [, score, now, reserved, newest] = tuple(reply, isText, isText, isText, isTexts, isTexts);
    const own = Math.abs(Number(score));
    let occupied = 0;
    for await (const batch of this.#members.walk(subject, 'newest', size, [now, reserved, newest])) {
      const before = batch.members.filter(
        (member) => member.id !== id && member.id !== replaces && Math.abs(member.score) <= own,
      );
      const live = new Set((await this.#live(subject, { ...batch, members: before })).map((one) => one.id));
      occupied += before.filter((member) => live.has(member.id) || isReserved(member, batch.now)).length;
      if (occupied >= max) return { score, full: true };
    }
    return { score, full: false };
  }

  /** The session of a reservation was written: from now on it counts for as long as it lives. */
  confirm(subject: string, id: string, { score }: Reservation): void {
    const key = this.#key(subject);
    void this.#background(this.#redis.send(key, 'ZADD', key, 'XX', score.replace('-', ''), id));
  }

  /** If it fails, the ids are removed by a later list. */
  async remove(subject: string, ...ids: string[]): Promise<void> {
    const [first, ...rest] = ids;
    if (first === undefined) return;
    const key = this.#key(subject);
    await this.#background(this.#redis.send(key, 'ZREM', key, first, ...rest));
  }

  /**
   * Call it after the session was written: then either this finds the mark of a revocation, or the revocation finds the
   * session when it lists them.
   */
  async check(subject: string, provedAt: number | undefined): Promise<SubjectStatus> {
    const reply = await CHECK.run(this.#redis, this.#key(subject));
    const [mark, count] = tuple(reply, isOptionalText, isText);
    const revoked = mark != null && provedAt !== undefined && toMicroseconds(provedAt) <= Number(mark);
    return { revoked, count: Number(count) };
  }

  async markRevoked(subject: string, at: number, ttl: number): Promise<void> {
    const args = [String(toMicroseconds(at)), String(Math.max(1, Math.ceil(ttl)))];
    await REVOKE.run(this.#redis, this.#key(subject), ...args);
  }

  /** The live sessions by creation, without their data. Reads the set in slices, up to the limit. */
  async list(subject: string, limit = Infinity): Promise<SessionRecord[]> {
    const records: SessionRecord[] = [];
    // One more, because the mark may be among them.
    for await (const batch of this.#members.walk(subject, 'oldest', Math.min(SLICE, limit) + 1)) {
      const live = await this.#live(subject, batch);
      records.push(...live.map(({ record }) => record));
      if (records.length >= limit) return records.slice(0, limit);
    }
    return records;
  }

  /**
   * The oldest sessions above the limit, at most {@link SLICE} of them. The oldest are those with the smallest
   * `startedAt`; of a subject with more than {@link COMPARED} members those created first, so that not all are read.
   */
  async surplus(subject: string, count: number, limit: Limit): Promise<{ ids: string[]; more: boolean }> {
    if (count <= limit.max) return { ids: [], more: false };
    const ids =
      count <= COMPARED ? await this.#startedFirst(subject, limit) : await this.#createdFirst(subject, limit);
    return { ids: ids.slice(0, SLICE), more: ids.length > SLICE };
  }

  /** Settles when no command is pending. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #startedFirst(subject: string, { max, replaces }: Limit): Promise<string[]> {
    const live = await this.list(subject);
    // The sort is stable: sessions that started at the same time stay in the order of creation.
    const counted = live.filter(({ id }) => id !== replaces).sort((a, b) => a.startedAt - b.startedAt);
    return counted.slice(0, Math.max(0, counted.length - max)).map(({ id }) => id);
  }

  async #createdFirst(subject: string, { max, replaces }: Limit): Promise<string[]> {
    const kept = await this.#newest(subject, max, replaces);
    // Fewer than the limit: these are all.
    if (kept.length < max) return [];
    const oldestKept = kept.at(-1);
    const bound = oldestKept ? Math.abs(oldestKept.score) : Infinity;
    const ids: string[] = [];
    // One more, to find out whether there are more, and one for the mark.
    for await (const batch of this.#members.walk(subject, 'oldest', SLICE + 2)) {
      const before = batch.members.filter(({ id, score }) => id !== replaces && Math.abs(score) < bound);
      ids.push(...(await this.#live(subject, { ...batch, members: before })).map(({ id }) => id));
      if (ids.length > SLICE || before.length === 0) break;
    }
    return ids;
  }

  /** The live sessions that were created last. */
  async #newest(subject: string, count: number, except: string | undefined): Promise<LiveMember[]> {
    const found: LiveMember[] = [];
    if (count <= 0) return found;
    for await (const batch of this.#members.walk(subject, 'newest', Math.min(SLICE, count + 1))) {
      found.push(...(await this.#live(subject, batch)).filter(({ id }) => id !== except));
      if (found.length >= count) return found.slice(0, count);
    }
    return found;
  }

  /** Members with a live session; removes the others. */
  async #live(subject: string, batch: Batch): Promise<LiveMember[]> {
    const { live, ended } = await this.#members.split(subject, batch);
    void this.remove(subject, ...ended);
    return live;
  }

  #add(subject: string, id: string, ttl: number, reserves: [string, string]): Promise<ScriptResult> {
    const expiry = String(INDEX_LIVES * Math.ceil(ttl));
    return ADD.runInOrder(this.#redis, this.#key(subject), id, expiry, ...reserves);
  }

  /** Never rejects. */
  #background(work: Promise<unknown>): Promise<void> {
    const done = work.then(
      () => undefined,
      () => undefined,
    );
    this.#pending.add(done);
    return done.finally(() => this.#pending.delete(done));
  }

  #key(subject: string): string {
    return `${this.#prefix}u:${subject}`;
  }
}

const toMicroseconds = (milliseconds: number): number => milliseconds * 1_000;

const hasDoubled = (count: number): boolean => count >= SMALL && (count & (count - 1)) === 0;
