import { types } from 'node:util';
import type { SessionRecord } from '../model/record.js';
import { assertSubject } from '../model/subject.js';
import type { CreateTerms, SessionHandle } from '../storage/backend.js';
import type { SessionLimit } from '../storage/store.js';
import { SessionError } from '../util/errors.js';
import type { Ending } from './ending.js';
import type { EngineContext } from '../request/engine-context.js';
import type { RequestState } from '../request/request-state.js';

/** What `login()` takes. */
export interface LoginOptions<T = Record<string, unknown>> {
  /** A persistent cookie with the limits of the option `remember`. @default false */
  remember?: boolean;
  /** How the user proved who they are: an RFC 8176 `amr` value. @default 'pwd' */
  factor?: string;
  /** Keys of the anonymous session's data that are carried over. @default none */
  keep?: readonly (keyof T & string)[];
  /**
   * When the user authenticated, if that was earlier and elsewhere (another site's single sign-on, a "remember me" cookie
   * of a former system): a date, or milliseconds since the epoch. `auth_time` of OpenID Connect is in seconds: give
   * `auth_time * 1000`. The re-login window starts at this time, and a later revocation of all sessions rejects the
   * login. A login without it counts as fresh, so what is given here and is no time, or in the future, is refused with
   * `ERR_OPTIONS`; up to five seconds ahead, by which clocks may differ, count as now.
   * @default now
   */
  authenticatedAt?: Date | number;
}

/** How long the tombstone of an evicted session is kept: 24 hours in milliseconds. */
const EVICTED_TOMBSTONE_TTL = 24 * 60 * 60 * 1000;

/** Logs a user in: a new session replaces that of the request. */
export class Login {
  readonly #context: EngineContext;
  readonly #ending: Ending;

  constructor(context: EngineContext, ending: Ending) {
    this.#context = context;
    this.#ending = ending;
  }

  /** Creates the new session before it ends the old one, so that the client keeps a session if the store fails between. */
  async login(state: RequestState, subject: string, options: LoginOptions = {}): Promise<void> {
    assertSubject(subject);
    // The user authenticated before this call, so a revocation from here on includes this login.
    const proof = this.#context.backend.proof(subject);
    const claimed = 'authenticatedAt' in options ? timeOf(options.authenticatedAt) : undefined;
    await this.#ending.finish(state);
    const { remember = false, factor = 'pwd', keep = [] } = options;
    const before = state.handle?.record.subject;
    // Data of a different user is never carried over, even if `keep` lists it.
    const data = before === undefined || before === subject ? state.bag.carry(keep) : {};
    const { now, skew } = await this.#context.time(state);
    // The application may have read its own clock, which is not the store's.
    if (claimed !== undefined) assertPast(claimed, Math.max(now, this.#context.config.clock.now()));
    const provedAt = Math.min(proof(skew), claimed ?? Infinity);
    const draft = this.#context.draft(now, {
      subject,
      factors: { [factor]: Math.min(now, Math.floor(provedAt)) },
      remember,
      device: state.device,
      data,
    });
    const replaces = state.handle?.record.id ?? state.former?.handle.record.id;
    await this.#replace(state, draft, keep, {
      provedAt,
      limit: this.#limit(subject, replaces),
      onEvicted: (session) => this.#context.ended(session, 'evicted'),
    });
    this.#context.emit(state, { type: 'login', factor, remember });
  }

  #limit(subject: string, replaces: string | undefined): SessionLimit | undefined {
    const { config } = this.#context;
    const max = config.maxSessions?.(subject);
    return max === undefined
      ? undefined
      : { max, onExceeded: config.onExceeded, replaces, tombstoneTtl: EVICTED_TOMBSTONE_TTL };
  }

  async #replace(
    state: RequestState,
    draft: SessionRecord,
    keep: readonly string[],
    terms: CreateTerms,
  ): Promise<void> {
    const { backend } = this.#context;
    const live = state.live?.handle;
    const now = state.now();
    let { handle } = await backend.create(draft, this.#context.ttl(draft, now), state.client, terms);
    for (const old of [state.former?.handle, live])
      if (old) handle = await this.#endOld(handle, old, live, keep, now);
    state.replacedBy(handle);
    this.#context.emit(state, { type: 'created' });
    await state.takenOver?.end();
  }

  /** Ends a session that the new one replaces. */
  async #endOld(
    handle: SessionHandle,
    old: SessionHandle,
    live: SessionHandle | undefined,
    keep: readonly string[],
    now: number,
  ): Promise<SessionHandle> {
    try {
      const tombstone = { reason: 'replaced', ttl: this.#context.config.grace } as const;
      // If the old session has ended meanwhile, the login continues: the user has authenticated anew.
      const last = await this.#context.destroy(old, 'replaced', tombstone);
      return last && old === live ? await this.#carryLate(handle, keep, live.record, last, now) : handle;
    } catch (error) {
      // The client does not get the new session's token, so the new session is removed as well, if the store responds.
      await this.#context.backend.destroy(handle).catch(() => undefined);
      throw error;
    }
  }

  /** Carries over what another request wrote to the old session after this request read it and before it ended. */
  async #carryLate(
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
}

/** Times before this one, in milliseconds, are seconds that somebody forgot to convert: it is the year 1973. */
const FIRST_TIME = 100_000_000_000;

/** By how much the clocks of two systems may differ, in milliseconds. */
const CLOCKS_DIFFER = 5_000;

/** @throws SessionError `ERR_OPTIONS` if the value is no time: without one the login would count as fresh */
function timeOf(authenticatedAt: unknown): number {
  const time = types.isDate(authenticatedAt) ? authenticatedAt.getTime() : authenticatedAt;
  if (typeof time === 'number' && Number.isFinite(time) && time >= FIRST_TIME) return time;
  throw new SessionError(
    'ERR_OPTIONS',
    `login(): authenticatedAt is the time at which the user proved who they are: a valid Date, or milliseconds since the epoch; not ${described(authenticatedAt)}. Of seconds, as in auth_time of OpenID Connect, give a thousandfold. Leave it out only if the user proved it just now, as the login counts as fresh then.`,
  );
}

function described(value: unknown): string {
  if (types.isDate(value))
    return Number.isNaN(value.getTime())
      ? 'an invalid Date'
      : `${value.toISOString()}: a time before 1973 is taken for seconds`;
  if (typeof value === 'number' && Number.isFinite(value))
    return `${value}: a time before 1973 is taken for seconds`;
  return typeof value === 'number' || value === undefined || value === null
    ? String(value)
    : `a value of type ${typeof value}`;
}

/** @throws SessionError `ERR_OPTIONS` for a time in the future */
function assertPast(time: number, now: number): void {
  if (time <= now + CLOCKS_DIFFER) return;
  throw new SessionError(
    'ERR_OPTIONS',
    `login(): authenticatedAt is ${Math.ceil((time - now) / 1000)} seconds in the future. It is the time at which the user proved who they are, which is over. Synchronise the clocks of the two systems, or give what it was meant to be.`,
  );
}
