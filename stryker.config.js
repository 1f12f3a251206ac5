import unit from './stryker.unit.config.js';

/** Files, and the specs that decide about them. All that reach them would take days. */
const part = (name, mutate, specs) => [
  name,
  {
    ...unit,
    jest: {
      configFile: 'jest.mutation.config.js',
      config: {
        testMatch: specs.map((spec) => `<rootDir>/test/${spec}.spec.ts`),
        testSequencer: '<rootDir>/test/mutation/cheapest-first.js',
      },
      // Jest finds no relation through the name of the package, by which most specs import it.
      enableFindRelatedTests: false,
    },
    // What the unit layer decides alone.
    mutate: [...mutate, ...unit.mutate.map((path) => `!${path}`)],
    // Begins where the last run of this part ended: only what changed is tested again.
    incremental: true,
    incrementalFile: `.cache/mutation/${name}.incremental.json`,
    jsonReporter: { fileName: `.cache/mutation/${name}.json` },
    // The modules of applications stay in memory: see jest.config.js.
    maxTestRunnerReuse: 40,
  },
];

/** Applications on both adapters, over the memory store: the engine knows no other, and these need no server. */
const BEHAVIOUR = [
  'mutation/interleavings',
  'conformance/memory',
  'concurrency/{races,late-answers}',
  'nest/session/{login,ending,timeouts}',
];

export const PARTS = Object.fromEntries([
  part('formats', ['lib/stores/sealed/formats/**/*.ts'], ['stores/sealed/{formats,payload}']),
  part(
    'revocations',
    ['lib/revocations/**/*.ts'],
    [
      'revocations/{revocation-table,session-entry,subject-entry,replicated,poison}',
      'stores/sealed/behaviour',
    ],
  ),
  part(
    'http',
    ['lib/http/**/*.ts'],
    [
      'http/{csrf,request-facts,transport}',
      'http/headers/*',
      'http/response/response-hook',
      'nest/request/{exits,caching,failure-content}',
    ],
  ),
  part('model', ['lib/core/model/**/*.ts'], ['core/model/*', 'nest/session/{data,data-*,timeouts}']),
  part('token', ['lib/core/token/**/*.ts'], ['core/token/*', 'nest/session/{tokens,cookies}']),
  part('operations', ['lib/core/operations/**/*.ts'], ['core/{operations,request,model}/*', ...BEHAVIOUR]),
  part(
    'request',
    ['lib/core/request/**/*.ts'],
    ['core/{operations,request,model}/*', 'nest/session/data*', ...BEHAVIOUR],
  ),
]);

/** Mutates the decisions of the library, one part at a time: `npm run mutation`, for hours. */
export default PARTS[process.env['MUTATION_PART']];
