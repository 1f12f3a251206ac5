import { skipReasonOf } from '../device/device-refusal.js';
import type { UnprovedReason } from '../device/device-policy.js';
import { opened as openedChannel, type OpenedMessage } from '../diagnostics/channels.js';
import { cookieValues } from '../token/cookie.js';
import type { DataHooks } from '../model/data.js';
import type { EngineContext, ProtectionVerdict } from '../request/engine-context.js';
import type { EndReason } from '../events/events.js';
import { GuessCounter } from './guess-counter.js';
import type { Client, OpenedToken, OpenResult, RejectedToken, SessionHandle } from '../storage/backend.js';
import { isSuspect } from '../model/policy.js';
import { plainDevice } from '../model/record.js';
import { REJECTIONS } from '../model/reject-reason.js';
import type { Awaitable } from '../storage/store.js';
import { RequestState } from '../request/request-state.js';

/** Maximum number of tokens of one header that are queried from the store. */
const MAX_CANDIDATES = 8;

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

  /**
   * The session that a Cookie header stands for. Of several cookies the live one counts, and of those the newest.
   *
   * @param proves whether a session that is bound to a device opens only with its bound cookie
   */
  open(cookieHeader: string | undefined, client: Client, proves: boolean): Awaitable<RequestState> {
    const values = cookieValues(cookieHeader, this.#context.config.cookie.name);
    if (values.length === 0) return this.begin(client);
    const opened =
      values.length === 1 ? this.#context.backend.open(values[0]!, client) : this.#openBest(values, client);
    const cookies = proves && { header: cookieHeader };
    return opened instanceof Promise
      ? opened.then((found) => this.admit(found, client, cookies))
      : this.admit(opened, client, cookies);
  }

  /** The state of a request whose session could not be loaded: neither anonymous nor logged in. */
  refuse(client: Client, refusal: Error): RequestState {
    publish('unavailable');
    const state = this.begin(client);
    state.unavailable(refusal);
    return state;
  }

  /**
   * Queries genuine tokens first, so that injected cookies of the same name cannot hide ours. The number of values is
   * bounded by the size of the header (Node's `maxHeaderSize`).
   */
  async #openBest(values: string[], client: Client): Promise<OpenResult> {
    const { backend } = this.#context;
    const distinct = [...new Set(values)].sort();
    const genuine = distinct.filter((value) => backend.isGenuine(value, client));
    const candidates = (genuine.length > 0 ? genuine : distinct).slice(0, MAX_CANDIDATES);
    const all = await Promise.all(candidates.map(async (value) => backend.open(value, client)));
    return all.reduce((best, one) => (this.#outranks(one, best) ? one : best));
  }

  /** An order that does not depend on that of the header: alive before rejected, then the newer, then by id. */
  #outranks(one: OpenResult, other: OpenResult): boolean {
    const [left, right] = [this.#live(one), this.#live(other)];
    if (!left || !right) return left !== undefined || (!right && this.#rank(one) > this.#rank(other));
    if (left.startedAt !== right.startedAt) return left.startedAt > right.startedAt;
    // Of one session the present token counts, not the predecessor that leads to it.
    return left.id === right.id ? isPresent(one) : left.id > right.id;
  }

  #live(opened: OpenResult) {
    if (opened.kind === 'rejected') return undefined;
    const { record } = opened.handle;
    return this.#context.timeoutOf(record, opened.now) === undefined ? record : undefined;
  }

  /** Of one that is not alive. */
  #rank(opened: OpenResult): number {
    const why =
      opened.kind === 'rejected' ? opened.why : this.#context.timeoutOf(opened.handle.record, opened.now)!;
    return REJECTIONS[why].rank;
  }

  /**
   * The state for what the backend found: a session whose time is over, or whose client is another, may end here.
   *
   * @param cookies false if a bound session opens without its bound cookie
   */
  admit(
    opened: OpenResult,
    client: Client,
    cookies: Cookies | false = { header: client.request?.headers.cookie },
  ): Awaitable<RequestState> {
    if (opened.kind === 'rejected')
      return opened.why === 'reused' ? this.#endReused(opened, client) : this.#reject(opened, client);
    const timeout = this.#context.timeoutOf(opened.handle.record, opened.now);
    if (timeout) return this.discard(opened.handle, timeout, client);
    const { device } = this.#context.config;
    if (!device || !cookies) return this.#protect(opened, client);
    const standing = device.standingOf(opened.handle.record, cookies.header, opened.now);
    if (standing.kind === 'refused') return this.#refuseUnproved(opened, standing.reason, client);
    return this.#protect(opened, client, standing.kind === 'proved' ? standing.until : undefined);
  }

  /**
   * The session stays, and so does its cookie: with the next bound cookie it opens again. Until then nothing but its end
   * can be asked for, and no anonymous session takes its place in a browser that says that it will come back.
   */
  #refuseUnproved({ handle, now }: OpenedToken, reason: UnprovedReason, client: Client): RequestState {
    const { id, subject } = handle.record;
    const skipped = skipReasonOf(client.request?.headers['secure-session-skipped']);
    const state = this.begin(client);
    const former = { handle, everywhere: false };
    const lately = skipped !== undefined;
    const why = reason === 'unbound' ? 'unbound' : 'unproved';
    state.rejected({ kind: 'rejected', why, id, former, lately }, REJECTIONS[why].cookie);
    const whose = { id, at: now, ...(subject !== undefined && { subject }) };
    if (skipped !== undefined) this.#context.events.emit({ type: 'skipped', ...whose, reason: skipped });
    this.#context.events.emit({ type: 'refused', ...whose, reason });
    publish(why);
    return state;
  }

  #protect(opened: OpenedToken, client: Client, provedUntil?: number): Awaitable<RequestState> {
    const { handle } = opened;
    const state = this.begin(client);
    state.opened(opened);
    state.provedUntil = provedUntil;
    const verdict = this.#verdict(state, handle);
    if (verdict !== 'end') publish('live');
    if (verdict === 'ok') return state;
    this.#context.emit(state, { type: 'suspicious', verdict });
    if (verdict === 'end') return this.discard(handle, 'protection', client);
    state.suspected(!isSuspect(handle.record.factors));
    return state;
  }

  #verdict(state: RequestState, handle: SessionHandle): ProtectionVerdict {
    const { protect } = this.#context.config;
    const then = handle.record.device;
    return protect && then ? protect(state.device, plainDevice(then)) : 'ok';
  }

  /** An anonymous state in place of a session that is over, with its cookie taken away. */
  async discard(handle: SessionHandle, reason: EndReason, client: Client): Promise<RequestState> {
    publish(reason);
    await this.#context.destroy(handle, reason);
    const state = this.begin(client);
    state.discarded();
    return state;
  }

  /** A copy of a replaced token was used after its grace. The holder of the present token may be the thief, so the session ends. */
  async #endReused(token: RejectedToken, client: Client): Promise<RequestState> {
    const ended = token.former && (await this.#context.backend.destroy(token.former.handle));
    return this.#reject({ ...token, ...(ended && { ended }) }, client);
  }

  #reject(token: RejectedToken, client: Client): RequestState {
    const state = this.begin(client);
    state.rejected(token, REJECTIONS[token.why].cookie);
    this.#report(token, client);
    publish(token.why);
    return state;
  }

  #report({ why, id, ended }: RejectedToken, client: Client): void {
    const { event, guess, ends } = REJECTIONS[why];
    if (event) {
      const subject = ended?.subject;
      const at = this.#context.config.clock.now();
      this.#context.events.emit({ type: event, id, at, ...(subject !== undefined && { subject }) });
    }
    if (guess) this.#countGuess(client);
    if (ended && ends) this.#context.ended(ended, ends);
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

  /** The state of a request that has presented nothing. */
  begin(client: Client): RequestState {
    return new RequestState(this.#context.config.clock, client, this.#hooks);
  }
}

/** Those of the request, in which a bound cookie may be. */
interface Cookies {
  header: string | undefined;
}

const isPresent = (opened: OpenResult): boolean => opened.kind === 'live' && opened.present;

function publish(result: OpenedMessage['result']): void {
  if (openedChannel.hasSubscribers) openedChannel.publish({ result });
}
