import type { EngineContext } from './engine-context.js';
import { isUnavailable, sessionEnded, SessionError } from '../util/errors.js';
import type { EndReason } from '../events/events.js';
import type { BackendWrite, SessionHandle } from '../storage/backend.js';
import { proved } from '../model/policy.js';
import type { SessionRecord } from '../model/record.js';
import type { SessionLimit } from '../storage/store.js';
import { assertSubject } from '../model/subject.js';
import type { RequestState } from './request-state.js';
import type { EndRequest, LiveState } from './state.js';

export interface LoginOptions {
  /** A persistent cookie with the limits of the option `remember`. @default false */
  remember?: boolean;
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** Keys of the anonymous session's data that may cross. @default none */
  keep?: readonly string[];
  /**
   * When the user authenticated, if that was earlier and elsewhere: a date, or milliseconds since the epoch. The
   * re-login window starts at this time, and a later revocation of all sessions rejects the login.
   * @default now
   */
  authenticatedAt?: Date | number;
}

export interface ReloginOptions {
  /** @default 'pwd' */
  factor?: string;
  /** The user who authenticated. If it is a different user, this becomes a fresh login and no data is kept. */
  subject?: string;
}

/** How long the tombstone of an evicted session is kept: 24 hours in milliseconds. */
const EVICTED_TOMBSTONE_TTL = 24 * 60 * 60 * 1000;

