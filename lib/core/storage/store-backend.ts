import { LRUCache } from 'lru-cache';
import { nextMoment, TICK } from '../util/clock.js';
import { isSessionError, loginRevoked, sessionLimitReached, unavailable } from '../util/errors.js';
import type { SessionEvent } from '../events/events.js';
import { hashSecret, newNonce, newSecret, sameDigest } from '../token/ids.js';
import {
  type BackendWrite,
  type Client,
  type CreateTerms,
  type EndedSession,
  type SessionHandle,
  type IssueResult,
  type SessionBackend,
  type BackendContext,
  type OpenResult,
  type RejectedToken,
  type Rotation,
  type SaveResult,
} from './backend.js';
import { authenticatedAt } from '../model/policy.js';
import type { RejectReason } from '../model/reject-reason.js';
import { afterConfirmation, afterRotation, standingOfToken, TokenStanding } from '../model/predecessors.js';
import { applyDelta, epochOf, type RecordDelta, type SessionRecord } from '../model/record.js';
import type { Signer } from '../token/signer.js';
import { TokenVerifier, type Verified } from '../token/token-verifier.js';
import type { Awaitable, EndedRecord, LoadedRecord, SessionLimit, SessionStore, Tombstone } from './store.js';

/** Sessions that are listed by one call. */
const PAGE = 500;

/** Sessions that are ended at a time: more would wait for each other, and each has its time to be answered in. */
const AT_ONCE = 50;

/** How long the mark of a revocation is kept, in milliseconds: far longer than a store call may take. */
const MARK_TTL = 24 * 60 * 60 * 1000;

/** Subjects whose last revocation this node remembers. */
const MARKS = 10_000;

type Opened = OpenResult<StoreHandle>;

/** Keeps sessions in a store; the cookie holds `id.secret`, signed. */
export class StoreBackend implements SessionBackend<StoreHandle> {
  readonly cookieIsRecord = false;
  readonly #store: SessionStore;
  readonly #signer: Signer;
  readonly #tokens: TokenVerifier;
  readonly #context: BackendContext;
  readonly #timeout: number;
  /** When this node last revoked a subject's sessions: a login that is called after that is later, whatever the clocks say. */
  readonly #marks = new LRUCache<string, number>({ max: MARKS });
  #unsubscribe: (() => void) | undefined;
  #warnedAt = -Infinity;

  constructor(store: SessionStore, context: BackendContext) {
    this.#store = store;
    this.#signer = context.signer;
    this.#tokens = new TokenVerifier(context.signer);
    this.#context = context;
    this.#timeout = context.timeout;
    store.bind?.(context);
  }

