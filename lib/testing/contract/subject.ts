import { hashSecret, newId, newSecret } from '../../core/ids.js';
import { createSecretKey } from 'node:crypto';
import type { RecordDelta, SessionRecord } from '../../core/record.js';
import type {
  Committed,
  Created,
  Departed,
  Epitaph,
  Loaded,
  SessionLimit,
  SessionStore,
} from '../../core/store.js';

/** Long enough for any test, in milliseconds. */
export const TTL = 60_000;

/** What a test of the contract may take, in milliseconds: a busy machine and a server far away are no failure. */
export const TEST_TIMEOUT = 60_000;

/** A record that no other test has anything to do with. */
export function aRecord(rest: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  return {
    id: newId(),
    secretHash: aHash(),
    revision: 0,
    factors: {},
    createdAt: now,
    lastSeenAt: now,
    rotatedAt: now,
    persistent: false,
    data: {},
    ...rest,
  };
}

export const aHash = (): string => hashSecret(newSecret());

export const aSubject = (): string => `subject-${newId()}`;

/** A delta that takes the place of the record's secret. */
export function rotation(record: SessionRecord, to: string, honoured: boolean): RecordDelta {
  const until = Date.now() + TTL;
  return {
    secret: record.secretHash,
    rotate: { from: record.secretHash, to, until, honoured, nonce: newId() },
  };
}

/** The store under test, whose every answer is a promise, also where the store answers at once. */
export class StoreSubject {
  #store: SessionStore | undefined;

  /** Takes the store in and binds it, as the module would. */
  use(store: SessionStore): void {
    this.#store = store;
    store.bind?.({
      clock: { now: () => Date.now() },
      clockInjected: false,
      noticeKeys: [createSecretKey(Buffer.from('the secret of an application under test'))],
      warn: () => undefined,
    });
  }

  get store(): SessionStore {
    if (!this.#store) throw new Error('makeStore returned no store, so there is nothing to test.');
    return this.#store;
  }

  async load(id: string): Promise<Loaded | Departed | undefined> {
    return this.store.load(id);
  }

  /** The record itself, or `undefined` where there is none or only a word of one. */
  async record(id: string): Promise<SessionRecord | undefined> {
    const found = await this.store.load(id);
    return found && 'record' in found ? found.record : undefined;
  }

  async create(record: SessionRecord, ttl = TTL, limit?: SessionLimit): Promise<Created> {
    return this.store.create(record, ttl, limit);
  }

  /** Creates a record and returns it. */
  async given(rest: Partial<SessionRecord> = {}, ttl = TTL): Promise<SessionRecord> {
    const record = aRecord(rest);
    await this.create(record, ttl);
    return record;
  }

  async commit(id: string, delta: RecordDelta): Promise<Committed> {
    return this.store.commit(id, delta);
  }

  async destroy(id: string, word?: { epitaph: Epitaph; linger: number }): Promise<SessionRecord | undefined> {
    return this.store.destroy(id, word);
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.store.list(subject);
  }

  async idsOf(subject: string): Promise<string[]> {
    return (await this.list(subject)).map(({ id }) => id).sort();
  }

  /** Asks until the session is no more: what expires goes by the store's own clock. */
  async untilGone(id: string): Promise<void> {
    const deadline = Date.now() + TEST_TIMEOUT / 2;
    while (await this.load(id)) {
      if (Date.now() > deadline) throw new Error(`The session ${id} should have expired long ago.`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** As many of a thing at the same time. */
export const atOnce = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
