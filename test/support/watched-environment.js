import { TestEnvironment } from 'jest-environment-node';
import { Worker } from 'node:worker_threads';

/** In milliseconds, unless JEST_SUITE_LIMIT says otherwise. The longest suite takes two minutes on two cores. */
const LIMIT = 10 * 60_000;

let watchdog;

/**
 * Ends the process of a suite that takes longer than {@link LIMIT}, and says where it stands, so that Jest reports it by name.
 * Jest's own timeouts are those of tests and hooks, and need the event loop: nothing ends a loop that does not await, a
 * synchronous call that hangs, or an import that never settles, and the run would go on for ever.
 */
export default class WatchedEnvironment extends TestEnvironment {
  #suite;

  constructor(config, context) {
    super(config, context);
    this.#suite = context.testPath;
  }

  async setup() {
    watchdog ??= startWatchdog();
    watchdog.postMessage({ suite: this.#suite });
    await super.setup();
  }

  /** Called by jest-circus. */
  handleTestEvent({ name, test }) {
    if (name === 'test_start') watchdog.postMessage({ test: titleOf(test) });
    if (name === 'test_done' && test.errors.length > 0) watchdog.postMessage({ failed: titleOf(test) });
  }

  async teardown() {
    await super.teardown();
    watchdog.postMessage({ suite: undefined });
  }
}

function titleOf({ name, parent }) {
  return parent?.parent ? `${titleOf(parent)} › ${name}` : name;
}

/** A thread, since a suite may keep the event loop of its process from turning. */
function startWatchdog() {
  const limit = Number(process.env.JEST_SUITE_LIMIT ?? LIMIT);
  const worker = new Worker(new URL('./watchdog.js', import.meta.url), {
    workerData: { limit },
    // Those of Jest's process are for its specs.
    env: {},
    execArgv: [],
  });
  worker.unref();
  return worker;
}
