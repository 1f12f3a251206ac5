import { createHash } from 'node:crypto';
import type { SessionRecord } from '../../core/model/record.js';
import {
  called,
  sessionOf,
  type ConnectSession,
  type ConnectStoreLike,
} from '../../core/storage/connect-calls.js';
import { inTime } from '../../core/storage/store-calls.js';
import type { Tombstone, TombstoneReason } from '../../core/storage/store.js';
import { SessionError } from '../../core/util/errors.js';

/** A live record. */
export interface RecordEntry {
  record: SessionRecord;
  /** Milliseconds since the epoch. */
  until: number;
}

/** What is kept of a session that ended. */
export interface EndEntry {
  /** The reason of a tombstone, while it is kept. */
  reason: TombstoneReason | undefined;
}

/** A revocation of all sessions of a subject. Times are milliseconds since the epoch. */
export interface MarkEntry {
  at: number;
  until: number;
}

/** Under which ours stands in a session of the store, which applications with express-session may share. */
const OURS = 'nest-sessions';

/** What is stored under {@link OURS}, each kind with an id of its own. Times are milliseconds since the epoch. */
interface Stored {
  until: number;
  /** The record as JSON, since a store may change what it does not take for a text. */
  record?: string;
  /** The id of a session that ended. */
  ended?: string;
  reason?: TombstoneReason;
  reasonUntil?: number;
  /** When all sessions of a subject were revoked. */
  revokedAt?: number;
}

/** Reads and writes entries of a store for express-session. */
export class ConnectEntries {
  /** Milliseconds for which to wait for the store. One that loses a callback would hold up what comes after it for ever. */
  timeout: number | undefined;
  readonly #store: ConnectStoreLike;
  readonly #now: () => number;

  constructor(store: ConnectStoreLike, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** @throws SessionError `ERR_RECORD_CORRUPT` */
  async record(id: string): Promise<RecordEntry | undefined> {
    const stored = await this.#get(id);
    return stored?.record === undefined ? undefined : { record: parsed(stored.record), until: stored.until };
  }

  async end(id: string): Promise<EndEntry | undefined> {
    const stored = await this.#get(endedId(id));
    if (!stored) return undefined;
    return { reason: this.#now() < (stored.reasonUntil ?? 0) ? stored.reason : undefined };
  }

  async mark(subject: string): Promise<MarkEntry | undefined> {
    const stored = await this.#get(markId(subject));
    return stored?.revokedAt === undefined ? undefined : { at: stored.revokedAt, until: stored.until };
  }

  write(record: SessionRecord, ttl: number): Promise<void> {
    return this.#set(record.id, ttl, { record: JSON.stringify(record) });
  }

  writeEnd(id: string, ttl: number, tombstone?: Tombstone): Promise<void> {
    const end = { ended: id };
    if (!tombstone || tombstone.ttl <= 0) return this.#set(endedId(id), ttl, end);
    const { reason, ttl: kept } = tombstone;
    return this.#set(endedId(id), ttl, { ...end, reason, reasonUntil: this.#now() + kept });
  }

  writeMark(subject: string, at: number, ttl: number): Promise<void> {
    return this.#set(markId(subject), ttl, { revokedAt: at });
  }

  remove(id: string): Promise<unknown> {
    return this.#inTime(called((done) => this.#store.destroy(id, done)));
  }

  forgetEnd(id: string): Promise<unknown> {
    return this.remove(endedId(id));
  }

  /** All live records that can be read; `undefined` if the store cannot tell. */
  async all(): Promise<SessionRecord[] | undefined> {
    if (!this.#store.all) return undefined;
    const found = (await this.#inTime(called<object>((done) => this.#store.all!(done)))) ?? [];
    const stored = Object.values(found)
      .map((session) => this.#live(session as ConnectSession))
      .filter((one) => one !== undefined);
    const ended = new Set(stored.map((one) => one.ended));
    return stored
      .filter((one) => one.record !== undefined)
      .map((one) => readable(one.record!))
      .filter((record) => record !== undefined && !ended.has(record.id)) as SessionRecord[];
  }

  async #get(id: string): Promise<Stored | undefined> {
    return this.#live(await this.#inTime(sessionOf(this.#store, id)));
  }

  /** A store may keep entries for up to a second longer than it was told. */
  #live(session: ConnectSession | undefined): Stored | undefined {
    const stored = session?.[OURS] as Stored | undefined;
    return stored && this.#now() < stored.until ? stored : undefined;
  }

  /** The store compares the time in the cookie with the clock of the machine, whichever clock decides here. */
  async #set(id: string, ttl: number, entry: Omit<Stored, 'until'>): Promise<void> {
    const stored: Stored = { ...entry, until: this.#now() + ttl };
    const cookie = { expires: new Date(Date.now() + ttl), maxAge: ttl, originalMaxAge: ttl };
    await this.#inTime(called((done) => this.#store.set(id, { cookie, [OURS]: stored }, done)));
  }

  #inTime<T>(call: Promise<T>): Promise<T> {
    return this.timeout === undefined ? call : inTime(call, this.timeout);
  }
}

const endedId = (id: string): string => `ended.${id}`;

/** A hash, since not every store takes every text for an id. */
const markId = (subject: string): string =>
  `revoked.${createHash('sha256').update(subject).digest('base64url')}`;

function parsed(text: string): SessionRecord {
  const record = readable(text);
  if (record) return record;
  throw new SessionError('ERR_RECORD_CORRUPT', 'The stored session is not what was written.');
}

function readable(text: string): SessionRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    return typeof (record as SessionRecord | null)?.id === 'string' ? (record as SessionRecord) : undefined;
  } catch {
    return undefined;
  }
}
