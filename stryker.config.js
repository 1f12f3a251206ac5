import unit from './stryker.unit.config.js';

/** Files, and the specs that decide about them. Those of the same names are also measured by the unit layer alone. */
const part = (name, mutate, specs) => [
  name,
  {
    ...unit,
    jest: {
      configFile: 'jest.mutation.config.js',
      config: { testMatch: specs.map((spec) => `<rootDir>/test/${spec}.spec.ts`) },
      enableFindRelatedTests: true,
    },
    mutate,
    // Begins where the last run of this part ended: only what changed is tested again.
    incremental: true,
    incrementalFile: `.cache/mutation/${name}.incremental.json`,
    jsonReporter: { fileName: `.cache/mutation/${name}.json` },
    // The modules of applications stay in memory: see jest.config.js.
    maxTestRunnerReuse: 40,
  },
];

/** What behaves: applications on both adapters, over the memory store. Of the others the engine knows nothing. */
const BEHAVIOUR = ['conformance/memory', 'concurrency/{endings,races,rotations,updates,within-one-request}'];

export const PARTS = Object.fromEntries([
  part('formats', ['lib/stores/sealed/formats/**/*.ts'], ['stores/sealed/{formats,payload}']),
  part('revocations', ['lib/revocations/**/*.ts'], ['revocations/*', 'stores/sealed/behaviour']),
  part(
    'http',
    ['lib/http/**/*.ts'],
    ['http/**/*', 'nest/request/{exits,caching,failure-content}', ...BEHAVIOUR],
  ),
  part('token', ['lib/core/token/**/*.ts'], ['core/token/*', 'nest/session/{tokens,cookies}', ...BEHAVIOUR]),
  part(
    'model',
    ['lib/core/model/**/*.ts'],
    ['core/model/*', 'nest/session/{data,data-*,timeouts}', ...BEHAVIOUR],
  ),
  part(
    'operations',
    ['lib/core/operations/**/*.ts'],
    ['core/**/*', 'nest/session/{login,ending,timeouts,data}', ...BEHAVIOUR],
  ),
  part(
    'request',
    ['lib/core/request/**/*.ts'],
    ['core/**/*', 'nest/session/{login,ending,timeouts,data}', ...BEHAVIOUR],
  ),
]);

/** Mutates the decisions of the library, one part at a time: `npm run mutation`, for hours. */
export default PARTS[process.env['MUTATION_PART']];
