import { isSessionError } from '../core/errors.js';
import type { SessionRecord } from '../core/record.js';
import { decode, HEAD_FIELDS, type Fields } from './redis-codec.js';
import type { RedisPort, Reply } from './redis-client.js';
import { ENTER, HEAD, MEMBERS } from './redis-scripts.js';

/** What became of a session that asked for admission. */
export interface Admission {
  /** To be given back to {@link SubjectIndex.admit}. */
  score: string;
  /** How many sessions came before, those included that are just being created. */
  occupied: number;
}

interface Entry {
  id: string;
  /** Microseconds of the server's time, negative while it awaits admission. */
  score: number;
}

/** A member younger than this, in microseconds, may have a session that is just being written. */
const IN_FLIGHT = 60_000_000;

/** Below this many members nobody looks for dead ones when another comes in. */
const SMALL = 32;

/**
 * Which sessions a subject has: a sorted set of ids a subject. It is written before the session and may
 * hold ids of sessions that are over; the sessions themselves decide, so it is never wrong, only longer
 * than need be. Dead ids go when it is read, and whenever it has doubled.
 */
export class SubjectIndex {
  readonly #port: RedisPort;
  readonly #prefix: string;
  readonly #keyOf: (id: string) => string;

  constructor(port: RedisPort, prefix: string, keyOf: (id: string) => string) {
    this.#port = port;
    this.#prefix = prefix;
    this.#keyOf = keyOf;
  }

  /**
   * Adds a session, or makes the set live long enough for one that it has. It lives for twice the session's
   * `ttl`: a session that goes on renews it, and may fail to do so once.
   */
  async enter(subject: string, id: string, ttl: number): Promise<void> {
    const [count] = (await this.#enter(subject, id, ttl, '')) as [string];
    if (hasDoubled(Number(count))) void this.list(subject).catch(() => undefined);
  }

  /** Adds a session that may yet be refused, and tells who was there before: one after the other, for all nodes. */
  async apply(subject: string, id: string, ttl: number, replaces: string | undefined): Promise<Admission> {
    const [, score, now, flat] = (await this.#enter(subject, id, ttl, '1')) as [
      string,
      string,
      string,
      string[],
    ];
    const before = entriesOf(flat).filter((entry) => entry.id !== id && entry.id !== replaces);
    const records = await Promise.all(before.map((entry) => this.#record(subject, entry.id)));
    const occupied = before.filter((entry, i) => records[i] ?? isAwaited(entry, Number(now))).length;
    return { score, occupied };
  }

  /** The session that applied is written: from now on it counts for as long as it lives. */
  admit(subject: string, id: string, { score }: Admission): void {
    void this.#port
      .send(this.#key(subject), 'ZADD', this.#key(subject), 'XX', score.replace('-', ''), id)
      .catch(() => undefined);
  }

  /** Takes ids out. Without waiting and without fail: one that stays is found dead later. */
  leave(subject: string, ...ids: string[]): void {
    const [first, ...rest] = ids;
    if (first === undefined) return;
    const key = this.#key(subject);
    void this.#port.send(key, 'ZREM', key, first, ...rest).catch(() => undefined);
  }

  /** The live sessions in the order of their arrival, without their data; takes out those that are over. */
  async list(subject: string): Promise<SessionRecord[]> {
    const [now, flat] = (await MEMBERS.run(this.#port, this.#key(subject))) as [string, string[]];
    const entries = entriesOf(flat);
    const records = await Promise.all(entries.map(({ id }) => this.#record(subject, id)));
    const dead = entries.filter((entry, i) => !records[i] && !isYoung(entry, Number(now)));
    this.leave(subject, ...dead.map(({ id }) => id));
    return records.filter((record) => record !== undefined);
  }

  #enter(subject: string, id: string, ttl: number, awaiting: '1' | ''): Promise<Reply> {
    return ENTER.run(this.#port, this.#key(subject), id, String(2 * Math.ceil(ttl)), awaiting);
  }

  /** The head of a live session, if it is of that subject and can be read. */
  async #record(subject: string, id: string): Promise<SessionRecord | undefined> {
    const key = this.#keyOf(id);
    try {
      const values = (await HEAD.run(this.#port, key, ...HEAD_FIELDS)) as (string | null)[];
      const found = decode(id, headOf(values));
      return found && 'id' in found && found.subject === subject ? found : undefined;
    } catch (error) {
      const unreadable =
        isSessionError(error) || (error instanceof Error && error.message.includes('WRONGTYPE'));
      if (!unreadable) throw error;
      return undefined;
    }
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

const isYoung = ({ score }: Entry, now: number): boolean => now - Math.abs(score) < IN_FLIGHT;

const isAwaited = (entry: Entry, now: number): boolean => entry.score < 0 && isYoung(entry, now);

const hasDoubled = (count: number): boolean => count >= SMALL && (count & (count - 1)) === 0;