  open(value: string): Awaitable<Opened> {
    const token = this.#tokens.verify(value);
    if (!token)
      return { kind: 'rejected', why: this.#tokens.hasForm(value) ? 'tampered' : 'foreign', id: '' };
    return this.#load(token);
  }

  isGenuine(value: string): boolean {
    return this.#tokens.verify(value) !== undefined;
  }

  now(): Awaitable<number> {
    return this.#hasSharedClock ? this.#ask(() => this.#store.time!()) : this.#context.clock.now();
  }

  proof(subject: string): (skew: number) => number {
    const moment = nextMoment(this.#context.clock);
    const revoked = (this.#marks.get(subject) ?? -Infinity) + TICK;
    return (skew) => Math.max(revoked, this.#hasSharedClock ? moment + skew : moment);
  }

  async create(
    draft: SessionRecord,
    ttl: number,
    _client: Client,
    terms: CreateTerms = {},
  ): Promise<IssueResult<StoreHandle>> {
    const secret = newSecret();
    const record = { ...draft, secretHash: hashSecret(secret) };
    const { limit, provedAt } = terms;
    let answer: Awaitable<unknown>;
    try {
      const created = await this.#ask(() => {
        const asked = this.#store.create(record, ttl, limit, provedAt);
        answer = asked;
        return asked;
      });
      if (created.outcome === 'rejected') throw sessionLimitReached();
      if (created.outcome === 'revoked') throw loginRevoked();
      const more = created.more ? await this.#evictMore(record.subject!, limit!) : [];
      return { handle: this.#hold(record, secret), evicted: [...created.evicted, ...more] };
    } catch (error) {
      // It may be there although the store did not say so: nobody was given its token, so nobody may find it listed.
      if (isTimeout(error)) this.#discardLater(record.id, answer);
      else if (!isSettled(error)) await this.#discard(record.id);
      throw error;
    }
  }

  async save(
    handle: StoreHandle,
    change: BackendWrite,
    now: number,
    ttl?: number,
  ): Promise<SaveResult<StoreHandle>> {
    const next = change.rotate && this.#successor(handle, change.rotate, now);
    const delta: RecordDelta = {
      epoch: handle.epoch,
      ...(ttl !== undefined && { ttl }),
      ...change.data,
      ...(change.head && { head: change.head }),
      ...(change.exclusive && { revision: handle.record.revision }),
      ...(next && { rotate: next.rotate }),
      ...(change.confirm && confirmation(handle.record, now, change.confirm.grace)),
    };
    const done = await this.#ask(() => this.#store.commit(handle.record.id, delta));
    if (done.outcome !== 'saved') return done;
    const record = settled(handle.record, delta, done.revision);
    return { outcome: 'saved', handle: next ? this.#hold(record, next.secret) : handle.as(record) };
  }

  async reload(handle: StoreHandle): Promise<StoreHandle | undefined> {
    const { record, epoch, secret } = handle;
    const found = await this.#ask(() => this.#store.load(record.id));
    if (!found || 'ended' in found || epochOf(found.record) !== epoch) return undefined;
    return this.#hold(
      found.record,
      secret && this.#presentSecret(found.record, secret),
      epoch,
      handle.legacy,
    );
  }

  async destroy(handle: StoreHandle, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.#ask(() => this.#store.destroy(handle.record.id, tombstone));
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#ask(() => this.#store.list(subject));
  }

  async destroyById(id: string, subject?: string): Promise<SessionRecord[]> {
    if (subject !== undefined) {
      const found = await this.#ask(() => this.#store.load(id));
      // The subject of an id never changes, so looking first is no race.
      if (!found || 'ended' in found || found.record.subject !== subject) return [];
    }
    const ended = await this.#ask(() => this.#store.destroy(id));
    return ended ? [ended] : [];
  }

  /**
   * The mark comes first: a login that is under way is refused from then on, or its session is in the list. Page by
   * page, each with its own time, until nothing is listed that was proved before.
   */
  async destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    const since = this.#hasSharedClock
      ? await this.#ask(() => this.#store.time!())
      : nextMoment(this.#context.clock);
    await this.#ask(() => this.#store.markRevoked(subject, since, MARK_TTL));
    this.#marks.set(subject, Math.max(since, this.#marks.get(subject) ?? -Infinity));
    // Nor is a session asked for twice: one that a store lists although it has ended would keep us for ever.
    const spared = new Set(except);
    for (;;) {
      // What is spared may come first, page after page.
      const limit = PAGE + except.length;
      const page = await this.#ask(() => this.#store.list(subject, limit));
      const doomed = page.filter((record) => !spared.has(record.id) && provedBefore(record, since));
      if (doomed.length === 0) return;
      for (const { id } of doomed) spared.add(id);
      for (let i = 0; i < doomed.length; i += AT_ONCE)
        for (const record of await this.#destroyEach(doomed.slice(i, i + AT_ONCE))) onEnded(record);
    }
  }

  async #destroyEach(records: readonly SessionRecord[]): Promise<SessionRecord[]> {
    // eslint-disable-next-line @typescript-eslint/await-thenable -- a store may answer at once
    const done = await Promise.all(records.map(({ id }) => this.#ask(() => this.#store.destroy(id))));
    return done.filter((record) => record !== undefined);
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
    let loaded: Awaitable<LoadedRecord | EndedRecord | undefined>;
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

  #recognise(token: Verified, found: LoadedRecord | EndedRecord | undefined): Opened {
    const { id, secret, hash } = token;
    if (!found) return { kind: 'rejected', why: 'unknown', id };
    if ('ended' in found)
      return { kind: 'rejected', why: found.ended, id, lately: found.ended === 'replaced' };
    const { record } = found;
    const now = this.#timeOf(found);
    const legacy = token.form === 'legacy';
    if (sameDigest(hash, record.secretHash)) {
      const handle = this.#hold(record, secret, epochOf(record), legacy);
      const confirms = record.previous?.pending === true;
      return { kind: 'live', handle, now, present: true, renewed: false, confirms };
    }
    switch (standingOfToken(record, hash, now, !legacy)) {
      case TokenStanding.Present:
      case TokenStanding.Honoured: {
        const successor = this.#presentSecret(record, secret);
        const handle = this.#hold(record, successor ?? secret, epochOf(record));
        const renewed = successor !== undefined;
        return { kind: 'live', handle, now, present: false, renewed, confirms: false };
      }
      case TokenStanding.Superseded:
        return { ...this.#former(record, 'superseded', true), lately: now < record.previous!.until };
      case TokenStanding.Lapsed:
        return this.#former(record, 'superseded', false);
      case TokenStanding.Reused:
        return this.#former(record, 'reused', false);
      case TokenStanding.Unknown:
        return { kind: 'rejected', why: 'unknown', id };
    }
  }

  #timeOf({ time }: LoadedRecord): number {
    return this.#hasSharedClock && time !== undefined ? time : this.#context.clock.now();
  }

  #former(
    record: SessionRecord,
    why: Extract<RejectReason, 'superseded' | 'reused'>,
    everywhere: boolean,
  ): RejectedToken<StoreHandle> {
    return {
      kind: 'rejected',
      why,
      id: record.id,
      former: { handle: this.#hold(record, undefined), everywhere },
    };
  }

  async #unreadable(id: string, error: unknown): Promise<Opened> {
    if (!isSessionError(error) || error.code !== 'ERR_RECORD_CORRUPT') throw error;
    try {
      await this.#ask(() => this.#store.destroy(id));
    } catch (failure) {
      // A destroy removes the record and then fails to read what it was.
      if (!isSessionError(failure) || failure.code !== 'ERR_RECORD_CORRUPT') throw failure;
    }
    return { kind: 'rejected', why: 'corrupt', id, ended: { id } };
  }

  #hold(
    record: SessionRecord,
    secret: string | undefined,
    epoch = epochOf(record),
    legacy = false,
  ): StoreHandle {
    return new StoreHandle(record, secret, epoch, legacy, this.#signer);
  }

  #successor(
    { record, secret }: StoreHandle,
    { honoured, ...terms }: Rotation,
    now: number,
  ): { secret: string; rotate: RecordDelta['rotate'] } {
    const nonce = newNonce();
    // Where the old secret is not honoured nobody is to be led from it to the new one.
    const next = honoured && secret ? this.#signer.successor(record.id, secret, nonce) : newSecret();
    const from = record.secretHash;
    const previous = afterRotation(record, { from, nonce, honoured, now, ...terms });
    return { secret: next, rotate: { from, to: hashSecret(next), previous } };
  }

  /**
   * The present secret, for who has it or its predecessor: the successor that the first request was given, for those
   * that come late. Unknown to who comes later than that, and where the key has gone that it was derived with.
   */
  #presentSecret(record: SessionRecord, secret: string): string | undefined {
    const hash = hashSecret(secret);
    if (hash === record.secretHash) return secret;
    const { previous } = record;
    if (!previous?.honoured || previous.hash !== hash) return undefined;
    return this.#signer
      .successors(record.id, secret, previous.nonce)
      .find((successor) => hashSecret(successor) === record.secretHash);
  }

  /** The rest of what has to go for a new session, each call with its own time. */
  async #evictMore(subject: string, limit: SessionLimit): Promise<SessionRecord[]> {
    const all: SessionRecord[] = [];
    for (;;) {
      const { evicted, more } = await this.#ask(() => this.#store.evict!(subject, limit));
      all.push(...evicted);
      if (!more) return all;
    }
  }

  /** Now, and once more when the store has answered: till then the session may still come to be. */
  #discardLater(id: string, answer: Awaitable<unknown>): void {
    void this.#discard(id);
    const discard = () => void this.#discard(id);
    Promise.resolve(answer).then(discard, discard);
  }

