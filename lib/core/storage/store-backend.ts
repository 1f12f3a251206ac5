import { observedStore } from '../diagnostics/observed.js';
import type { SessionEvent } from '../events/events.js';
import { standingOfToken, TokenStanding } from '../model/predecessors.js';
import { epochOf, type SessionRecord } from '../model/record.js';
import type { RejectReason } from '../model/reject-reason.js';
import type { Signer } from '../token/signer.js';
import { TokenVerifier, type Verified } from '../token/token-verifier.js';
import { preciseNow } from '../util/clock.js';
import { isSessionError, unavailable } from '../util/errors.js';
import type {
  BackendContext,
  BackendWrite,
  Client,
  CreateTerms,
  EndedSession,
  IssueResult,
  OpenResult,
  Presence,
  RejectedToken,
  SaveResult,
  SessionBackend,
} from './backend.js';
import { inTime, StoreCalls } from './store-calls.js';
import { StoreBound } from './store-bound.js';
import { StoreClaims } from './store-claims.js';
import { StoreEvents } from './store-events.js';
import { presentSecretOf, StoreHandle } from './store-handle.js';
import { StoreRevocation } from './store-revocation.js';
import { StoreWriter } from './store-writer.js';
import { examineStore } from './health/store-examination.js';
import { problemsOf } from './health/store-problems.js';
import { useStore, type StoreUse } from './store-use.js';
import type {
  Awaitable,
  CallReport,
  EndedRecord,
  LoadedRecord,
  SessionStore,
  StoreFinding,
  StoreProblem,
  Tombstone,
} from './store.js';

type Opened = OpenResult<StoreHandle>;

/** Keeps sessions in a store. The cookie holds the signed token `id.secret`. */
export class StoreBackend implements SessionBackend<StoreHandle> {
  readonly cookieIsRecord = false;
  readonly #diagnosed: SessionStore;
  readonly #store: Pick<SessionStore, 'load'>;
  readonly #context: BackendContext;
  readonly #signer: Signer;
  readonly #tokens: TokenVerifier;
  readonly #timeout: number;
  readonly #calls: StoreCalls;
  readonly #reads: CallReport;
  readonly #use: StoreUse;
  readonly #writer: StoreWriter;
  readonly #revocation: StoreRevocation;
  readonly #events: StoreEvents;
  readonly claims: StoreClaims;
  readonly bound: StoreBound;

