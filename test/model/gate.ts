import type { SessionStore } from 'nest-sessions';
import type { Awaitable } from '../../lib/core/storage/store.js';
import type { Actor } from './oracle.js';
import type { World } from './world.js';

type Method = 'load' | 'create' | 'commit' | 'destroy' | 'list' | 'markRevoked';

export type StoreMethods = Pick<SessionStore, Method>;

export function methodsOf(store: SessionStore): StoreMethods {
  return {
    load: (id) => store.load(id),
    create: (...args) => store.create(...args),
    commit: (...args) => store.commit(...args),
    destroy: (...args) => store.destroy(...args),
    list: (...args) => store.list(...args),
    markRevoked: (...args) => store.markRevoked(...args),
  };
}

/** What sees the effect of a call, at the time of it. */
export interface Witness {
  loaded(actor: Actor, ...rest: [string, Awaited<ReturnType<SessionStore['load']>>]): void;
  created(actor: Actor, ...rest: [Parameters<SessionStore['create']>[0], Result<'create'>]): void;
  /** @param calledAt when the store was called, which is when what it was told was true */
  committed(actor: Actor, ...rest: [...Parameters<SessionStore['commit']>, Result<'commit'>, number]): void;
  destroyed(actor: Actor, id: string, last: Result<'destroy'>): void;
}

type Result<M extends Method> = Awaited<ReturnType<SessionStore[M]>>;

/**
 * The store of one node: each call waits for the scheduler, before its effect and before its answer.
 *
 * @param prefix of the names of its calls
 */
export function gatedStore(
  world: World,
  database: StoreMethods,
  witness: () => Witness | undefined,
  prefix = '',
): StoreMethods {
  const call = <T>(
    method: Method,
    detail: string,
    effect: (actor: Actor, calledAt: number) => Awaitable<T>,
  ): Promise<T> => {
    const actor = world.actors.getStore()!;
    const calledAt = world.clock.now();
    return world.run!.call(actor, `${prefix}${method} ${detail}`.trim(), () => effect(actor, calledAt));
  };
  const nameOf = (id: string): string => world.run!.oracle.nameOf(id);
  return {
    load: (id) =>
      call('load', nameOf(id), (actor) =>
        then(database.load(id), (found) => witness()?.loaded(actor, id, found)),
      ),
    create: (record, ...rest) => {
      world.run!.order.push(record.id);
      return call('create', '', (actor) =>
        then(database.create(record, ...rest), (done) => witness()?.created(actor, record, done)),
      );
    },
    commit: (id, delta) =>
      call('commit', `${nameOf(id)} ${Object.keys(delta).join(' ')}`, (actor, calledAt) =>
        then(database.commit(id, delta), (done) => witness()?.committed(actor, id, delta, done, calledAt)),
      ),
    destroy: (id, tombstone) =>
      call('destroy', nameOf(id), (actor) =>
        then(database.destroy(id, tombstone), (last) => witness()?.destroyed(actor, id, last)),
      ),
    list: (subject, limit) =>
      call('list', '', async () => {
        const found = await database.list(subject, limit);
        // In an order of their own, so that a run can be repeated.
        const order = world.run!.order;
        return [...found].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
      }),
    markRevoked: (...args) => call('markRevoked', '', () => database.markRevoked(...args)),
  };
}

function then<T>(answer: Awaitable<T>, look: (value: T) => void): Awaitable<T> {
  if (answer instanceof Promise) return answer.then((value: T) => (look(value), value));
  look(answer);
  return answer;
}
