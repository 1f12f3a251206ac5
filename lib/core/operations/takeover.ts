import { claimOf } from '../migration/claim.js';
import type { CompleteLogin, MigratedLogin, MigrationSource, OldSession } from '../migration/source.js';
import { TakenOver } from '../migration/taken-over.js';
import type { SessionRecord } from '../model/record.js';
import { assertSubject } from '../model/subject.js';
import type { EngineContext } from '../request/engine-context.js';
import type { RequestState } from '../request/request-state.js';
import type { ClaimedSessions, Client, OpenResult, SessionHandle } from '../storage/backend.js';
import type { Awaitable } from '../storage/store.js';
import { isSessionError, SessionError } from '../util/errors.js';
import { assertLogin, migratedDraft } from './migrated-draft.js';
import type { Opening } from './open.js';
import { Retirement, type Retired } from './retirement.js';

/** A credential that a request presented, and the session here that it leads to. */
interface Presented extends Retired {
  readonly client: Client;
}

/**
 * Takes sessions of other libraries over, each once. The order of the calls matters: the old session is asked before ours,
 * and is ended after ours was created, so that a concurrent request finds one of the two.
 */
export class Takeover {
  readonly #context: EngineContext;
  readonly #opening: Opening;
  readonly #claims: ClaimedSessions | undefined;
  readonly #retirement: Retirement;
  readonly #sources: readonly MigrationSource[];
  /** Those whose sessions go on beside ours. */
  readonly #kept: readonly MigrationSource[];
  /** Of a module that continues a part of old sessions. */
  complete: CompleteLogin = (login) => login;

  /** @throws SessionError `ERR_OPTIONS` if sessions that came over cannot be remembered */
  constructor(context: EngineContext, opening: Opening) {
    this.#context = context;
    this.#opening = opening;
    this.#claims = context.backend.claims;
    this.#retirement = new Retirement(context);
    this.#sources = context.config.migrate ?? [];
    this.#kept = this.#sources.filter(({ keepOld }) => keepOld);
    if (this.#sources.length > 0 && !this.#claims) {
      throw new SessionError(
        'ERR_OPTIONS',
        'SessionModule: migrate: with sealed cookies nothing remembers which sessions came over, so a copy of an old cookie would log in again after the logout. Give "store" a RedisStore or a PostgresStore, or leave "migrate" out.',
      );
    }
  }

  /**
   * The state of a request that may come with a session of another library.
   *
   * @param state as our own cookie opened it
   * @param carries whether a cookie that the response sets reaches the client
   */
  of(state: RequestState, client: Client, carries: () => boolean): Awaitable<RequestState> {
    if (this.#sources.length === 0 || !client.request) return state;
    const { kind } = state.state;
    if (kind === 'live') return this.#kept.length > 0 ? this.#follow(state, client, carries) : state;
    // A token that was replaced is of a client that has a newer one, or of a thief.
    return kind === 'anonymous' && !state.former && carries() ? this.#takeFirst(state, client) : state;
  }

  async #takeFirst(
    state: RequestState,
    client: Client,
    sources: readonly MigrationSource[] = this.#sources,
  ): Promise<RequestState> {
    for (const source of sources) {
      const presented = await this.#presented(source, client);
      const taken = presented && (await this.#take(presented, state));
      if (taken) return taken;
    }
    return state;
  }

  async #presented(source: MigrationSource, client: Client): Promise<Presented | undefined> {
    const old = await source.find(client.request!);
    return old && { source, old, claim: claimOf(source.id, old.key), client };
  }

  /**
   * The state with the session that took the presented one over; `undefined` if there is none, or no longer.
   *
   * @param state what the request goes on with otherwise
   */
  async #take(presented: Presented, state: RequestState): Promise<RequestState | undefined> {
    const { claim } = presented;
    const there = await this.#retirement.load(presented);
    const opened = await this.#opened(presented, there);
    if (opened.kind === 'live') return this.#join(presented, opened, there);
    // Of a session that is alive the client has the cookie, unless it is a thief.
    if (!there || opened.former) return undefined;
    const used = opened.why !== 'unknown' || (await this.#claims!.isMarked(claim));
    return used ? this.#joinOrRetire(presented, there, state) : this.#create(presented, there, state);
  }

