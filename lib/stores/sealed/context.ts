import type { Limits } from '../../core/model/policy.js';
import type { SessionRecord } from '../../core/model/record.js';
import type { BackendContext, Client } from '../../core/storage/backend.js';
import { storeContextOf } from '../../core/storage/store-context.js';
import { StoreHealth } from '../../core/storage/health/store-health.js';
import { problemsOf } from '../../core/storage/health/store-problems.js';
import type { SessionStore, StoreFinding, StoreProblem } from '../../core/storage/store.js';
import { nextMoment } from '../../core/util/clock.js';
import { revocationUnavailable } from '../../core/util/errors.js';
import type { RevocationList } from '../../revocations/revocation-list.js';
import { CookieSealer } from './cookie-sealer.js';
import type { SealedCodec } from './formats/format.js';
import { SessionIndex } from './session-index.js';
import { examineList, NO_LIST } from './list-examination.js';
import { WatchedList } from './watched-list.js';

export interface SealedParts {
  codec: SealedCodec;
  /** Without it no session can be revoked. */
  list: RevocationList | undefined;
  /** The sessions of each subject, for `list()` and `maxSessions`. Not queried to open a session. */
  index: SessionStore | undefined;
  /** Whether a periodic rotation voids the cookies before it. */
  enforceRotation: boolean;
  /** Returns the text that a cookie is bound to. */
  bindTo: ((client: Client) => string | undefined) | undefined;
}

/** What all operations over sealed cookies share. */
export class SealedContext {
  readonly sealer: CookieSealer;
  readonly list: RevocationList | undefined;
  readonly index: SessionIndex;
  readonly enforceRotation: boolean;
  readonly #module: BackendContext;
  readonly #diagnosed: RevocationList | undefined;

  constructor({ codec, list, index, enforceRotation, bindTo }: SealedParts, module: BackendContext) {
    this.#module = module;
    const health = new StoreHealth('revocations', module);
    list?.bind(storeContextOf(module, health));
    this.sealer = new CookieSealer(codec, bindTo, module.cookieName);
    this.list = list && new WatchedList(list, health);
    this.#diagnosed = list;
    this.index = new SessionIndex(index, module);
    this.enforceRotation = enforceRotation;
  }

  /** The time by the deciding clock, in milliseconds since the epoch. */
  now(): number {
    return this.#module.clock.now() + this.skew;
  }

  /** A moment by the clock of this machine, later than every one before it, in milliseconds since the epoch. */
  nextMoment(): number {
    return nextMoment(this.#module.clock);
  }

  /** Milliseconds that the deciding clock is ahead of the clock of this machine. */
  get skew(): number {
    return this.#module.clockInjected ? 0 : (this.list?.skew ?? 0);
  }

  /** What is wrong with the list and the index, at start. */
  async diagnose(): Promise<StoreProblem[]> {
    const [list, index] = await Promise.all([
      problemsOf('revocations', this.#diagnosed, this.#module.timeout),
      this.index.diagnose(),
    ]);
    return [...list, ...index];
  }

  /** What a closer look at the list and the index finds. */
  async examine(): Promise<StoreFinding[]> {
    const [list, index] = await Promise.all([
      this.#diagnosed ? examineList(this.#diagnosed, this.#module) : [NO_LIST],
      this.index.examine(),
    ]);
    return [...list, ...index];
  }

  /** @throws SessionError `ERR_STORE_UNAVAILABLE` if the list or the index does not respond in time */
  async ping(): Promise<void> {
    await Promise.all([this.list?.sync(), this.index.ping()]);
  }

  limitsOf(record: Pick<SessionRecord, 'remember'>): Limits {
    return this.#module.limitsOf(record);
  }

  /** @throws SessionError `ERR_REVOCATION_UNAVAILABLE` without a list */
  requireList(): RevocationList {
    if (!this.list) throw revocationUnavailable();
    return this.list;
  }
}
