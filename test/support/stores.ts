import { setTimeout as wait } from 'node:timers/promises';
import {
  MemoryStore,
  type RecordDelta,
  type SessionLimit,
  type SessionRecord,
  type SessionStore,
} from 'nest-sessions';

type Method = 'load' | 'create' | 'commit' | 'destroy';

/** A memory store that tells what was asked of it, and fails or is slow at will. */
export class ProbedStore extends MemoryStore implements SessionStore {
  readonly calls: Method[] = [];
  /** Told when a write has been carried out. */
  onWritten: (method: Method) => unknown = () => undefined;
  /** Milliseconds that every write takes. */
  delay = 0;
  failing: Method[] = [];
  /** Called in place of a write, before it is carried out. */
  gate: ((method: Method) => Promise<void>) | undefined;

  override load(id: string): ReturnType<MemoryStore['load']> {
    this.#count('load');
    return super.load(id);
  }

  override create(record: SessionRecord, ttl: number, limit?: SessionLimit, provedAt?: number): never {
    return this.#slowly('create', () => super.create(record, ttl, limit, provedAt)) as never;
  }

  override commit(id: string, delta: RecordDelta): never {
    return this.#slowly('commit', () => super.commit(id, delta)) as never;
  }

  override destroy(id: string, word?: Parameters<MemoryStore['destroy']>[1]): never {
    return this.#slowly('destroy', () => super.destroy(id, word)) as never;
  }

  get writes(): Method[] {
    return this.calls.filter((call) => call !== 'load');
  }

  #count(method: Method): void {
    this.calls.push(method);
    if (this.failing.includes(method)) throw new Error(`${method} failed`);
  }

  async #slowly<T>(method: Method, act: () => T): Promise<T> {
    this.#count(method);
    if (this.delay > 0) await wait(this.delay);
    await this.gate?.(method);
    const result = act();
    this.onWritten(method);
    return result;
  }
}
