import type { KeyObject } from 'node:crypto';
import { isSessionError, sessionLimitReached, unavailable } from './errors.js';
import type { SessionEvent } from './events.js';
import { hashSecret, newNonce, newSecret, sameDigest, successorOf } from './ids.js';
import {
  Dead,
  type Change,
  type Client,
  type EndedSession,
  type Held,
  type Issued,
  type Keeper,
  type KeeperContext,
  type Opened,
  type Saved,
} from './keeper.js';
import { applyDelta, type RecordDelta, type SessionRecord } from './record.js';
import type { Signer } from './signer.js';
import { TokenVerifier, type Verified } from './token-verifier.js';
import type { Awaitable, Departed, Epitaph, Loaded, SessionLimit, SessionStore } from './store.js';

/** Keeps sessions in a store; the cookie holds `id.secret`, signed. */
export class StoreKeeper implements Keeper {
  readonly cookieIsRecord = false;
  readonly #store: SessionStore;
  readonly #signer: Signer;
  readonly #tokens: TokenVerifier;
  readonly #context: KeeperContext;
  readonly #timeout: number;
  #unsubscribe: (() => void) | undefined;
  #warnedAt = -Infinity;

  constructor(store: SessionStore, context: KeeperContext) {
    this.#store = store;
    this.#signer = context.signer;
    this.#tokens = new TokenVerifier(context.signer);
    this.#context = context;
    this.#timeout = context.timeout;
    store.bind?.(context);
  }

  open(value: string): Awaitable<Opened> {
    const token = this.#tokens.verify(value);
    if (!token) return { kind: 'dead', why: Dead.Tampered, id: '' };
    return this.#load(token);
  }