  /** As far as the store can be reached. */
  async #discard(id: string): Promise<void> {
    try {
      await this.#ask(() => this.#store.destroy(id));
    } catch {
      // What failed first is told.
    }
  }

  /** Whether all nodes go by the clock of the store. */
  get #hasSharedClock(): boolean {
    return !this.#context.clockInjected && this.#store.time !== undefined;
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
class StoreHandle implements SessionHandle {
  readonly record: SessionRecord;
  /** Of the record when the session was opened with a valid token: as long as it is the same, this may write. */
  readonly epoch: number;
  readonly legacy: boolean;
  readonly #secret: string | undefined;
  readonly #signer: Signer;

  constructor(
    record: SessionRecord,
    secret: string | undefined,
    epoch: number,
    legacy: boolean,
    signer: Signer,
  ) {
    this.record = record;
    this.epoch = epoch;
    this.legacy = legacy;
    this.#secret = secret;
    this.#signer = signer;
  }

  get token(): string | undefined {
    return this.#secret && this.#signer.sign(`${this.record.id}.${this.#secret}`);
  }

  /** What came with the request, or follows from it. */
  get secret(): string | undefined {
    return this.#secret;
  }

  as(record: SessionRecord): StoreHandle {
    return new StoreHandle(record, this.#secret, this.epoch, this.legacy, this.#signer);
  }
}

function confirmation(record: SessionRecord, now: number, grace: number): Pick<RecordDelta, 'confirm'> {
  const previous = afterConfirmation(record, now, grace);
  return previous ? { confirm: { secretHash: record.secretHash, previous } } : {};
}

/**
 * The record as it is after a commit, as far as it is known here. Where others wrote data since it was read the
 * revision stays behind: a commit that counts on the data then is a conflict, and reads them first.
 */
function settled(record: SessionRecord, delta: RecordDelta, revision: number): SessionRecord {
  const next = applyDelta(record, delta);
  return next.revision === revision ? next : { ...next, revision: record.revision };
}

/** A session of which it is not known when its subject proved itself counts as older. */
function provedBefore({ factors }: SessionRecord, time: number): boolean {
  const proved = authenticatedAt(factors);
  return proved === undefined || proved <= time;
}

/** A store that does not answer is not waited for twice. */
export const isTimeout = (error: unknown): boolean =>
  isSessionError(error) && error.cause instanceof Error && error.cause.name === TIMEOUT;

/** Whether the store said what became of a create, so that nothing can be left of it. */
export const isSettled = (error: unknown): boolean =>
  isSessionError(error) && (error.code === 'ERR_SESSION_LIMIT' || error.code === 'ERR_LOGIN_REVOKED');

const TIMEOUT = 'TimeoutError';

/** Rejects with `ERR_STORE_UNAVAILABLE` when the answer fails or takes longer than `timeout` milliseconds. */
export function inTime<T>(answer: Promise<T>, timeout: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      const late = Object.assign(new Error(`no answer within ${timeout} ms`), { name: TIMEOUT });
      reject(unavailable(late));
    }, timeout);
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
