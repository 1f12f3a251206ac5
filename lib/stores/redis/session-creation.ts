import { isSessionError } from '../../core/util/errors.js';
import type { SessionRecord } from '../../core/model/record.js';
import type { CreateResult, SessionLimit } from '../../core/storage/store.js';
import type { SessionHashes } from './session-hash.js';
import type { SubjectIndex, SubjectStatus } from './subjects/subject-index.js';

/** A logged-in session that is to be created. */
interface NewSession {
  record: SessionRecord;
  subject: string;
  /** Milliseconds. */
  ttl: number;
  /** When the subject authenticated, in milliseconds since the epoch. */
  provedAt: number | undefined;
}

/** The sessions that were ended for one more, and whether others remain above the limit. */
export interface Evicted {
  evicted: SessionRecord[];
  more: boolean;
}

/** Creates sessions under a limit per subject, and rejects those whose subject was revoked meanwhile. */
export class SessionCreation {
  readonly #ordered: boolean;
  readonly #sessions: SessionHashes;
  readonly #index: SubjectIndex;

  /** @param ordered false if commands for several keys keep no order unless each waits for the one before */
  constructor(ordered: boolean, sessions: SessionHashes, index: SubjectIndex) {
    this.#ordered = ordered;
    this.#sessions = sessions;
    this.#index = index;
  }

  async create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    const { subject } = record;
    if (subject === undefined) {
      await this.#sessions.create(record, ttl);
      return { outcome: 'created', evicted: [] };
    }
    const session = { record, subject, ttl, provedAt };
    if (limit?.onExceeded === 'reject') return this.#createIfRoom(session, limit);
    const status = await this.#insert(session, limit !== undefined);
    if (status?.revoked) return this.#revoked(session);
    const { evicted, more } = status && limit ? await this.trim(subject, status.count, limit) : NONE;
    return { outcome: 'created', evicted, ...(more && { more }) };
  }

  /**
   * Ends the oldest sessions above the limit. Every login does this after it wrote its session, and all use the same
   * order. So the last of several concurrent logins sees all of them, and none ends a session that another one keeps.
   */
  async trim(subject: string, count: number, limit: SessionLimit): Promise<Evicted> {
    const { ids, more } = await this.#index.surplus(subject, count, limit);
    const tombstone = { reason: 'evicted', ttl: limit.tombstoneTtl } as const;
    const ended = await Promise.all(
      ids.map((id) => this.#sessions.destroy(id, tombstone).catch(unlessCorrupt)),
    );
    void this.#index.remove(subject, ...ids);
    return { evicted: ended.filter((record) => record !== undefined), more };
  }

  /**
   * Index first, so that no session is ever live and unlisted. The mark of a revocation is read last: if it is not there
   * by then, the revocation lists the sessions later and finds this one.
   */
  async #insert(
    { record, subject, ttl, provedAt }: NewSession,
    counted: boolean,
  ): Promise<SubjectStatus | undefined> {
    const added = ttl > 0 ? this.#index.add(subject, record.id, ttl) : NOT_SENT;
    // One connection keeps the order without waiting: one round trip for all commands.
    if (!this.#ordered) await added;
    const written = this.#sessions.create(record, ttl);
    if (!counted && provedAt === undefined) {
      await Promise.all([added, written]);
      return undefined;
    }
    return this.#checkAfter([added, written], subject, provedAt);
  }

  async #checkAfter(
    writes: Promise<{ late: boolean }>[],
    subject: string,
    provedAt: number | undefined,
  ): Promise<SubjectStatus> {
    if (!this.#ordered) await Promise.all(writes);
    const checked = this.#index.check(subject, provedAt);
    const [status, ...written] = await Promise.all([checked, ...writes]);
    return written.some(({ late }) => late) ? this.#index.check(subject, provedAt) : status;
  }

  /**
   * Reserves a place in the index first. Each reservation counts the earlier ones, written or not, so of several
   * concurrent logins exactly as many succeed as there is room for.
   */
  async #createIfRoom(session: NewSession, limit: SessionLimit): Promise<CreateResult> {
    const { record, subject, ttl, provedAt } = session;
    const reservation = await this.#index.reserve(subject, record.id, ttl, limit);
    if (reservation.full) {
      await this.#index.remove(subject, record.id);
      return { outcome: 'rejected' };
    }
    const { revoked } = await this.#checkAfter([this.#sessions.create(record, ttl)], subject, provedAt);
    if (revoked) return this.#revoked(session);
    this.#index.confirm(subject, record.id, reservation);
    return { outcome: 'created', evicted: [] };
  }

  async #revoked({ record, subject }: NewSession): Promise<CreateResult> {
    await this.#sessions.destroy(record.id);
    await this.#index.remove(subject, record.id);
    return { outcome: 'revoked' };
  }
}

/** In place of a command that is not needed. */
const NOT_SENT = Promise.resolve({ late: false });

const NONE: Evicted = { evicted: [], more: false };

/** A session that cannot be read has ended like any other, but its record cannot be returned. */
function unlessCorrupt(error: unknown): undefined {
  if (isSessionError(error) && error.code === 'ERR_RECORD_CORRUPT') return undefined;
  throw error;
}
