/** The pure parts against their own specs, which take milliseconds: `npm run mutation:unit`. */
export default {
  testRunner: 'jest',
  // As in .npmrc: Jest loads ESM only with this.
  testRunnerNodeArgs: ['--experimental-vm-modules'],
  jest: { configFile: 'jest.mutation.config.js', enableFindRelatedTests: true },
  coverageAnalysis: 'perTest',
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
  tempDirName: '.cache/stryker',
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.cache/mutation/unit.json' },
  // tools/mutation.js decides, by the score and by what is explained.
  thresholds: { high: 95, low: 90, break: null },
  concurrency: 2,
  allowConsoleColors: false,
  ignorePatterns: ['dist', 'docs', 'bench', 'coverage', '.cache', 'sample/*/node_modules'],
};
