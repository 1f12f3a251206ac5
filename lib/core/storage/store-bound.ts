import { DEVICE_KEY } from '../model/record.js';
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
    const saved = await this.#writer.save(handle, { key: { bind: key } }, now, undefined);
    if (saved.outcome !== 'saved') return saved;
    const found = await this.#calls.read((store) => store.load(handle.record.id));
    if (!found || 'ended' in found) return { outcome: 'gone' };
    const kept = found.record.extra?.[DEVICE_KEY];
    if (kept === key) return saved;
    if (kept === undefined) this.#warnOfStore();
    return { outcome: 'conflict' };
  }

  /** The time tells the order: what was answered, and all that was made before it, is answered no more. */
  answer(handle: StoreHandle, { at }: AnsweredChallenge, now: number): Promise<SaveResult<StoreHandle>> {
    return this.#writer.save(handle, { key: { challenge: at } }, now, undefined);
  }

  #warnOfStore(): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#context.warn(
      'deviceBound: the store keeps no keys of devices, so no session is bound. Its commit() has to apply "key" of the delta, as describeSessionStore() of nest-sessions/testing checks. This warning is logged only once.',
    );
  }
}
