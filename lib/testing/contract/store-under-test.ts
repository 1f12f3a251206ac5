import { createSecretKey } from 'node:crypto';
import { hashSecret, newId, newNonce, newSecret } from '../../core/token/ids.js';
import type { PredecessorSecret, RecordDelta, SessionRecord } from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  ExpiredSession,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  Tombstone,
} from '../../core/storage/store.js';

/** A time to live that outlasts every test, in milliseconds. */
export const TTL = 60_000;

/** Time limit of a test, in milliseconds. Generous, so that a busy machine or a distant server is not a failure. */
export const TEST_TIMEOUT = 60_000;

/** Times to live in milliseconds. A test tries the next one if the store is too slow for the previous one. */
const SHORT_TTLS = [120, 2_000, 10_000];

/** A record that no other test uses. */
export function aRecord(rest: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  return {
    id: newId(),
    secretHash: aHash(),
    revision: 0,
    factors: {},
    createdAt: now,
    startedAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    remember: false,
    data: {},
    ...rest,
  };
}

export const aHash = (): string => hashSecret(newSecret());

export const aSubject = (): string => `subject-${newId()}`;

export function aPredecessor(rest: Partial<PredecessorSecret> = {}): PredecessorSecret {
  return { hash: aHash(), until: Date.now() + TTL, honoured: true, nonce: newNonce(), ...rest };
}

/** A record with every field set. */
export const fullPredecessor = (rest: Partial<PredecessorSecret> = {}): PredecessorSecret =>
  aPredecessor({
    until: Date.now() + 10_000.25,
    pending: true,
    epoch: 3,
    earlier: [{ hash: aHash() }, { hash: aHash(), until: Date.now() + 5_000.5 }, { hash: aHash(), until: 1 }],
    rest: { until: Date.now() + 4_000.75 },
    ...rest,
  });

/** A delta that replaces the record's secret. */
export function rotation(
  { secretHash, previous }: SessionRecord,
  to = aHash(),
  rest: Partial<PredecessorSecret> = {},
): RecordDelta & Required<Pick<RecordDelta, 'rotate'>> {
  const epoch = previous?.epoch ?? 0;
  const next = aPredecessor({ hash: secretHash, pending: true, ...(epoch > 0 && { epoch }), ...rest });
  return { epoch, rotate: { from: secretHash, to, previous: next } };
}

/** A delta as at a re-login or regenerate: requests that opened the session before can no longer write. */
export function severing(record: SessionRecord, to = aHash()): ReturnType<typeof rotation> {
  return rotation(record, to, { honoured: false, epoch: (record.previous?.epoch ?? 0) + 1 });
}

/** Wraps the store under test. Every method returns a promise, even if the store's method returns synchronously. */
export class StoreUnderTest {
  /** Milliseconds for which the suite waits for an expected event or state. */
  readonly patience: number;
  /** What the store told of as expired. */
  readonly expired: ExpiredSession[] = [];
  #store: SessionStore | undefined;

  constructor(patience = TEST_TIMEOUT / 2) {
    this.patience = patience;
  }

  /** Wraps a store and binds it, as the module does. */
  use(store: SessionStore): void {
    this.#store = store;
    store.bind?.({ ...aContext(), expired: (session) => void this.expired.push(session) });
  }

  get raw(): SessionStore {
    if (!this.#store) throw new Error('makeStore returned no store, so there is nothing to test.');
    return this.#store;
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return this.raw.load(id);
  }

  /** The record, or `undefined` if there is none or only a tombstone. */
  async record(id: string): Promise<SessionRecord | undefined> {
    const found = await this.raw.load(id);
    return found && 'record' in found ? found.record : undefined;
  }

  async create(
    record: SessionRecord,
    ttl = TTL,
    limit?: SessionLimit,
    provedAt?: number,
  ): Promise<CreateResult> {
    return this.raw.create(record, ttl, limit, provedAt);
  }

  /** Creates a record and returns it. */
  async given(rest: Partial<SessionRecord> = {}, ttl = TTL): Promise<SessionRecord> {
    const record = aRecord(rest);
    await this.create(record, ttl);
    return record;
  }

  async commit(id: string, delta: RecordDelta): Promise<CommitResult> {
    return this.raw.commit(id, delta);
  }

  async destroy(id: string, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.raw.destroy(id, tombstone);
  }

  async list(subject: string, limit?: number): Promise<SessionRecord[]> {
    return this.raw.list(subject, limit);
  }

  async idsOf(subject: string): Promise<string[]> {
    return (await this.list(subject)).map(({ id }) => id).sort();
  }

  async markRevoked(subject: string, at: number, ttl = TTL): Promise<void> {
    return this.raw.markRevoked(subject, at, ttl);
  }

  /** Polls until the session is gone, because expiry follows the store's own clock. */
  async untilGone(id: string): Promise<void> {
    await this.until(async () => (await this.load(id)) === undefined, `the session ${id} is gone`);
  }

  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + this.patience;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`Waited ${this.patience} ms until ${what}, in vain.`);
      await pause(10);
    }
  }

  /**
   * Creates a session with a short time to live and returns it once it has expired by the store's own clock.
   *
   * @param meanwhile runs before the expiry. If it returns false, the store was too slow, and everything is repeated with
   *   a longer time to live
   */
  async outlasting(
    meanwhile: (record: SessionRecord) => Promise<boolean>,
    rest: Partial<SessionRecord> = {},
  ): Promise<SessionRecord> {
    for (const ttl of SHORT_TTLS) {
      const record = await this.given(rest, ttl);
      // Has the same time to live and is created later, so once it is gone the first one must be gone as well.
      const witness = await this.given({}, ttl);
      await pause(ttl / 2);
      if (!(await meanwhile(record))) continue;
      await this.untilGone(witness.id);
      return record;
    }
    throw new Error(`A session that was to live for ${SHORT_TTLS.at(-1)} ms was gone earlier.`);
  }

  /** Like {@link outlasting}, with a commit before the expiry. */
  async outlastingCommit(
    delta: (record: SessionRecord) => RecordDelta,
    rest: Partial<SessionRecord> = {},
  ): Promise<SessionRecord> {
    return this.outlasting(async (record) => {
      const { outcome } = await this.commit(record.id, delta(record));
      return outcome !== 'gone';
    }, rest);
  }
}

/** The context that the module passes to a store: the same on every node. */
export function aContext(): StoreContext {
  return {
    clock: { now: () => Date.now() },
    clockInjected: false,
    noticeKeys: [createSecretKey(Buffer.from('the secret of an application under test'))],
    warn: () => undefined,
  };
}

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs a function this number of times concurrently. */
export const atOnce = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
