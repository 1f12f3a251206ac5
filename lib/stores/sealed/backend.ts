import type { SessionRecord } from '../../core/model/record.js';
import type {
  BackendContext,
  BackendWrite,
  Client,
  CreateTerms,
  EndedSession,
  IssueResult,
  OpenResult,
  Presence,
  SaveResult,
  SessionBackend,
} from '../../core/storage/backend.js';
import type { Awaitable, StoreFinding, StoreProblem, Tombstone } from '../../core/storage/store.js';
import { TICK } from '../../core/util/clock.js';
import { SessionError } from '../../core/util/errors.js';
import { SealedBound } from './operations/binding.js';
import { SealedContext, type SealedParts } from './context.js';
import { endAll, endById, endSession } from './operations/ending.js';
import type { SealedHandle } from './handle.js';
import { createSession } from './operations/issuing.js';
import { openCookie, presenceOf, reloadSession } from './operations/opening.js';
import { saveSession } from './operations/saving.js';

/**
 * Keeps each session in its cookie; only revocations are kept elsewhere. Each operation is a function in a file of its
 * own: opening, issuing, saving, ending.
 */
export class SealedBackend implements SessionBackend<SealedHandle> {
  readonly cookieIsRecord = true;
  readonly bound: SealedBound;
  readonly #context: SealedContext;

  /** @throws SessionError `ERR_OPTIONS` for `maxSessions` without an index */
  constructor(parts: SealedParts, module: BackendContext) {
    if (module.countsSessions && !parts.index) {
      throw new SessionError(
        'ERR_OPTIONS',
        'SessionModule: maxSessions: sealed cookies are stored only in browsers, so their sessions cannot be counted. Give SealedCookie an "index", or drop maxSessions.',
      );
    }
    this.#context = new SealedContext(parts, module);
    this.bound = new SealedBound(this.#context);
  }

  open(value: string, client: Client): Awaitable<OpenResult<SealedHandle>> {
    return openCookie(this.#context, value, client);
  }

  isGenuine(value: string, client: Client): boolean {
    const { sealer } = this.#context;
    return sealer.open(value, sealer.bindingOf(client)) !== undefined;
  }

  now(): Awaitable<number> {
    const waiting = this.#context.list?.fresh();
    return waiting ? waiting.then(() => this.#context.now()) : this.#context.now();
  }

  proof(subject: string): () => number {
    const moment = this.#context.nextMoment();
    const revoked = (this.#context.list?.revokedAt(subject) ?? -Infinity) + TICK;
    return () => Math.max(revoked, moment + this.#context.skew);
  }

  create(
    draft: SessionRecord,
    ttl: number,
    client: Client,
    terms: CreateTerms = {},
  ): Promise<IssueResult<SealedHandle>> {
    return createSession(this.#context, draft, ttl, client, terms);
  }

  save(
    handle: SealedHandle,
    change: BackendWrite,
    now: number,
    ttl?: number,
  ): Promise<SaveResult<SealedHandle>> {
    return saveSession(this.#context, handle, change, now, ttl);
  }

  reload(handle: SealedHandle): Promise<SealedHandle | undefined> {
    return reloadSession(this.#context, handle);
  }

  present(handle: SealedHandle): Promise<Presence<SealedHandle>> {
    return presenceOf(this.#context, handle);
  }

  destroy(handle: SealedHandle, tombstone?: Tombstone): Promise<SessionRecord | undefined> {
    return endSession(this.#context, handle, tombstone);
  }

  async list(subject: string): Promise<SessionRecord[]> {
    return this.#context.index.list(subject);
  }

  destroyById(id: string, subject?: string): Promise<EndedSession[]> {
    return endById(this.#context, id, subject);
  }

  destroyAll(
    subject: string,
    except: readonly string[],
    onEnded: (session: EndedSession) => void,
  ): Promise<void> {
    return endAll(this.#context, subject, except, onEnded);
  }

  publish(): void {
    // The other nodes receive the entries of the list, not events.
  }

  subscribe(): void {
    // As above.
  }

  diagnose(): Promise<StoreProblem[]> {
    return this.#context.diagnose();
  }

  examine(): Promise<StoreFinding[]> {
    return this.#context.examine();
  }

  ping(): Promise<void> {
    return this.#context.ping();
  }

  async close(): Promise<void> {
    await this.#context.list?.close();
    await this.#context.index.close();
  }
}
