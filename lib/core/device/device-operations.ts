import { setTimeout as wait } from 'node:timers/promises';
import type { SessionRecord } from '../model/record.js';
import type { EngineContext } from '../request/engine-context.js';
import type { RequestState } from '../request/request-state.js';
import type { BoundSessions, SessionHandle } from '../storage/backend.js';
import { deviceKeyOf, writeDeviceKey, type DeviceKey } from './device-key.js';
import type { Challenge } from './device-tokens.js';
import type { DeviceRefusal } from './device-refusal.js';
import { isUnavailable } from '../util/errors.js';

/** For how long a registration is repeated that the store fails, in timeouts of the store. */
const PATIENCE = 5;

/** Between two attempts, in milliseconds. */
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;

/** What a device asks for: to bind its session, and to go on with it. */
export class DeviceOperations {
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Binds the session to a key, by a commit of its own.
   *
   * @param isAwaited whether the client is still there
   * @returns the key; `undefined` if the session has one already, has ended, or was renewed meanwhile
   * @throws SessionError `ERR_STORE_UNAVAILABLE` if it is not known whether the session is bound
   */
  async bind(
    state: RequestState,
    key: Omit<DeviceKey, 'boundAt'>,
    isAwaited: () => boolean,
  ): Promise<DeviceKey | undefined> {
    const { live } = state;
    if (!live || deviceKeyOf(live.handle.record)) return undefined;
    const now = state.now();
    const { backend, config } = this.#context;
    const bound = { ...key, boundAt: now };
    const text = writeDeviceKey(bound);
    const saved = await this.#untilKnown(isAwaited, () =>
      this.#bound.bind(live.handle, text, now, config.grace),
    );
    if (saved.outcome !== 'saved') return undefined;
    state.bound(saved.handle, backend.cookieIsRecord);
    this.#context.emit(state, { type: 'bound', algorithm: key.algorithm });
    return bound;
  }

  /**
   * A browser forgets the key of a registration that fails, while a call that failed may bind the session to it all the same, even
   * later: then no client could open it. So the call is repeated until its outcome is known, as long as the client is connected.
   */
  async #untilKnown<T>(isAwaited: () => boolean, call: () => Promise<T>): Promise<T> {
    const last = performance.now() + PATIENCE * this.#context.config.storeTimeout;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        return await call();
      } catch (error) {
        if (!isUnavailable(error) || performance.now() + pause > last) throw error;
        await wait(pause);
        if (!isAwaited()) throw error;
      }
    }
  }

  /**
   * The device has signed a challenge. Moves neither the login time nor the idle timeout.
   *
   * @param until when the challenge would have been too old, in milliseconds since the epoch
   * @returns false if it was answered before, or if the session has ended or was renewed meanwhile
   */
  async refresh(state: RequestState, challenge: Challenge, until: number): Promise<boolean> {
    const { live } = state;
    if (!live) return false;
    const saved = await this.#bound.answer(live.handle, { at: challenge.at, until }, state.now());
    if (saved.outcome !== 'saved') return false;
    state.bound(saved.handle, false);
    this.#context.emit(state, { type: 'refreshed' });
    return true;
  }

  /** The time of the next challenge to refresh: later than that of the one that was answered last, whichever clock that was made by. */
  challengeTime(record: SessionRecord, now: number): number {
    return Math.max(now, this.#bound.answeredAt(record) + 1);
  }

  /** Something else than the key of the session has signed for it: the cookie was copied. Ends the session. */
  async reused(state: RequestState): Promise<void> {
    const handle: SessionHandle | undefined = state.live?.handle;
    if (!handle) return;
    const ended = await this.#context.backend.destroy(handle);
    this.#context.emit(state, { type: 'reused' });
    if (ended) this.#context.ended(ended, 'reused');
    state.revoked();
  }

  /** Emits that a device, or what pretends to be one, was refused. */
  refused(state: RequestState, reason: DeviceRefusal): void {
    const record = state.handle?.record ?? state.former?.handle.record;
    const { id = '', subject } = record ?? {};
    const at = state.now();
    this.#context.events.emit({ type: 'refused', id, at, ...(subject !== undefined && { subject }), reason });
  }

  /** Whether the key is in the cookie, so that a former cookie may lack it. */
  get keyIsInCookie(): boolean {
    return this.#context.backend.cookieIsRecord;
  }

  get #bound(): BoundSessions {
    return this.#context.backend.bound!;
  }
}