  /** The session that took the presented one over, once it is known to be that one. */
  async #opened(presented: Presented, there: OldSession | undefined): Promise<OpenResult> {
    const { claim } = presented;
    const opened = await this.#claims!.open(claim);
    if (opened.kind !== 'unsettled') return opened;
    await this.#retirement.decide(presented, opened.handle, there);
    const decided = await this.#claims!.open(claim);
    return decided.kind === 'unsettled' ? { kind: 'rejected', why: 'unknown', id: claim.id } : decided;
  }

  /** Another request took it over meanwhile, or its session here has ended. */
  async #joinOrRetire(
    presented: Presented,
    there: OldSession,
    state: RequestState,
  ): Promise<RequestState | undefined> {
    const opened = await this.#opened(presented, there);
    if (opened.kind === 'live') return this.#join(presented, opened, there);
    return this.#retire(presented, there, state);
  }

  /** The old session ends as well, and its cookies are taken away. */
  async #retire(presented: Presented, there: OldSession, state: RequestState): Promise<undefined> {
    this.#tie(state, presented, there);
    await state.takenOver!.end();
  }

  async #join(
    presented: Presented,
    opened: OpenResult,
    there: OldSession | undefined,
  ): Promise<RequestState | undefined> {
    const state = await this.#opening.admit(opened, presented.client);
    if (!state.live) return undefined;
    if (there) await this.#retirement.settleAfter(presented, there, state.live.handle, state.now());
    this.#tie(state, presented, there);
    return state;
  }

  async #create(
    presented: Presented,
    there: OldSession,
    before: RequestState,
  ): Promise<RequestState | undefined> {
    const { source, claim, client } = presented;
    const login = this.#mapping(source, () => there.login());
    // The other library may still log the visitor in, in the same session.
    if (!login || (login.subject === null && source.keepOld)) return undefined;
    const state = this.#opening.begin(client);
    const { now, skew } = await this.#context.time(state);
    const mapped = this.#mapping(source, () => {
      const complete = there.values ? this.complete(login, there.values) : login;
      return migratedDraft(this.#context, complete, now, state.device);
    });
    if (!mapped) return undefined;
    const { draft, provedAt } = mapped;
    if (this.#refusesUnbound(draft, now)) return undefined;
    const ttl = this.#context.ttl(draft, now);
    // The absolute lifetime, which counts from the old login, is over.
    if (ttl === 0) return undefined;
    const { idle } = this.#context.limitsOf(draft);
    const link = source.keepOld ? { source: source.id, key: presented.old.key } : undefined;
    const terms = { now, pendingFor: this.#context.pendingFor(idle), provedAt, link };
    const created = await this.#issue(() => this.#claims!.create(claim, draft, ttl, terms));
    if (created === 'revoked') return this.#retire(presented, there, before);
    if (!created) return this.#joinOrRetire(presented, there, before);
    const handle = await this.#retirement.settle(presented, there, created);
    if (!handle) {
      // Another request took it over, and its session has ended already.
      await this.#context.backend.destroy(created);
      return undefined;
    }
    state.opened({ kind: 'live', handle, now, skew, present: false, renewed: true, confirms: false });
    this.#tie(state, presented, there);
    this.#context.emit(state, { type: 'created' });
    this.#context.emit(state, { type: 'migrated', source: source.name });
    return state;
  }

  /** Whether the old session is of the same user as ours. Of a map that fails that is not known, and ours goes on. */
  #isOf(subject: string | null, source: MigrationSource, there: OldSession | undefined): boolean {
    if (!there) return false;
    const login = this.#mapping(source, () => ({ subject: subjectOf(there.login()) }));
    return !login || login.subject === subject;
  }

  /**
   * `undefined` where the application's `map` fails, so that its user can log in anew. The old session stays where it is, for
   * a map that is mended.
   */
  #mapping<T>(source: MigrationSource, map: () => T): T | undefined {
    try {
      return map();
    } catch (error) {
      this.#context.config.onMapFailed?.(source.name, error);
      return undefined;
    }
  }

  /**
   * Where every session has to be bound, one that cannot be any more stays where it is: a key is offered to whoever logs in,
   * and not to whoever has an old credential.
   */
  #refusesUnbound(draft: SessionRecord, now: number): boolean {
    const { config, events } = this.#context;
    const standing = config.device?.standingOfUnbound(draft, now);
    if (standing?.kind !== 'refused') return false;
    const { subject } = draft;
    const { reason } = standing;
    events.emit({ type: 'refused', id: '', at: now, ...(subject !== undefined && { subject }), reason });
    return true;
  }

  async #issue(
    create: () => Promise<{ handle: SessionHandle } | undefined>,
  ): Promise<SessionHandle | 'revoked' | undefined> {
    try {
      return (await create())?.handle;
    } catch (error) {
      if (isSessionError(error) && error.code === 'ERR_LOGIN_REVOKED') return 'revoked';
      throw error;
    }
  }

  /** @param there if it is live */
  #tie(state: RequestState, presented: Presented, there: OldSession | undefined): void {
    const { removals, keepOld } = presented.source;
    state.takenOver = new TakenOver(removals, () => this.#retirement.end(presented, there));
    if (!keepOld) state.takenOver.removeCookies();
  }

  /** A session that goes on beside an old one ends with it. The browser may then come with another one. */
  async #follow(state: RequestState, client: Client, carries: () => boolean): Promise<RequestState> {
    const { handle } = state.live!;
    const presented = await this.#besides(handle.record, client);
    if (!presented) return carries() ? this.#loggedInThere(state, client) : state;
    const there = await this.#retirement.load(presented);
    const { subject = null } = handle.record;
    if (this.#isOf(subject, presented.source, there)) {
      this.#tie(state, presented, there);
      return state;
    }
    const ended = await this.#opening.discard(handle, 'logout', client);
    return carries() ? this.#takeFirst(ended, client) : ended;
  }

  /** A visitor with a session here may have logged in on an old node. */
  async #loggedInThere(state: RequestState, client: Client): Promise<RequestState> {
    const { handle } = state.live!;
    if (handle.record.subject !== undefined) return state;
    const taken = await this.#takeFirst(state, client, this.#kept);
    if (taken !== state) {
      const tombstone = { reason: 'replaced', ttl: this.#context.config.grace } as const;
      await this.#context.destroy(handle, 'replaced', tombstone);
    }
    return taken;
  }

  /** The old session that one of ours goes on beside. What is in a cookie alone is known if the request presents it. */
  async #besides(record: SessionRecord, client: Client): Promise<Presented | undefined> {
    const link = this.#claims!.linkOf(record);
    const source = link && this.#kept.find(({ id }) => id === link.source);
    if (!source) return undefined;
    if (!source.reopen) return this.#presented(source, client);
    const old = source.reopen(link.key);
    return { source, old, claim: claimOf(source.id, old.key), client };
  }
}

/** @throws SessionError for what `map` must not return */
function subjectOf(login: MigratedLogin | undefined): string | null | undefined {
  if (!login) return undefined;
  assertLogin(login);
  const { subject } = login;
  if (subject !== undefined && subject !== null) assertSubject(subject);
  return subject;
}
