import { DEVICE_CHALLENGE, DEVICE_KEY, type SessionRecord } from '../model/record.js';
import type { AnsweredChallenge, BackendContext, BoundSessions, SaveResult } from './backend.js';
import type { StoreCalls } from './store-calls.js';
import type { StoreHandle } from './store-handle.js';
import type { StoreWriter } from './store-writer.js';

/**
 * The keys of devices in a store: beside each record, in its `extra`. An in-scope request of a bound session needs no more
 * than its record, because the bound cookie proves itself.
 */
export class StoreBound implements BoundSessions<StoreHandle> {
  readonly #writer: StoreWriter;
  readonly #calls: StoreCalls;
  readonly #context: BackendContext;
  #warned = false;

  constructor(writer: StoreWriter, calls: StoreCalls, context: BackendContext) {
    this.#writer = writer;
    this.#calls = calls;
    this.#context = context;
  }

  /** Reads the key back: a store that does not know this part of the contract would leave the session unbound in silence. */
  async bind(handle: StoreHandle, key: string, now: number): Promise<SaveResult<StoreHandle>> {
    let saved: SaveResult<StoreHandle>;
    try {
      saved = await this.#writer.save(handle, { key: { bind: key } }, now, undefined);
    } catch (error) {
      const bound = await this.#boundAllTheSame(handle, key).catch(() => undefined);
      if (bound) return bound;
      throw error;
    }
    if (saved.outcome === 'saved') return this.#readBack(saved, key);
    // The session may have been logged in again since an earlier call that bound it, although it failed.
    return (saved.outcome === 'gone' && (await this.#boundAllTheSame(handle, key))) || saved;
  }

  async #readBack(
    saved: SaveResult<StoreHandle> & { outcome: 'saved' },
    key: string,
  ): Promise<SaveResult<StoreHandle>> {
    let found: SessionRecord | undefined;
    try {
      found = await this.#load(saved.handle);
    } catch {
      // What was saved is bound. A store that did not keep the key has an ordinary session: the browser learns of it at a refresh.
      return saved;
    }
    if (!found) return { outcome: 'gone' };
    const kept = found.extra?.[DEVICE_KEY];
    if (kept === key) return saved;
    if (kept === undefined) this.#warnOfStore();
    return { outcome: 'conflict' };
  }

  /**
   * The store may have kept the key although its call failed. A browser forgets the key of a registration that failed, so the
   * session would be bound to a lost key. `undefined` if it has not.
   */
  async #boundAllTheSame(handle: StoreHandle, key: string): Promise<SaveResult<StoreHandle> | undefined> {
    const found = await this.#load(handle);
    return found?.extra?.[DEVICE_KEY] === key
      ? { outcome: 'saved', handle: handle.withRecord(found) }
      : undefined;
  }

  async #load({ record }: StoreHandle): Promise<SessionRecord | undefined> {
    const found = await this.#calls.read((store) => store.load(record.id));
    return found && 'record' in found ? found.record : undefined;
  }

  /** The time tells the order: what was answered, and all that was made before it, is answered no more. */
  answer(handle: StoreHandle, { at }: AnsweredChallenge, now: number): Promise<SaveResult<StoreHandle>> {
    return this.#writer.save(handle, { key: { challenge: at } }, now, undefined);
  }

  answeredAt({ extra }: SessionRecord): number {
    return Number(extra?.[DEVICE_CHALLENGE] ?? 0);
  }

  #warnOfStore(): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#context.warn(
      'deviceBound: the store keeps no keys of devices, so no session is bound. Its commit() has to apply "key" of the delta, as describeSessionStore() of nest-sessions/testing checks. This warning is logged only once.',
    );
  }
}
