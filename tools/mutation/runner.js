// A test runner for Stryker, which keeps the library and its specs in the memory of one process: a mutant costs the tests that
// reach it, and nothing else. Jest's own would load all of it anew for each mutant and suite, which takes many times as long. A
// mutant of code that runs while modules are loaded gets a load of its own.
import { register } from 'node:module';
import { commonTokens, declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin';
import {
  determineHitLimitReached,
  DryRunStatus,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner';
import { INSTRUMENTER_CONSTANTS } from '@stryker-mutator/api/core';
import { Suite } from './suite.js';

/** Shared with the code that Stryker has put into the library. */
const context = (globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {});
const SEPARATOR = ' › ';

class InProcessRunner {
  static inject = [commonTokens.options];
  #specs;
  #suites = new Map();
  #generation = 1;

  constructor({ inProcess }) {
    this.#specs = inProcess.specs;
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  init() {
    process.env.NODE_ENV = 'test';
    register('./typescript-hooks.js', import.meta.url);
  }

  async dryRun() {
    const blocks = new Map();
    const enter = (file) => (names) => {
      const key =
        names.length === 1 ? idOf(file, names[0]) : names.length === 0 ? undefined : `${blocks.size}`;
      if (names.length > 1)
        blocks.set(
          key,
          names.map((name) => idOf(file, name)),
        );
      context.currentTestId = key;
    };
    const tests = [];
    for (const file of this.#specs) {
      const suite = await this.#suite(file);
      const results = await suite.run({ isChosen: () => true, enter: enter(file) });
      tests.push(...results.map((result) => resultOf(file, result)));
    }
    context.currentTestId = undefined;
    spread(context.mutantCoverage?.perTest ?? {}, blocks);
    return { status: DryRunStatus.Complete, tests, mutantCoverage: context.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit, disableBail, mutantActivation, reloadEnvironment }) {
    if (reloadEnvironment) {
      this.#suites.clear();
      this.#generation++;
    }
    const isStatic = mutantActivation === 'static';
    const chosen = testFilter && new Set(testFilter);
    const files = this.#specs.filter(
      (file) => !chosen || testFilter.some((id) => id.startsWith(file + SEPARATOR)),
    );
    const isChosen = (file) => (name) => !chosen || chosen.has(idOf(file, name));
    context.activeMutant = isStatic ? activeMutant.id : undefined;

    const tests = [];
    for (const file of files) {
      const suite = await this.#suite(file).catch((error) => error);
      if (suite instanceof Error) {
        if (!isStatic) throw suite;
        tests.push(resultOf(file, { name: '(loading)', errors: [suite] }));
        break;
      }
      Object.assign(context, { activeMutant: activeMutant.id, hitLimit, hitCount: hitLimit && 0 });
      const results = await suite.run({ isChosen: isChosen(file), bail: true });
      const timeout = determineHitLimitReached(context.hitCount, hitLimit);
      Object.assign(context, { hitLimit: undefined, hitCount: undefined });
      if (timeout) return timeout;
      tests.push(...results.map((result) => resultOf(file, result)));
      const failed = results.find(({ errors }) => errors.length > 0);
      if (!failed) continue;
      if (!isStatic) await this.#prove(suite, failed.name);
      break;
    }
    return toMutantRunResult({ status: DryRunStatus.Complete, tests }, disableBail);
  }

  /** A mutant may leave something behind: a test that fails without the next one, too, decides nothing. Stryker tries anew. */
  async #prove(suite, name) {
    context.activeMutant = undefined;
    const [again] = await suite.run({ isChosen: (other) => other === name });
    if (again && again.errors.length > 0)
      throw new Error(`"${name}" fails without a mutant: ${again.errors[0]}`);
  }

  async #suite(file) {
    if (!this.#suites.has(file)) this.#suites.set(file, await Suite.load(file, this.#generation));
    return this.#suites.get(file);
  }
}

function idOf(file, name) {
  return file + SEPARATOR + name;
}

function resultOf(file, { name, ms, errors }) {
  const id = idOf(file, name);
  const failureMessage = errors.map(String).join('\n');
  const outcome =
    errors.length === 0 ? { status: TestStatus.Success } : { status: TestStatus.Failed, failureMessage };
  return { id, name: id, fileName: file, timeSpentMs: ms ?? 0, ...outcome };
}

/** What the hooks of a block reach, each of its tests does. */
function spread(perTest, blocks) {
  for (const [key, tests] of blocks) {
    const hits = perTest[key] ?? {};
    delete perTest[key];
    for (const test of tests) {
      const own = (perTest[test] ??= {});
      for (const [mutant, count] of Object.entries(hits)) own[mutant] = (own[mutant] ?? 0) + count;
    }
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'in-process', InProcessRunner)];
