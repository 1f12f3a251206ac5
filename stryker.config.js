import { existsSync, readdirSync } from 'node:fs';

/** Decided by exact cases and the unit layer alone, in CI. */
const UNIT = {
  mutate: [
    'lib/core/operations/plan.ts',
    'lib/core/model/policy.ts',
    'lib/core/model/predecessors.ts',
    'lib/core/request/transitions.ts',
    'lib/core/token/cookie.ts',
    'lib/http/csrf.ts',
    'lib/http/headers/cache-headers.ts',
    'lib/revocations/revocation-table.ts',
    'lib/revocations/session-entry.ts',
    'lib/revocations/subject-entry.ts',
  ],
  specs: [
    'core/model/policy',
    'core/model/predecessors',
    'core/operations/plan',
    'core/request/transitions',
    'core/token/cookie',
    'http/csrf',
    'http/headers/cache-headers',
    'revocations/revocation-table',
    'revocations/session-entry',
    'revocations/subject-entry',
  ],
};

/** Of a folder, and the specs that decide about it, in the order in which they are tried: the cheap ones first. */
const part = (folder, specs) => ({
  mutate: [`lib/${folder}/**/*.ts`, ...UNIT.mutate.map((path) => `!${path}`)],
  specs,
});

export const PARTS = {
  unit: UNIT,
  operations: part('core/operations', ['core/operations', 'core/presence', 'core/request']),
  request: part('core/request', ['core/request']),
  formats: part('stores/sealed/formats', ['stores/sealed/formats']),
  revocations: part('revocations', [
    'revocations/revocation-list',
    'revocations/revocation-source',
    'revocations/stored-entry',
    'revocations/notice-limiter',
    'revocations/revocation-codec',
    'revocations/list-reader',
    'revocations/list-reading',
    'revocations/list-in-memory',
    'revocations/shared-list',
    'revocations/shared-list-calls',
  ]),
  http: part('http', [
    'http/csrf',
    'http/request-facts',
    'http/transport',
    'http/failure-response',
    'http/headers',
    'http/response/calls',
    'http/response/held',
    'http/response/hook',
    'http/response/response-hook',
    'http/response/late-calls',
  ]),
  model: part('core/model', ['core/model']),
  token: part('core/token', ['core/token']),
};

export function configOf(name) {
  const { mutate, specs } = PARTS[name];
  return {
    plugins: ['./tools/mutation/runner.js'],
    testRunner: 'in-process',
    inProcess: { specs: specs.flatMap(filesOf) },
    coverageAnalysis: 'perTest',
    mutate,
    // Stryker's own factor is of the time that the tests take alone. What never ends is found by its count of steps.
    timeoutFactor: 4,
    timeoutMS: 30_000,
    tempDirName: '.cache/stryker',
    reporters: ['clear-text', 'json', 'progress-append-only'],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    jsonReporter: { fileName: `.cache/mutation/${name}.json` },
    // tools/mutation decides, by the score and by what is explained.
    thresholds: { high: 95, low: 90, break: null },
    concurrency: 2,
    allowConsoleColors: false,
    ignorePatterns: ['dist', 'docs', 'bench', 'coverage', '.cache', 'sample/*/node_modules'],
    warnings: { unknownOptions: false, slow: false },
  };
}

/** Of a folder all, but properties of thousands of runs. */
function filesOf(name) {
  const path = `test/${name}`;
  return existsSync(path)
    ? readdirSync(path)
        .filter((file) => file.endsWith('.spec.ts') && !file.endsWith('-properties.spec.ts'))
        .map((file) => `${path}/${file}`)
    : [`${path}.spec.ts`];
}

/** Mutates one part of the library: `npm run mutation`, see tools/mutation. */
export default configOf(process.env['MUTATION_PART'] ?? 'unit');
