import { createSecretKey } from 'node:crypto';
import { hashSecret, newId, newNonce, newSecret } from '../../core/token/ids.js';
import type { PredecessorSecret, RecordDelta, SessionRecord } from '../../core/model/record.js';
import type {
  CommitResult,
  CreateResult,
  EndedRecord,
  LoadedRecord,
  SessionLimit,
  SessionStore,
  StoreContext,
  Tombstone,
} from '../../core/storage/store.js';

/** Long enough for any test, in milliseconds. */
export const TTL = 60_000;

/** What a test of the contract may take, in milliseconds: a busy machine and a server far away are no failure. */
export const TEST_TIMEOUT = 60_000;

/** Times to live in milliseconds, tried one after the other where a store is too slow to do in them what is to be done. */
const SHORT_TTLS = [120, 2_000, 10_000];

/** A record that no other test has anything to do with. */
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

/** With every field that there is. */
export const fullPredecessor = (rest: Partial<PredecessorSecret> = {}): PredecessorSecret =>
  aPredecessor({
    until: Date.now() + 10_000.25,
    pending: true,
    epoch: 3,
    earlier: [{ hash: aHash() }, { hash: aHash(), until: Date.now() + 5_000.5 }, { hash: aHash(), until: 1 }],
    rest: { until: Date.now() + 4_000.75 },
    ...rest,
  });

/** A delta that takes the place of the record's secret. */
export function rotation(
  { secretHash, previous }: SessionRecord,
  to = aHash(),
  rest: Partial<PredecessorSecret> = {},
): RecordDelta & Required<Pick<RecordDelta, 'rotate'>> {
  const epoch = previous?.epoch ?? 0;
  const next = aPredecessor({ hash: secretHash, pending: true, ...(epoch > 0 && { epoch }), ...rest });
  return { epoch, rotate: { from: secretHash, to, previous: next } };
}

/** As at a re-login or regenerate: whoever opened the session before may not write any more. */
export function severing(record: SessionRecord, to = aHash()): ReturnType<typeof rotation> {
  return rotation(record, to, { honoured: false, epoch: (record.previous?.epoch ?? 0) + 1 });
}

/** The store under test, whose every answer is a promise, also where the store answers at once. */
export class StoreUnderTest {
  /** Milliseconds for which the suite waits for what has to come in time. */
  readonly patience: number;
  #store: SessionStore | undefined;

  constructor(patience = TEST_TIMEOUT / 2) {
    this.patience = patience;
  }

  /** Takes the store in and binds it, as the module would. */
  use(store: SessionStore): void {
    this.#store = store;
    store.bind?.(aContext());
  }

  get raw(): SessionStore {
    if (!this.#store) throw new Error('makeStore returned no store, so there is nothing to test.');
    return this.#store;
  }

  async load(id: string): Promise<LoadedRecord | EndedRecord | undefined> {
    return this.raw.load(id);
  }

  /** The record itself, or `undefined` where there is none or only a tombstone. */
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

  /** Asks until the session is no more: what expires goes by the store's own clock. */
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
   * Returns a session that was given a short time to live when that time is over, by the store's own clock.
   *
   * @param meanwhile what is done with it before. The store may have been too slow: then it is all done again, with more
   *   time, if this answers false
   */
  async outlasting(
    meanwhile: (record: SessionRecord) => Promise<boolean>,
    rest: Partial<SessionRecord> = {},
  ): Promise<SessionRecord> {
    for (const ttl of SHORT_TTLS) {
      const record = await this.given(rest, ttl);
      // Has the same time and begins later, so that when it is gone the other one should be.
      const witness = await this.given({}, ttl);
      await pause(ttl / 2);
      if (!(await meanwhile(record))) continue;
      await this.untilGone(witness.id);
      return record;
    }
    throw new Error(`A session that was to live for ${SHORT_TTLS.at(-1)} ms was gone earlier.`);
  }

  /** {@link outlasting} after a commit. */
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

/** What the module hands to a store: the same on every node. */
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

/** As many of a thing at the same time. */
export const atOnce = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
