import { randomBytes } from 'node:crypto';
import { isSessionError } from '../../core/util/errors.js';
import type { RecordDelta, SessionRecord } from '../../core/model/record.js';
import type { EndedRecord, LoadedRecord, Tombstone } from '../../core/storage/store.js';
import type { RedisAdapter } from './connection/adapter.js';
import { corrupt, decode } from './decode.js';
import { encode, encodeDelta } from './encode.js';
import { FORMAT_VERSION, HEAD_FIELDS } from './fields.js';
import { isOptionalText, isReply, isText, isTexts, tuple } from './connection/reply.js';
import { COMMIT, CREATE, DESTROY, HEAD, LOAD } from './session-scripts.js';

export type HashCommit =
  | { outcome: 'gone' | 'conflict' }
  /** `subject` if the session must be added to the index of that subject again. */
  | { outcome: 'saved'; revision: number; subject: string | undefined };

/** The sessions themselves: one hash per id. Every operation is one script of that key, so it is atomic. */
export class SessionHashes {
  readonly #redis: RedisAdapter;
  readonly #prefix: string;

  constructor(redis: RedisAdapter, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return LOAD.run(this.#redis, this.#key(id)).then((reply) => {
      const [seconds, microseconds, flat] = tuple(reply, isText, isText, isReply);
      if (!isTexts(flat)) throw corrupt(id);
      const found = decode(id, flat);
      if (!found || 'ended' in found) return found;
      return { record: found, time: toMilliseconds(seconds, microseconds) };
    });
  }

  /**
   * @returns whether the command ran `late`, after commands that were sent behind it
   * @throws Error if the id is taken
   */
  async create(record: SessionRecord, ttl: number): Promise<{ late: boolean }> {
    const indexed = record.subject === undefined ? '' : '1';
    const args = [String(Math.ceil(ttl)), record.secretHash, indexed, ...encode(record)];
    const { reply, late } = await CREATE.runInOrder(this.#redis, this.#key(record.id), ...args);
    if (reply !== '1') throw new Error('a session with this id exists');
    return { late };
  }

  async commit(id: string, delta: RecordDelta): Promise<HashCommit> {
    const { epoch, revision, rotate, key, ttl } = delta;
    // Without it, a resent `update()` that was carried out would look like a conflict, be retried and count twice.
    const commit = revision === undefined ? '' : randomBytes(6).toString('base64url');
    const { set, remove, confirm } = encodeDelta(delta);
    const changed = delta.set !== undefined || delta.remove !== undefined;
    const args = [
      FORMAT_VERSION,
      String(epoch),
      revision === undefined ? '' : String(revision),
      rotate?.from ?? '',
      rotate?.to ?? '',
      ttl === undefined ? '' : String(Math.ceil(ttl)),
      changed ? '1' : '',
      commit,
      delta.confirm?.secretHash ?? '',
      key && 'bind' in key ? key.bind : '',
      key && 'challenge' in key ? String(key.challenge) : '',
      ...[set, confirm.set, confirm.remove].map(({ length }) => String(length)),
    ];
    const fields = [...set, ...confirm.set, ...confirm.remove, ...remove];
    const reply = await COMMIT.run(this.#redis, this.#key(id), ...args, ...fields);
    const [outcome, count, subject] = tuple(reply, isText, isOptionalText, isOptionalText);
    if (outcome === 'corrupt') throw corrupt(id);
    if (outcome === 'gone' || outcome === 'conflict') return { outcome };
    return { outcome: 'saved', revision: Number(count), subject: subject ?? undefined };
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    const leaves = tombstone && tombstone.ttl > 0;
    const args = leaves ? [tombstone.reason, String(Math.ceil(tombstone.ttl))] : ['', ''];
    const last = await DESTROY.run(this.#redis, this.#key(id), ...args);
    if (last === null) return undefined;
    if (!isTexts(last)) throw corrupt(id);
    const record = decode(id, last);
    return record && 'id' in record ? record : undefined;
  }

  /** The live record without its data; `undefined` also if it cannot be read. */
  async head(id: string): Promise<SessionRecord | undefined> {
    try {
      const values = await HEAD.run(this.#redis, this.#key(id), ...HEAD_FIELDS);
      const found = decode(id, headOf(tuple(values, ...HEAD_CHECKS)));
      return found && 'id' in found ? found : undefined;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  #key(id: string): string {
    return `${this.#prefix}s:${id}`;
  }
}

const HEAD_CHECKS = HEAD_FIELDS.map(() => isOptionalText);

function headOf(values: readonly (string | null | undefined)[]): string[] {
  return HEAD_FIELDS.flatMap((field, i) => (values[i] == null ? [] : [field, values[i]]));
}

const isUnreadable = (error: unknown): boolean =>
  isSessionError(error) || (error instanceof Error && error.message.includes('WRONGTYPE'));

/** Of a time as the server replies it, with the fraction of a millisecond. */
export const toMilliseconds = (seconds: string, microseconds: string): number =>
  (Number(seconds) * 1_000_000 + Number(microseconds)) / 1_000;
