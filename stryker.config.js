/** Mutates the decisions of the library and runs all tests that reach them: `npm run mutation`, for hours. */
export default {
  testRunner: 'jest',
  // As in .npmrc: Jest loads ESM only with this.
  testRunnerNodeArgs: ['--experimental-vm-modules'],
  jest: { configFile: 'jest.config.js', enableFindRelatedTests: true },
  coverageAnalysis: 'perTest',
  mutate: [
    'lib/core/request/**/*.ts',
    'lib/core/operations/**/*.ts',
    'lib/core/model/**/*.ts',
    'lib/core/token/**/*.ts',
    'lib/http/**/*.ts',
    'lib/stores/sealed/formats/**/*.ts',
    'lib/revocations/**/*.ts',
  ],
  tempDirName: '.cache/stryker',
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: '.cache/mutation/whole.json' },
  thresholds: { high: 95, low: 90, break: 90 },
  concurrency: 2,
  allowConsoleColors: false,
  ignorePatterns: ['dist', 'docs', 'bench', 'coverage', '.cache', 'sample/*/node_modules'],
};
