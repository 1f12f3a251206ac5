// One spec file, loaded once and run as often as asked: Jest would load it and the library anew each time.
import { pathToFileURL } from 'node:url';
import { jestExpect } from '@jest/expect';
import circus, { addEventHandler, getState, resetState, run, setState } from 'jest-circus';

/** In ms: a hook or a test that waits that long for nothing hangs. What a busy machine takes away does not count. */
const IDLE = 1_500;
const LONGEST = 60_000;
const SETUP = ['test/support/no-disclosure.ts', 'test/mutation/fixed-seed.ts'];

Object.assign(globalThis, circus, { expect: jestExpect });

// Taken before a spec replaces them.
const { clearInterval, performance, setInterval } = globalThis;

/** Set while a suite runs. */
let observer;

addEventHandler((event) => observer?.(event));
for (const name of ['uncaughtException', 'unhandledRejection'])
  process.on(name, (error) => getState().unhandledErrors.push(error));

export class Suite {
  #state;
  #tests;

  constructor(state) {
    this.#state = state;
    this.#tests = testsOf(state.rootDescribeBlock);
    for (const one of [...this.#tests, ...hooksOf(state.rootDescribeBlock)]) one.fn = watched(one.fn);
  }

  /** `file` is relative to the working directory. All of ours is loaded once in each generation. */
  static async load(file, generation) {
    resetState();
    Object.assign(getState(), { testTimeout: LONGEST });
    // Each gets the hooks of these for itself.
    for (const setup of SETUP) await import(urlOf(setup, { generation, for: file }));
    await import(urlOf(file, { generation }));
    return new Suite(getState());
  }

  /**
   * Runs the tests of which `isChosen` holds, up to the first that fails if `bail` is true. `enter` receives the tests the code
   * belongs to that runs from now on: one, those of a block while its hooks run, or none.
   *
   * @returns {{ name: string, ms: number, errors: unknown[] }[]} of each test that ran
   */
  async run({ isChosen, bail = false, enter = () => undefined }) {
    let failed = false;
    for (const test of this.#tests)
      Object.assign(test, { errors: [], status: null, invocations: 0, retryReasons: [] });
    const runs = (name) => !failed && isChosen(name);
    setState(this.#state);
    Object.assign(this.#state, { unhandledErrors: [], hasStarted: false, testNamePattern: { test: runs } });

    observer = ({ name, test, hook }) => {
      if (name === 'test_start') enter([nameOf(test)]);
      if (name === 'hook_start' && hook.type.endsWith('All')) enter(testsOf(hook.parent).map(nameOf));
      if (name === 'test_done' || name === 'hook_success' || name === 'hook_failure') {
        failed ||= bail && (this.#state.unhandledErrors.length > 0 || test?.errors.length > 0);
        if (!test || name === 'test_done') enter([]);
      }
    };
    await run();
    // What a test did not wait for may be rejected after it.
    await new Promise((resolve) => setImmediate(resolve));
    observer = undefined;
    return this.#results();
  }

  #results() {
    const ran = this.#tests.filter(({ status }) => status === 'done');
    const results = ran.map((test) => ({ name: nameOf(test), ms: test.duration, errors: test.errors }));
    const [first] = results;
    // What belongs to no test, for example of a hook after all of them.
    if (first) first.errors = [...first.errors, ...this.#state.unhandledErrors];
    return results;
  }
}

function testsOf(block) {
  return block.children.flatMap((child) => (child.type === 'test' ? [child] : testsOf(child)));
}

function hooksOf(block) {
  const blocks = block.children.filter(({ type }) => type === 'describeBlock');
  return [...block.hooks, ...blocks.flatMap(hooksOf)];
}

/** Fails where the function hangs. */
function watched(fn) {
  return async function (...args) {
    const idle = () => performance.eventLoopUtilization().idle;
    const before = idle();
    let timer;
    const hangs = new Promise((_resolve, reject) => {
      timer = setInterval(() => idle() - before > IDLE && reject(new Error('hangs')), 100);
    });
    try {
      await Promise.race([fn.apply(this, args), hangs]);
    } finally {
      clearInterval(timer);
    }
  };
}

/** As the pattern of names sees it. */
function nameOf(test) {
  const names = [];
  for (let part = test; part.parent; part = part.parent) names.unshift(part.name);
  return names.join(' ');
}

function urlOf(file, query) {
  return `${pathToFileURL(file).href}?${new URLSearchParams(query)}`;
}
