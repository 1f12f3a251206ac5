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

/** Maximum number of sessions that one call lists. */
const PAGE = 500;

/** Sessions that are ended concurrently. More would queue behind each other, and each call has its own timeout. */
const AT_ONCE = 50;

/** How long the mark of a revocation is kept, in milliseconds: much longer than a store call may take. */
const MARK_TTL = 24 * 60 * 60 * 1000;

/** Maximum number of subjects whose last revocation this node caches. */
const MARKS = 10_000;

type Opened = OpenResult<StoreHandle>;

/** Keeps sessions in a store. The cookie holds the signed token `id.secret`. */
export class StoreBackend implements SessionBackend<StoreHandle> {
  readonly cookieIsRecord = false;
  readonly #store: SessionStore;
  readonly #signer: Signer;
  readonly #tokens: TokenVerifier;
  readonly #context: BackendContext;
  readonly #timeout: number;
  /** When this node last revoked a subject's sessions. A login called afterwards counts as later, even with clock skew. */
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
    return this.#hasSharedClock ? this.#query(() => this.#store.time!()) : this.#context.clock.now();
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
    let response: Awaitable<unknown>;
    try {
      const created = await this.#query(() => {
        const pending = this.#store.create(record, ttl, limit, provedAt);
        response = pending;
        return pending;
      });
      if (created.outcome === 'rejected') throw sessionLimitReached();
      if (created.outcome === 'revoked') throw loginRevoked();
      const more = created.more ? await this.#evictMore(record.subject!, limit!) : [];
      return { handle: this.#hold(record, secret), evicted: [...created.evicted, ...more] };
    } catch (error) {
      // The record may be stored although the call failed. No client gets its token, so it must not stay in lists.
      if (isTimeout(error)) this.#discardLater(record.id, response);
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
    const done = await this.#query(() => this.#store.commit(handle.record.id, delta));
    if (done.outcome !== 'saved') return done;
    const record = settled(handle.record, delta, done.revision);
    return { outcome: 'saved', handle: next ? this.#hold(record, next.secret) : handle.as(record) };
  }

  async reload(handle: StoreHandle): Promise<StoreHandle | undefined> {
    const { record, epoch, secret } = handle;
    const found = await this.#query(() => this.#store.load(record.id));
    if (!found || 'ended' in found || epochOf(found.record) !== epoch) return undefined;
    return this.#hold(
      found.record,
      secret && this.#presentSecret(found.record, secret),
      epoch,
      handle.legacy,
    );
  }

  async destroy(handle: StoreHandle, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.#query(() => this.#store.destroy(handle.record.id, tombstone));
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#query(() => this.#store.list(subject));
  }

  async destroyById(id: string, subject?: string): Promise<SessionRecord[]> {
    if (subject !== undefined) {
      const found = await this.#query(() => this.#store.load(id));
      // The subject of an id never changes, so there is no race between this check and the destroy.
      if (!found || 'ended' in found || found.record.subject !== subject) return [];
    }
    const ended = await this.#query(() => this.#store.destroy(id));
    return ended ? [ended] : [];
  }

  /**
   * Sets the mark first: from then on a login in progress is either rejected, or its session is in the list. Then ends
   * page by page, each call with its own timeout, until the list has no session that was authenticated before.
   */
  async destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    const since = this.#hasSharedClock
      ? await this.#query(() => this.#store.time!())
      : nextMoment(this.#context.clock);
    await this.#query(() => this.#store.markRevoked(subject, since, MARK_TTL));
    this.#marks.set(subject, Math.max(since, this.#marks.get(subject) ?? -Infinity));
    // Each session is destroyed only once: a store that still lists an ended session would make this loop endless.
    const spared = new Set(except);
    for (;;) {
      // The kept sessions may come first in every page.
      const limit = PAGE + except.length;
      const page = await this.#query(() => this.#store.list(subject, limit));
      const earlier = page.filter((record) => !spared.has(record.id) && provedBefore(record, since));
      if (earlier.length === 0) return;
      for (const { id } of earlier) spared.add(id);
      for (let i = 0; i < earlier.length; i += AT_ONCE)
        for (const record of await this.#destroyEach(earlier.slice(i, i + AT_ONCE))) onEnded(record);
    }
  }

  async #destroyEach(records: readonly SessionRecord[]): Promise<SessionRecord[]> {
    // eslint-disable-next-line @typescript-eslint/await-thenable -- a store may respond synchronously
    const done = await Promise.all(records.map(({ id }) => this.#query(() => this.#store.destroy(id))));
    return done.filter((record) => record !== undefined);
  }

  publish(event: SessionEvent): void {
    try {
      // An async implementation also fits the type, and may reject.
      const result: unknown = this.#store.publish?.(event);
      Promise.resolve(result).catch(() => this.#warnEventsFailed());
    } catch {
      this.#warnEventsFailed();
    }
  }

  subscribe(listener: (event: SessionEvent) => void): void {
    try {
      this.#unsubscribe = this.#store.subscribe?.(listener);
    } catch {
      this.#warnEventsFailed();
    }
  }

  /** Warns at most once a minute, and without the error, since a driver's error may contain the published event. */
  #warnEventsFailed(): void {
    const now = performance.now();
    if (now - this.#warnedAt < 60_000) return;
    this.#warnedAt = now;
    this.#context.warn(
      'The session store failed to publish or to receive events. Other nodes do not receive the events of this node, or the reverse; the sessions themselves are not affected.',
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
      await this.#query(() => this.#store.destroy(id));
    } catch (failure) {
      // A destroy removes a corrupt record and then fails to read it.
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
    // If the old secret is not honoured, the new one must not be derivable from it.
    const next = honoured && secret ? this.#signer.successor(record.id, secret, nonce) : newSecret();
    const from = record.secretHash;
    const previous = afterRotation(record, { from, nonce, honoured, now, ...terms });
    return { secret: next, rotate: { from, to: hashSecret(next), previous } };
  }

  /**
   * The present secret, given it or its honoured predecessor: a late request gets the same successor as the first one.
   * `undefined` for an older secret, or if the key that derived the successor was removed.
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

  /** Evicts the sessions that a create has left above the limit, each call with its own timeout. */
  async #evictMore(subject: string, limit: SessionLimit): Promise<SessionRecord[]> {
    const all: SessionRecord[] = [];
    for (;;) {
      const { evicted, more } = await this.#query(() => this.#store.evict!(subject, limit));
      all.push(...evicted);
      if (!more) return all;
    }
  }

  /** Discards now, and again when the store responds: until then it may still insert the record. */
  #discardLater(id: string, response: Awaitable<unknown>): void {
    void this.#discard(id);
    const discard = () => void this.#discard(id);
    Promise.resolve(response).then(discard, discard);
  }

  /** Best effort: an error of the store is ignored. */
  async #discard(id: string): Promise<void> {
    try {
      await this.#query(() => this.#store.destroy(id));
    } catch {
      // The caller throws the first error.
    }
  }

  /** Whether all nodes use the clock of the store. */
  get #hasSharedClock(): boolean {
    return !this.#context.clockInjected && this.#store.time !== undefined;
  }

  /** Calls the store. Any error becomes `ERR_STORE_UNAVAILABLE`, and so does a response that takes too long. */
  #query<T>(operation: () => Awaitable<T>): Awaitable<T> {
    let response: Awaitable<T>;
    try {
      response = operation();
    } catch (error) {
      throw unavailable(error);
    }
    return response instanceof Promise ? inTime(response, this.#timeout) : response;
  }
}

