import { preciseNow } from '../util/clock.js';
import { cookieValues } from '../token/cookie.js';
import type { DataHooks } from '../model/data.js';
import type { EngineContext, ProtectionVerdict } from './engine-context.js';
import type { EndReason } from '../events/events.js';
import { GuessCounter } from './guess-counter.js';
import { Dead, type Client, type SessionHandle, type OpenResult } from '../storage/backend.js';
import { isSuspect, Standing } from '../model/policy.js';
import type { Awaitable } from '../storage/store.js';
import { CookieAction, RequestState } from './request-state.js';

/** The store is asked for no more genuine tokens than this of one header. */
const MAX_CANDIDATES = 8;

type DeadToken = OpenResult & { kind: 'dead' };

/**
 * Where the cookie is left as it is: what we did not sign may be another application's, and after a token that was
 * superseded a moment ago the client may have the new one by now.
 */
const LEAVES_COOKIE: ReadonlySet<Dead> = new Set([Dead.Foreign, Dead.Tampered, Dead.Superseded]);

/** From the Cookie header to the request state. */
export class Opening {
  readonly #context: EngineContext;
  readonly #hooks: (state: RequestState) => DataHooks;
  readonly #guesses: GuessCounter;

  constructor(context: EngineContext, hooks: (state: RequestState) => DataHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#guesses = new GuessCounter(context.config.clock);
  }

  /** The session that a Cookie header stands for. Of several cookies the live one counts, and of those the newest. */
  open(cookieHeader: string | undefined, client: Client): Awaitable<RequestState> {
    const values = cookieValues(cookieHeader, this.#context.config.cookie.name);
    if (values.length === 0) return this.#state(client);
    const opened =
      values.length === 1 ? this.#context.backend.open(values[0]!, client) : this.#openBest(values, client);
    return opened instanceof Promise
      ? opened.then((found) => this.#admit(found, client))
      : this.#admit(opened, client);
  }

  /** In place of a session that could not be asked for: neither anonymous nor logged in. */
  refuse(client: Client, refusal: Error): RequestState {
    const state = this.#state(client);
    state.refusal = refusal;
    state.accessed = true;
    return state;
  }

  /**
   * Of what others put beside our cookie nothing can hide it: the store is asked for genuine tokens first. How many
   * values there are to look at is bounded by the size of a header (Node's `maxHeaderSize`).
   */
  async #openBest(values: string[], client: Client): Promise<OpenResult> {
    const { backend } = this.#context;
    const distinct = [...new Set(values)].sort();
    const genuine = distinct.filter((value) => backend.isGenuine(value, client));
    const candidates = (genuine.length > 0 ? genuine : distinct).slice(0, MAX_CANDIDATES);
    const all = await Promise.all(candidates.map(async (value) => backend.open(value, client)));
    return all.reduce((best, one) => (this.#outranks(one, best) ? one : best));
  }

  /** An order that does not depend on that of the header: alive before dead, then the newer, then by id. */
  #outranks(one: OpenResult, other: OpenResult): boolean {
    const [left, right] = [this.#live(one), this.#live(other)];
    if (!left || !right) return left !== undefined || (!right && deadRank(one) > deadRank(other));
    if (left.startedAt !== right.startedAt) return left.startedAt > right.startedAt;
    // Of one session the present token counts, not the predecessor that leads to it.
    return left.id === right.id ? isPresent(one) : left.id > right.id;
  }

  #live(opened: OpenResult) {
    if (opened.kind === 'dead') return undefined;
    const { record } = opened.handle;
    return this.#context.standing(record, opened.now) === Standing.Live ? record : undefined;
  }

  #admit(opened: OpenResult, client: Client): Awaitable<RequestState> {
    if (opened.kind === 'dead') {
      return opened.why === Dead.Reused ? this.#endReused(opened, client) : this.#refuse(opened, client);
    }
    const { handle, now } = opened;
    const standing = this.#context.standing(handle.record, now);
    if (standing !== Standing.Live) return this.#discard(handle, standing, client);
    const state = this.#state(client, handle);
    state.skew = now - preciseNow(this.#context.config.clock);
    if (opened.renewed) state.cookie = CookieAction.Set;
    if (opened.present) state.presentedHash = handle.record.secretHash;
    state.confirms = opened.confirms;
    return this.#protect(state, handle);
  }

  #protect(state: RequestState, handle: SessionHandle): Awaitable<RequestState> {
    const verdict = this.#verdict(state);
    if (verdict === 'ok') return state;
    this.#context.emit(state, { type: 'suspicious', verdict });
    if (verdict === 'end') return this.#discard(handle, 'protection', state.client);
    state.suspicious = true;
    state.marks = !isSuspect(handle.record.factors);
    return state;
  }

  #verdict(state: RequestState): ProtectionVerdict {
    const { protect } = this.#context.config;
    const then = state.handle!.record.device;
    return protect && then ? protect(state.device, then) : 'ok';
  }