/** Everything that begins, replaces or ends a session. */
export class SessionOperations {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Another session in place of the present one. The new one is made first: should the store fail in between, the
   * client still has the old one.
   */
  async login(state: RequestState, subject: string, options: LoginOptions = {}): Promise<void> {
    assertSubject(subject);
    // The user proved themselves before this call: what is revoked from here on includes this login.
    const proof = this.#context.backend.proof(subject);
    const claimed = timeOf(options.authenticatedAt);
    await this.finish(state);
    const { remember = false, factor = 'pwd', keep = [] } = options;
    const before = state.handle?.record.subject;
    // Data of a different user is never carried over, even if `keep` lists it.
    const data = before === undefined || before === subject ? state.bag.carry(keep) : {};
    const { now, skew } = await this.#context.time(state);
    const provedAt = Math.min(proof(skew), claimed);
    const draft = this.#context.draft(now, {
      subject,
      factors: { [factor]: Math.min(now, Math.floor(provedAt)) },
      remember,
      device: state.device,
      data,
    });
    await this.#replace(state, draft, keep, {
      provedAt,
      limit: this.#limit(subject, state.handle?.record.id ?? state.former?.handle.record.id),
    });
    this.#context.emit(state, { type: 'login', factor, remember });
  }

  /** Rotates without grace, and starts the lifetime anew. */
  async relogin(state: RequestState, { factor = 'pwd', subject }: ReloginOptions = {}): Promise<void> {
    if (subject !== undefined && subject !== state.handle?.record.subject)
      return this.login(state, subject, { factor });
    if (state.live?.handle.record.subject === undefined) throw notLoggedIn();
    // As of this call, however often it takes: what was revoked since includes this session.
    const provedAt = state.now();
    state.proved(await this.#untilRotated(state, (live) => this.#proof(state, live, factor, provedAt)));
    this.#context.emit(state, { type: 'relogin', factor });
    this.#context.emit(state, { type: 'rotated' });
  }

  #proof(state: RequestState, { handle }: LiveState, factor: string, provedAt: number): BackendWrite {
    const now = state.now();
    const factors = proved(handle.record.factors, factor, provedAt);
    return {
      head: { factors, startedAt: provedAt, lastSeenAt: now, rotatedAt: now, device: state.device },
    };
  }

  /**
   * A new secret, and the old one opens nothing from now on. Tried again where another request was faster.
   *
   * @param changeOf what is written with it, given what others made of the session
   */
  async #untilRotated(
    state: RequestState,
    changeOf: (live: LiveState) => BackendWrite,
  ): Promise<SessionHandle> {
    for (;;) {
      const { live } = state;
      if (!live) throw sessionEnded();
      const handle = await this.#rotate(state, live, changeOf(live));
      if (handle) return handle;
      await this.reload(state);
    }
  }

  /** `undefined` where another request was faster. */
  async #rotate(
    state: RequestState,
    live: LiveState,
    change: BackendWrite,
  ): Promise<SessionHandle | undefined> {
    const { handle } = live;
    const now = state.now();
    const rotate = this.#context.rotation(live, false);
    const ttl = this.#context.ttl({ ...handle.record, ...change.head }, now);
    const saved = await this.#context.backend.save(handle, { ...change, rotate }, now, ttl);
    if (saved.outcome === 'gone') throw this.#lost(state);
    return saved.outcome === 'saved' ? saved.handle : undefined;
  }

  /** Takes in what others made of the session meanwhile. @throws SessionError `ERR_SESSION_ENDED` */
  async reload(state: RequestState): Promise<void> {
    if (!(await this.catchUp(state))) throw this.#lost(state);
  }

  /** As {@link reload}; false where the session is no more. */
  async catchUp(state: RequestState): Promise<boolean> {
    const before = state.handle;
    const handle = before && (await this.#context.backend.reload(before));
    // A login that came between is none of what was reloaded.
    if (state.handle !== before) return state.handle !== undefined;
    if (!handle) return false;
    state.reloaded(handle);
    return true;
  }

  /**
   * A new secret and clean data in the same record, by one commit, so that a concurrent revocation by id or by subject
   * ends the regenerated session as well.
   */
  async regenerate(state: RequestState, { keep = [] }: { keep?: readonly string[] } = {}): Promise<void> {
    await this.finish(state);
    if (!state.live) return startOver(state, state.bag.carry(keep));
    state.regenerated(await this.#untilRotated(state, (live) => this.#cleanData(state, live, keep)));
    this.#context.emit(state, { type: 'regenerated' });
    this.#context.emit(state, { type: 'rotated' });
  }

  /** Only if nobody wrote data meanwhile: a key that is kept is kept as it is last. */
  #cleanData(state: RequestState, { handle }: LiveState, keep: readonly string[]): BackendWrite {
    const { data } = handle.record;
    const set = state.bag.carry(keep);
    for (const [key, text] of Object.entries(set)) if (text !== data[key]) state.bag.assertValid(key, text);
    const remove = Object.keys(data).filter((key) => !Object.hasOwn(set, key));
    const now = state.now();
    return { data: { set, remove }, head: { lastSeenAt: now, rotatedAt: now }, exclusive: true };
  }

  async #replace(
    state: RequestState,
    draft: SessionRecord,
    keep: readonly string[],
    terms: { provedAt: number; limit: SessionLimit | undefined },
  ): Promise<void> {
    const { backend } = this.#context;
    const live = state.live?.handle;
    const now = state.now();
    const issued = await backend.create(draft, this.#context.ttl(draft, now), state.client, terms);
    let { handle } = issued;
    for (const old of [state.former?.handle, live])
      if (old) handle = await this.#succeed(handle, old, live, keep, now);
    state.replacedBy(handle);
    for (const evicted of issued.evicted) this.#context.ended(evicted, 'evicted');
    this.#context.emit(state, { type: 'created' });
  }

  /** Ends the session whose place the new one takes. */
  async #succeed(
    handle: SessionHandle,
    old: SessionHandle,
    live: SessionHandle | undefined,
    keep: readonly string[],
    now: number,
  ): Promise<SessionHandle> {
    try {
      const tombstone = { reason: 'replaced', ttl: this.#context.config.grace } as const;
      // It may have ended meanwhile: the user has proved themselves anew, so this goes on without it.
      const last = await this.#context.destroy(old, 'replaced', tombstone);
      return last && old === live ? await this.#bringOver(handle, keep, live.record, last, now) : handle;
    } catch (error) {
      // The client does not get the new session's token, so the new session is removed as well, if the store responds.
      await this.#context.backend.destroy(handle).catch(() => undefined);
      throw error;
    }
  }

  /** What another request wrote into the old session between our reading and its end. */
  async #bringOver(
    handle: SessionHandle,
    keep: readonly string[],
    read: SessionRecord,
    last: SessionRecord,
    now: number,
  ): Promise<SessionHandle> {
    const carried = handle.record.data;
    const late = keep.filter((key) => last.data[key] !== read.data[key] && carried[key] === read.data[key]);
    if (late.length === 0 || (read.subject !== undefined && read.subject !== handle.record.subject))
      return handle;
    const set: Record<string, string> = {};
    for (const key of late) if (last.data[key] !== undefined) set[key] = last.data[key];
    const remove = late.filter((key) => last.data[key] === undefined);
    const saved = await this.#context.backend.save(handle, { data: { set, remove } }, now);
    return saved.outcome === 'saved' ? saved.handle : handle;
  }

  #limit(subject: string, replaces: string | undefined): SessionLimit | undefined {
    const max = this.#context.config.maxSessions?.(subject);
    if (max === undefined) return undefined;
    return {
      max,
      onExceeded: this.#context.config.onExceeded,
      replaces,
      tombstoneTtl: EVICTED_TOMBSTONE_TTL,
    };
  }

  /** Ends the session of this request. Idempotent: without one, nothing happens. */
  async end(state: RequestState, reason: 'logout' | 'cleared', everywhere = false): Promise<void> {
    if (state.state.kind === 'ended' && !state.former) return;
    state.ending({ reason, everywhere });
    await this.finish(state);
  }

  /**
   * Takes to the store what {@link RequestState.ending} began. Repeated until the store has confirmed it.
   *
   * A token that no longer opens the session can still end it; otherwise a logout would appear to succeed while the
   * session continues. A token after its grace may be a stolen copy, so it ends no other sessions.
   *
   * @throws SessionError `ERR_SESSION_ENDED` if such a token requested `everywhere`
   */
  async finish(state: RequestState): Promise<void> {
    if (state.state.kind !== 'ending') return;
    const { handle, former, end } = state.state;
    const subject = handle?.record.subject ?? former?.handle.record.subject;
    const everywhere = end.everywhere && subject !== undefined;
    const entitled = handle?.record.subject !== undefined || (former?.everywhere ?? false);
    const own = [handle, former?.handle].filter((one) => one !== undefined);
    if (everywhere && entitled) await this.#endOthers(state, subject, own, end);
    for (const one of own) await this.#context.destroy(one, end.reason);
    state.ended();
    if (everywhere && !entitled) throw sessionEnded();
  }

  /**
   * Ends the other sessions before that of this request. If it fails, the client keeps its cookie, so that a retry ends
   * the others instead of succeeding for lack of a session.
   */
  async #endOthers(
    state: RequestState,
    subject: string,
    own: readonly SessionHandle[],
    end: EndRequest,
  ): Promise<void> {
    try {
      await this.revokeAll(
        subject,
        own.map(({ record }) => record.id),
        end.reason,
      );
    } catch (error) {
      // What cannot be done at all is not better for being asked again.
      if (isUnavailable(error)) state.othersRemain();
      throw error;
    }
    state.othersEnded(end);
  }

  /** The live sessions of a subject, the latest first. */
  async list(subject: string): Promise<SessionRecord[]> {
    assertSubject(subject);
    const [records, now] = await Promise.all([
      this.#context.backend.list(subject),
      this.#context.backend.now(),
    ]);
    return records
      .filter((record) => this.#context.timeoutOf(record, now) === undefined)
      .sort((a, b) => b.lastSeenAt - a.lastSeenAt);
  }

  /** Ends the session of an id; with `subject` only if it is theirs. */
  async revoke(id: string, subject?: string): Promise<number> {
    const ended = await this.#context.backend.destroyById(id, subject);
    for (const session of ended) this.#context.ended(session, 'revoked');
    return ended.length;
  }

  async revokeAll(
    subject: string,
    except: readonly string[],
    reason: EndReason = 'revoked',
  ): Promise<number> {
    assertSubject(subject);
    let count = 0;
    await this.#context.backend.destroyAll(subject, except, (session) => {
      count++;
      this.#context.ended(session, reason);
    });
    return count;
  }

  #lost(state: RequestState): SessionError {
    state.gone();
    return sessionEnded();
  }
}

function startOver(state: RequestState, data: Record<string, string>): void {
  state.startedOver();
  for (const [key, text] of Object.entries(data)) state.bag.proxy[key] = JSON.parse(text) as unknown;
}

/** @throws SessionError `ERR_OPTIONS` for what is no time */
function timeOf(authenticatedAt: Date | number | undefined): number {
  if (authenticatedAt === undefined) return Infinity;
  const time = Number(authenticatedAt);
  if (Number.isFinite(time) && time > 0) return time;
  throw new SessionError(
    'ERR_OPTIONS',
    'login(): authenticatedAt is the time at which the user proved who they are: a Date, or milliseconds since the epoch.',
  );
}

function notLoggedIn(): SessionError {
  return new SessionError(
    'ERR_NOT_LOGGED_IN',
    'relogin() needs a session that is logged in. Call login(subject), or guard the handler with LoginGuard.',
  );
}
