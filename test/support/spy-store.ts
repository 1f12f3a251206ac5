import { setTimeout as wait } from 'node:timers/promises';
import { MemoryStore, type SessionStore } from 'nest-sessions';
import type {
  Awaitable,
  CommitResult,
  CreateResult,
  EndedRecord,
  Tombstone,
  LoadedRecord,
  RecordDelta,
  SessionLimit,
  SessionRecord,
  StoreContext,
} from 'nest-sessions/store';

export type Question = 'load' | 'create' | 'commit' | 'destroy' | 'list' | 'markRevoked';

/** How a store can fail: at once, later, or by never answering. */
export type Fault = 'throws' | 'rejects' | 'hangs';

const READS: readonly Question[] = ['load', 'list'];

/** A memory store that tells what it was asked, shows what it holds, and fails, is slow or lies on demand. */
export class SpyStore implements SessionStore {
  readonly #memory = new MemoryStore();
  readonly calls: { question: Question; args: unknown[] }[] = [];
  /** Changes records on their way out, as damage in the store would. */
  tamper: ((record: SessionRecord) => SessionRecord) | undefined;
  /** Milliseconds that every write takes. With 0 it answers by a promise, too; without a delay at once. */
  delay: number | undefined;
  /** Called before a write is carried out, which waits for its promise. */
  gate: ((question: Question) => Promise<void>) | undefined;
  /** Called when a write has been carried out. */
  onWritten: ((question: Question) => unknown) | undefined;
  #fault: Fault | undefined;
  #failing: readonly Question[] = [];
  readonly #ids = new Set<string>();

  bind(context: StoreContext): void {
    this.#memory.bind(context);
  }

  close(): void {
    this.#memory.close();
  }

  /** From now on these questions fail; with none named all do. */
  fail(fault: Fault, ...questions: Question[]): void {
    this.#fault = fault;
    this.#failing = questions;
  }

  heal(): void {
    this.#fault = undefined;
  }

  /** How often it was asked this since the last {@link forget}. */
  count(question: Question): number {
    return this.calls.filter((call) => call.question === question).length;
  }

  /** What was written since, or tried to, in its order. */
  get writes(): Question[] {
    return this.calls.map(({ question }) => question).filter((question) => !READS.includes(question));
  }

  /** How many sessions there are. */
  get size(): number {
    return this.#memory.size;
  }

  forget(): void {
    this.calls.length = 0;
  }

  /** All live records, as they are stored. */
  records(): SessionRecord[] {
    const found = [...this.#ids].map((id) => this.#memory.load(id));
    return found.flatMap((entry) => (entry && 'record' in entry ? [entry.record] : []));
  }

  /** Everything that was ever told to it or is in it, as text. */
  dump(): string {
    return JSON.stringify([this.calls, this.records()]);
  }

  load(id: string): Awaitable<LoadedRecord | EndedRecord | undefined> {
    return this.#answer('load', [id], () => {
      const found = this.#memory.load(id);
      return found && 'record' in found && this.tamper
        ? { ...found, record: this.tamper(found.record) }
        : found;
    });
  }

  create(
    record: SessionRecord,
    ttl: number,
    limit?: SessionLimit,
    provedAt?: number,
  ): Awaitable<CreateResult> {
    this.#ids.add(record.id);
    return this.#answer('create', [record, ttl, limit, provedAt], () =>
      this.#memory.create(record, ttl, limit, provedAt),
    );
  }

  commit(id: string, delta: RecordDelta): Awaitable<CommitResult> {
    return this.#answer('commit', [id, delta], () => this.#memory.commit(id, delta));
  }

  destroy(id: string, tombstone?: Tombstone): Awaitable<SessionRecord | undefined> {
    return this.#answer('destroy', [id, tombstone], () => this.#memory.destroy(id, tombstone));
  }

  list(subject: string, limit?: number): Awaitable<SessionRecord[]> {
    return this.#answer('list', [subject, limit], () => this.#memory.list(subject, limit));
  }

  markRevoked(subject: string, at: number, ttl: number): Awaitable<void> {
    return this.#answer('markRevoked', [subject, at, ttl], () => this.#memory.markRevoked(subject, at, ttl));
  }

  #answer<T>(question: Question, args: unknown[], answer: () => T): Awaitable<T> {
    this.calls.push({ question, args });
    if (this.#isToFail(question)) return this.#failNow();
    if (READS.includes(question)) return answer();
    if (this.gate !== undefined || this.delay !== undefined) return this.#writeLater(question, answer);
    const result = answer();
    this.onWritten?.(question);
    return result;
  }

  async #writeLater<T>(question: Question, answer: () => T): Promise<T> {
    if (this.delay) await wait(this.delay);
    await this.gate?.(question);
    const result = answer();
    this.onWritten?.(question);
    return result;
  }

  #isToFail(question: Question): boolean {
    return this.#fault !== undefined && (this.#failing.length === 0 || this.#failing.includes(question));
  }

  #failNow(): Promise<never> {
    const error = new Error('the store is down');
    switch (this.#fault!) {
      case 'throws':
        throw error;
      case 'rejects':
        return Promise.reject(error);
      case 'hangs':
        return new Promise(() => undefined);
    }
  }
}