  /** An anonymous state in place of a session that is over, with its cookie taken away. */
  async #discard(handle: SessionHandle, reason: EndReason, client: Client): Promise<RequestState> {
    await this.#context.destroy(handle, reason);
    const state = this.#state(client);
    state.cookie = CookieAction.Expire;
    return state;
  }

  /** A token that was replaced, used since, and kept by somebody: whoever holds the present one may be the thief. */
  async #endReused(dead: DeadToken, client: Client): Promise<RequestState> {
    const ended = await this.#context.backend.destroy(dead.former!.handle);
    return this.#refuse({ ...dead, ...(ended && { ended }) }, client);
  }

  #refuse(dead: DeadToken, client: Client): RequestState {
    const state = this.#state(client);
    if (!LEAVES_COOKIE.has(dead.why)) state.cookie = CookieAction.Expire;
    state.former = dead.former;
    // A foreign cookie is answered like one that was ours, but for the cookie itself.
    state.accessed = true;
    state.superseded = dead.lately ?? false;
    if (dead.why === Dead.Evicted) state.farewell = 'evicted';
    this.#report(dead, client);
    return state;
  }

  #report({ why, id, ended }: DeadToken, client: Client): void {
    const who = {
      id,
      at: this.#context.config.clock.now(),
      ...(ended?.subject !== undefined && { subject: ended.subject }),
    };
    switch (why) {
      case Dead.Tampered:
        this.#context.events.emit({ type: 'tampered', ...who });
        return this.#countGuess(client);
      case Dead.Unknown:
        return this.#countGuess(client);
      case Dead.Reused:
        this.#context.events.emit({ type: 'reused', ...who });
        return ended && this.#context.ended(ended, 'reused');
      case Dead.Corrupt:
        return this.#context.ended({ id }, 'corrupt');
      case Dead.Foreign:
      case Dead.Superseded:
      case Dead.Evicted:
        return;
    }
  }

  #countGuess({ ip }: Client): void {
    const count = ip === undefined ? undefined : this.#guesses.count(ip);
    if (count === undefined) return;
    this.#context.events.emit({
      type: 'guessing',
      id: '',
      at: this.#context.config.clock.now(),
      ip: ip!,
      count,
    });
  }

  #state(client: Client, handle?: SessionHandle): RequestState {
    return new RequestState(this.#context.config.clock, client, handle, this.#hooks);
  }
}

const isPresent = (opened: OpenResult): boolean => opened.kind === 'live' && opened.present;

const deadRank = (opened: OpenResult): number =>
  opened.kind === 'dead'
    ? [
        Dead.Foreign,
        Dead.Tampered,
        Dead.Unknown,
        Dead.Corrupt,
        Dead.Evicted,
        Dead.Superseded,
        Dead.Reused,
      ].indexOf(opened.why)
    : -1;
