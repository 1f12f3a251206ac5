import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * For every suite. On Node 20 and 22 each AsyncLocalStorage that was used slows every promise of the process until it is
 * disabled. Jest gives each suite of a process instances of its own, so that a suite would pay for all that ran before.
 */
const USED = Symbol.for('nest-sessions.test.used-storages');

type Tracked = typeof AsyncLocalStorage & { [USED]?: Set<AsyncLocalStorage<unknown>> };

const tracked = AsyncLocalStorage as Tracked;
const used = (tracked[USED] ??= track());

// Those of the suites before, which are over.
for (const storage of used) storage.disable();
used.clear();

function track(): Set<AsyncLocalStorage<unknown>> {
  const storages = new Set<AsyncLocalStorage<unknown>>();
  const { run, enterWith } = AsyncLocalStorage.prototype;
  Object.assign(AsyncLocalStorage.prototype, {
    run(this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
      storages.add(this);
      return run.apply(this, args);
    },
    enterWith(this: AsyncLocalStorage<unknown>, store: unknown) {
      storages.add(this);
      enterWith.call(this, store);
    },
  });
  return storages;
}