/** Holds the secret privately; it leaves only in the cookie. */
class StoreHandle implements SessionHandle {
  readonly record: SessionRecord;
  /** Epoch of the record when the session was opened with a valid token. The handle may write while it is unchanged. */
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

  /** The secret that the request presented, or the successor derived from it. */
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
 * The record after a commit, as far as this node knows it. If other requests wrote data since it was read, the old
 * revision is kept: an exclusive commit then conflicts and reloads the data first.
 */
function settled(record: SessionRecord, delta: RecordDelta, revision: number): SessionRecord {
  const next = applyDelta(record, delta);
  return next.revision === revision ? next : { ...next, revision: record.revision };
}

/** Whether the subject authenticated no later than `time`. A session without a valid time of authentication counts. */
function provedBefore({ factors }: SessionRecord, time: number): boolean {
  const proved = authenticatedAt(factors);
  return proved === undefined || proved <= time;
}

/** Whether the store did not respond in time. Callers do not wait for such a store again. */
export const isTimeout = (error: unknown): boolean =>
  isSessionError(error) && error.cause instanceof Error && error.cause.name === TIMEOUT;

/** Whether the store rejected a create, so that no record can remain. */
export const isSettled = (error: unknown): boolean =>
  isSessionError(error) && (error.code === 'ERR_SESSION_LIMIT' || error.code === 'ERR_LOGIN_REVOKED');

const TIMEOUT = 'TimeoutError';

/** Rejects with `ERR_STORE_UNAVAILABLE` if the promise rejects or takes longer than `timeout` milliseconds. */
export function inTime<T>(response: Promise<T>, timeout: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      const late = Object.assign(new Error(`no response within ${timeout} ms`), { name: TIMEOUT });
      reject(unavailable(late));
    }, timeout);
    response.then(
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
