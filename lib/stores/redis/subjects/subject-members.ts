import type { SessionRecord } from '../../../core/model/record.js';
import type { RedisAdapter } from '../connection/adapter.js';
import { isText, isTexts, tuple } from '../connection/reply.js';
import { MARK, MEMBERS } from './subject-index-scripts.js';

export interface Member {
  id: string;
  /** Microseconds of the server's time, negative while the session is only reserved. */
  score: number;
}

/** Members that were read together. */
export interface Batch {
  members: Member[];
  /** The server's time, in microseconds. */
  now: number;
}

/** The first slice of a walk, as the server replies it: the time, the reservations and the members. */
export type FirstSlice = [now: string, reserved: string[], members: string[]];

export interface LiveMember extends Member {
  record: SessionRecord;
}

export type HeadReader = (id: string) => Promise<SessionRecord | undefined>;

/** Maximum number of members that one command reads. */
export const SLICE = 500;

/** Maximum number of commands that are sent at once. */
const BURST = 1_000;

/** A member younger than this, in microseconds, may have a session that is just being written. */
const IN_FLIGHT = 60_000_000;

type Order = 'oldest' | 'newest';

/** Reads the index of a subject in slices, and the sessions of its members. */
export class SubjectMembers {
  readonly #redis: RedisAdapter;
  readonly #keyOf: (subject: string) => string;
  readonly #head: HeadReader;

  constructor(redis: RedisAdapter, keyOf: (subject: string) => string, head: HeadReader) {
    this.#redis = redis;
    this.#keyOf = keyOf;
    this.#head = head;
  }

  /**
   * The members by creation, oldest or newest first, in slices, each once. A member moves only when it is confirmed, and
   * then from the reservations, which are read first, to its place in the order; so none is missed.
   *
   * @param first the first slice, if it was already read
   */
  async *walk(
    subject: string,
    order: Order,
    size: number,
    first?: FirstSlice,
  ): AsyncGenerator<Batch, void, undefined> {
    const rising = order === 'oldest';
    const compare = (a: Member, b: Member): number =>
      (Math.abs(a.score) - Math.abs(b.score)) * (rising ? 1 : -1);
    const seen = new Set<string>([MARK]);
    let count = size;
    const start = first ?? (await this.#slice(subject, rising, rising ? '0' : '+inf', count, true));
    let [now, , flat] = start;
    let reserved = membersOf(start[1]).sort(compare);
    for (;;) {
      const slice = membersOf(flat);
      const last = slice.at(-1);
      const complete = slice.length < count || !last;
      const due = complete ? reserved : reserved.filter((one) => compare(one, last) <= 0);
      reserved = reserved.slice(due.length);
      const members = [...due, ...slice].filter(({ id }) => !seen.has(id) && seen.add(id)).sort(compare);
      yield { members, now: Number(now) };
      if (complete) return;
      // Members with the last score are read again, so that none is skipped.
      count = size + slice.filter(({ score }) => score === last.score).length;
      [now, , flat] = await this.#slice(subject, rising, String(last.score), count, false);
    }
  }

  /** The members of a batch whose session is live, and the ids of those whose session has ended. */
  async split(subject: string, { members, now }: Batch): Promise<{ live: LiveMember[]; ended: string[] }> {
    const live: LiveMember[] = [];
    const ended: string[] = [];
    for (let i = 0; i < members.length; i += BURST) {
      const some = members.slice(i, i + BURST);
      const records = await Promise.all(some.map(({ id }) => this.#head(id)));
      for (const [n, member] of some.entries()) {
        const record = records[n];
        if (record?.subject === subject) live.push({ ...member, record });
        else if (!isYoung(member, now)) ended.push(member.id);
      }
    }
    return { live, ended };
  }

  async #slice(
    subject: string,
    rising: boolean,
    from: string,
    count: number,
    withReserved: boolean,
  ): Promise<FirstSlice> {
    const args = [rising ? '1' : '', from, String(count), withReserved ? '1' : ''];
    const reply = await MEMBERS.run(this.#redis, this.#keyOf(subject), ...args);
    return tuple(reply, isText, isTexts, isTexts);
  }
}

function membersOf(flat: readonly string[]): Member[] {
  const members: Member[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) members.push({ id: flat[i]!, score: Number(flat[i + 1]) });
  return members;
}

const isYoung = ({ score }: Member, now: number): boolean => now - Math.abs(score) < IN_FLIGHT;

/** Whether it is a reservation of a login that may still succeed. */
export const isReserved = (member: Member, now: number): boolean => member.score < 0 && isYoung(member, now);