  now(): Awaitable<number> {
    if (this.#context.clockInjected || !this.#store.time) return this.#context.clock.now();
    return this.#ask(() => this.#store.time!());
  }

  async create(draft: SessionRecord, ttl: number, _client: Client, limit?: SessionLimit): Promise<Issued> {
    const secret = newSecret();
    const record = { ...draft, secretHash: hashSecret(secret) };
    const created = await this.#ask(() => this.#store.create(record, ttl, limit));
    if (created.outcome === 'rejected') {
      throw sessionLimitReached();
    }
    return { held: this.#hold(record, secret), evicted: created.evicted };
  }

  async save(held: Held, change: Change, now: number, ttl?: number): Promise<Saved> {
    const next = change.rotate && this.#successor(held, change.rotate.honoured);
    const delta: RecordDelta = {
      secret: held.presented,
      ...(ttl !== undefined && { ttl }),
      ...change.data,
      ...(change.head && { head: change.head }),
      ...(change.exclusive && { revision: held.record.revision }),
      ...(next && {
        rotate: {
          from: held.record.secretHash,
          to: hashSecret(next.secret),
          until: now + change.rotate!.grace,
          honoured: change.rotate!.honoured,
          nonce: next.nonce,
        },
      }),
    };
    const done = await this.#ask(() => this.#store.commit(held.record.id, delta));
    if (done.outcome !== 'saved') return done;
    const record = { ...applyDelta(held.record, delta), revision: done.revision };
    return {
      outcome: 'saved',
      held: next ? this.#hold(record, next.secret) : (held as StoreHeld).as(record),
    };
  }

  async reload(held: Held): Promise<Opened> {
    return this.open(held.token);
  }

  async destroy(held: Held, word?: { epitaph: Epitaph; linger: number }): Promise<SessionRecord | undefined> {
    return this.#ask(() => this.#store.destroy(held.record.id, word));
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#ask(() => this.#store.list(subject));
  }

  async destroyById(id: string, subject?: string): Promise<SessionRecord[]> {
    if (subject !== undefined) {
      const found = await this.#ask(() => this.#store.load(id));
      // The subject of an id never changes, so looking first is no race.
      if (!found || 'departed' in found || found.record.subject !== subject) return [];
    }
    const ended = await this.#ask(() => this.#store.destroy(id));
    return ended ? [ended] : [];
  }

  async destroyAll(subject: string, except: readonly string[]): Promise<EndedSession[]> {
    const records = await this.list(subject);
    const doomed = records.filter((record) => !except.includes(record.id));
    // eslint-disable-next-line @typescript-eslint/await-thenable -- a store may answer at once
    const ended = await Promise.all(doomed.map((record) => this.#ask(() => this.#store.destroy(record.id))));
    return ended.filter((record) => record !== undefined);
  }

  publish(event: SessionEvent): void {
    try {
      // An async method fits the type, and may reject.
      const told: unknown = this.#store.publish?.(event);
      Promise.resolve(told).catch(() => this.#warnUntold());
    } catch {
      this.#warnUntold();
    }
  }

  subscribe(listener: (event: SessionEvent) => void): void {
    try {
      this.#unsubscribe = this.#store.subscribe?.(listener);
    } catch {
      this.#warnUntold();
    }
  }

  /** Once a minute at most, and without the error: a driver's may tell what it was asked. */
  #warnUntold(): void {
    const now = performance.now();
    if (now - this.#warnedAt < 60_000) return;
    this.#warnedAt = now;
    this.#context.warn(
      'The session store failed to tell or to hear of events. What happens on one node is not heard on the others; the sessions themselves are not concerned.',
    );
  }

  close(): Awaitable<void> {
    this.#unsubscribe?.();
    return this.#store.close?.();
  }

  #load(token: Verified): Awaitable<Opened> {
    const { id } = token;
    let loaded: Awaitable<Loaded | Departed | undefined>;
    try {
      loaded = this.#store.load(id);
    } catch (error) {
      return this.#unreadable(id, unavailable(error));
    }
    if (!(loaded instanceof Promise)) return this.#recognise(token, loaded);
    return inTime(loaded, this.#timeout).then(
      (found) => this.#recognise(token, found),
      (error: unknown) => this.#unreadable(id, error),
    );
  }

  #recognise({ id, secret, hash }: Verified, found: Loaded | Departed | undefined): Awaitable<Opened> {
    if (!found) return { kind: 'dead', why: Dead.Unknown, id };
    if ('departed' in found) {
      return { kind: 'dead', why: found.departed === 'evicted' ? Dead.Evicted : Dead.Superseded, id };
    }
    const { record } = found;
    const now = this.#context.clockInjected
      ? this.#context.clock.now()
      : (found.time ?? this.#context.clock.now());
    if (sameDigest(hash, record.secretHash)) {
      return { kind: 'live', held: new StoreHeld(record, secret, this.#signer, hash), now, renewed: false };
    }
    const { previous } = record;
    if (previous && now < previous.until && sameDigest(hash, previous.hash)) {
      if (!previous.honoured) return { kind: 'dead', why: Dead.Superseded, id };
      const successor = this.#successorGiven(record, secret, previous.nonce);
      return {
        kind: 'live',
        held: this.#hold(record, successor ?? secret),
        now,
        renewed: successor !== undefined,
      };
    }
    // Signed by us, of this session, and not the present secret: it was superseded, and somebody kept it.
    return this.#reused(id);
  }

  async #reused(id: string): Promise<Opened> {
    const ended = await this.#ask(() => this.#store.destroy(id));
    return { kind: 'dead', why: Dead.Reused, id, ...(ended && { ended }) };
  }

  async #unreadable(id: string, error: unknown): Promise<Opened> {
    if (!isSessionError(error) || error.code !== 'ERR_RECORD_CORRUPT') throw error;
    try {
      await this.#ask(() => this.#store.destroy(id));
    } catch (failure) {
      // A destroy removes the record and then fails to read what it was.
      if (!isSessionError(failure) || failure.code !== 'ERR_RECORD_CORRUPT') throw failure;
    }
    return { kind: 'dead', why: Dead.Corrupt, id };
  }

  #hold(record: SessionRecord, secret: string): StoreHeld {
    return new StoreHeld(record, secret, this.#signer);
  }

  #successor(held: Held, derived: boolean): { secret: string; nonce: string } {
    const nonce = newNonce();
    // Where the old secret is not honoured nobody is to be led from it to the new one.
    const secret = derived ? (held as StoreHeld).successor(this.#signer.key, nonce) : newSecret();
    return { secret, nonce };
  }

  /** The successor that the first request was given, for those that come late; a key that has gone cannot tell. */
  #successorGiven(record: SessionRecord, secret: string, nonce: string): string | undefined {
    return this.#signer.keys
      .map((key) => successorOf(key, record.id, secret, nonce))
      .find((successor) => sameDigest(hashSecret(successor), record.secretHash));
  }

  /** Asks the store; whatever it throws becomes `ERR_STORE_UNAVAILABLE`, and so does no answer in time. */
  #ask<T>(question: () => Awaitable<T>): Awaitable<T> {
    let answer: Awaitable<T>;
    try {
      answer = question();
    } catch (error) {
      throw unavailable(error);
    }
    return answer instanceof Promise ? inTime(answer, this.#timeout) : answer;
  }
}

/** Knows the secret and shows it to nobody but the cookie. */
class StoreHeld implements Held {
  readonly record: SessionRecord;
  readonly presented: string;
  readonly #secret: string;
  readonly #signer: Signer;

  constructor(record: SessionRecord, secret: string, signer: Signer, presented = hashSecret(secret)) {
    this.record = record;
    this.presented = presented;
    this.#secret = secret;
    this.#signer = signer;
  }

  get token(): string {
    return this.#signer.sign(`${this.record.id}.${this.#secret}`);
  }

  as(record: SessionRecord): StoreHeld {
    return new StoreHeld(record, this.#secret, this.#signer, this.presented);
  }

  successor(key: KeyObject, nonce: string): string {
    return successorOf(key, this.record.id, this.#secret, nonce);
  }
}

/** Rejects with `ERR_STORE_UNAVAILABLE` when the answer fails or takes longer than `timeout` milliseconds. */
export function inTime<T>(answer: Promise<T>, timeout: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(unavailable(new Error(`no answer within ${timeout} ms`))), timeout);
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(unavailable(error));
      },
    );
  });
}
