import type { SessionStore } from 'nest-sessions';
import type { RevocationList } from 'nest-sessions/sealed';

/** How a call fails: before it takes effect, after it, or at once while it takes effect later. */
export type FaultKind = 'before' | 'after' | 'late';

/** The next calls of one node that write what is kept of a device fail. */
export class Faults {
  /** How many calls have failed in this step. */
  fired = 0;
  #plan: { kind: FaultKind; left: number } | undefined;
  readonly #late: (() => Promise<unknown>)[] = [];

  plan(kind: FaultKind, times: number): void {
    this.#plan = { kind, left: times };
  }

  /** What is late takes effect. */
  async settle(): Promise<void> {
    for (const late of this.#late.splice(0)) await late().catch(() => undefined);
  }

  /** Nothing is left of the story before. */
  async clear(): Promise<void> {
    this.#plan = undefined;
    await this.settle();
  }

  async run<T>(work: () => T | Promise<T>): Promise<T> {
    const plan = this.#plan;
    if (!plan || plan.left-- <= 0) return work();
    this.fired++;
    if (plan.kind === 'after') await work();
    if (plan.kind === 'late') this.#late.push(async () => work());
    throw new Error('the connection was lost');
  }
}

const replacing = <T extends object, K extends keyof T & string>(target: T, name: K, by: T[K]): T =>
  new Proxy(target, {
    get(_, key) {
      if (key === name) return by;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

export const faultyStore = (store: SessionStore, faults: Faults): SessionStore =>
  replacing(store, 'commit', (id, delta) =>
    delta.key ? faults.run(() => store.commit(id, delta)) : store.commit(id, delta),
  );

/** Versions of sessions are small, and those of challenges are times. */
const isOfDevice = (rank: number, device: string | undefined): boolean =>
  device !== undefined || (rank > 1e9 && rank < Number.MAX_SAFE_INTEGER);

export const faultyList = (list: RevocationList, faults: Faults): RevocationList =>
  replacing(list, 'add', (revocation) => {
    const { terms, rank } = revocation;
    return terms.kind === 'session' && isOfDevice(rank, terms.device)
      ? faults.run(() => list.add(revocation))
      : list.add(revocation);
  });