  constructor(store: SessionStore, context: BackendContext) {
    this.#diagnosed = store;
    this.#store = observedStore('store', store);
    this.#context = context;
    this.#signer = context.signer;
    this.#tokens = new TokenVerifier(context.signer);
    this.#timeout = context.timeout;
    this.#calls = new StoreCalls(store, context);
    const { health } = this.#calls;
    this.#reads = health.read;
    this.#use = useStore(store, context, health);
    this.#writer = new StoreWriter(this.#calls, context.signer);
    this.#revocation = new StoreRevocation(this.#calls, context.loginsComeLate);
    this.#events = new StoreEvents(store, context);
    this.bound = new StoreBound(this.#writer, this.#calls, context);
    this.claims = new StoreClaims(this.#calls, context, (token) => this.#load(token));
  }

  open(value: string): Awaitable<Opened> {
    const token = this.#tokens.verify(value);
    if (!token)
      return { kind: 'rejected', why: this.#tokens.hasForm(value) ? 'tampered' : 'foreign', id: '' };
    return this.#load(token);
  }

  #load(token: Verified): Awaitable<Opened> {
    const { id } = token;
    let loaded: Awaitable<LoadedRecord | EndedRecord | undefined>;
    try {
      loaded = this.#store.load(id);
    } catch (error) {
      this.#reads.failed(error);
      return this.#unreadable(id, unavailable(error));
    }
    if (!(loaded instanceof Promise)) {
      this.#reads.succeeded();
      return this.#recognise(token, loaded);
    }
    return inTime(loaded, this.#timeout, this.#reads).then(
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
    const { clock } = this.#context;
    const time = this.#calls.hasSharedClock ? found.time : undefined;
    const now = time ?? clock.now();
    const skew = time === undefined ? 0 : time - preciseNow(clock);
    // A plain comparison can tell at most a part of the hash, to a client with a genuine token.
    if (hash === record.secretHash) {
      const handle = new StoreHandle(this.#signer, record, secret, epochOf(record), token.form === 'legacy');
      const confirms = record.previous?.pending === true;
      return { kind: 'live', handle, now, skew, present: true, renewed: false, confirms };
    }
    return this.#recogniseOlder(token, record, now, skew);
  }

  /** Recognises a genuine token whose secret is not the present one. */
  #recogniseOlder(
    { id, secret, hash, form }: Verified,
    record: SessionRecord,
    now: number,
    skew: number,
  ): Opened {
    switch (standingOfToken(record, hash, now, form !== 'legacy')) {
      case TokenStanding.Present:
      case TokenStanding.Honoured: {
        const successor = presentSecretOf(this.#signer, record, secret);
        const handle = new StoreHandle(this.#signer, record, successor ?? secret);
        const renewed = successor !== undefined;
        return { kind: 'live', handle, now, skew, present: false, renewed, confirms: false };
      }
      case TokenStanding.Superseded: {
        const lately = record.previous !== undefined && now < record.previous.until;
        return { ...this.#former(record, 'superseded', true), lately };
      }
      case TokenStanding.Lapsed:
        return this.#former(record, 'superseded', false);
      case TokenStanding.Reused:
        return this.#former(record, 'reused', false);
      case TokenStanding.Unknown:
        return { kind: 'rejected', why: 'unknown', id };
    }
  }

  #former(
    record: SessionRecord,
    why: Extract<RejectReason, 'superseded' | 'reused'>,
    everywhere: boolean,
  ): RejectedToken<StoreHandle> {
    const handle = new StoreHandle(this.#signer, record, undefined);
    return { kind: 'rejected', why, id: record.id, former: { handle, everywhere } };
  }

  /** Removes a corrupt record; any other error is thrown. */
  async #unreadable(id: string, error: unknown): Promise<Opened> {
    if (!isCorrupt(error)) throw error;
    try {
      await this.#calls.write((store) => store.destroy(id));
    } catch (failure) {
      // A destroy removes a corrupt record and then fails to read it.
      if (!isCorrupt(failure)) throw failure;
    }
    return { kind: 'rejected', why: 'corrupt', id, ended: { id } };
  }

  isGenuine(value: string): boolean {
    return this.#tokens.verify(value) !== undefined;
  }

  now(): Awaitable<number> {
    return this.#calls.sharedTime() ?? this.#context.clock.now();
  }

  proof(subject: string): (skew: number) => number {
    return this.#revocation.proof(subject);
  }

  create(
    draft: SessionRecord,
    ttl: number,
    _client: Client,
    terms: CreateTerms = {},
  ): Promise<IssueResult<StoreHandle>> {
    return this.#writer.create(draft, ttl, terms);
  }

  save(
    handle: StoreHandle,
    change: BackendWrite,
    now: number,
    ttl?: number,
  ): Promise<SaveResult<StoreHandle>> {
    return this.#writer.save(handle, change, now, ttl);
  }

  async reload({ record, epoch, secret, legacy }: StoreHandle): Promise<StoreHandle | undefined> {
    const found = await this.#calls.read((store) => store.load(record.id));
    if (!found || 'ended' in found || epochOf(found.record) !== epoch) return undefined;
    const present = secret && presentSecretOf(this.#signer, found.record, secret);
    return new StoreHandle(this.#signer, found.record, present, epoch, legacy);
  }

  async present({ record, epoch, secret, legacy }: StoreHandle): Promise<Presence<StoreHandle>> {
    const found = await this.#calls.read((store) => store.load(record.id));
    if (!found) return { kind: 'over', reason: undefined };
    if ('ended' in found) return { kind: 'over', reason: found.ended };
    const now = (this.#calls.hasSharedClock ? found.time : undefined) ?? this.#context.clock.now();
    const present = secret && presentSecretOf(this.#signer, found.record, secret);
    const later = epochOf(found.record);
    const handle = new StoreHandle(this.#signer, found.record, present, later, legacy);
    return { kind: 'live', handle, renewed: later !== epoch, now };
  }

  async destroy({ record }: StoreHandle, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return this.#calls.write((store) => store.destroy(record.id, tombstone));
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#calls.read((store) => store.list(subject));
  }

  destroyById(id: string, subject?: string): Promise<SessionRecord[]> {
    return this.#revocation.destroyById(id, subject);
  }

  destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    return this.#revocation.destroyAll(subject, except, onEnded);
  }

  publish(event: SessionEvent): void {
    this.#events.publish(event);
  }

  subscribe(listener: (event: SessionEvent) => void): void {
    this.#events.subscribe(listener);
  }

  ping(): Promise<void> {
    return this.#calls.ping();
  }

  diagnose(): Promise<StoreProblem[]> {
    return problemsOf('store', this.#diagnosed, this.#timeout);
  }

  examine(): Promise<StoreFinding[]> {
    return examineStore('store', this.#diagnosed, this.#context);
  }

  close(): Awaitable<void> {
    this.#events.unsubscribe();
    return this.#use.end();
  }
}

const isCorrupt = (error: unknown): boolean => isSessionError(error) && error.code === 'ERR_RECORD_CORRUPT';
