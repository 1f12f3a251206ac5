import unit from './stryker.unit.config.js';

/**
 * Files, and the specs that decide about them in two stages: all mutants are put to the specs of the first stage, which load no
 * application, and those that survive to the ones of the second. All that reach them would take days.
 */
const part = (name, mutate, ...stages) => [
  name,
  // What the unit layer decides alone is left out.
  { mutate: [...mutate, ...unit.mutate.map((path) => `!${path}`)], stages },
];

/** Applications on both adapters, over the memory store: the engine knows no other, and these need no server. */
const BEHAVIOUR = [
  'conformance/memory',
  'concurrency/{races,late-answers}',
  'nest/session/{login,ending,timeouts}',
];

const ENGINE = ['core/{operations,request,model}/*', 'mutation/interleavings'];

export const PARTS = Object.fromEntries([
  part('operations', ['lib/core/operations/**/*.ts'], ENGINE, [
    ...BEHAVIOUR,
    'nest/device/{protocol,proofs,enforcement}',
    'migrate/device-bound',
  ]),
  part('request', ['lib/core/request/**/*.ts'], ENGINE, [...BEHAVIOUR, 'nest/session/data*']),
  part('formats', ['lib/stores/sealed/formats/**/*.ts'], ['stores/sealed/{formats,payload}']),
  part(
    'revocations',
    ['lib/revocations/**/*.ts'],
    ['revocations/{revocation-table,session-entry,subject-entry,revocation-codec}', 'mutation/interleavings'],
    ['revocations/{replicated,poison,list-reader}', 'stores/sealed/behaviour'],
  ),
  part(
    'http',
    ['lib/http/**/*.ts'],
    ['http/{csrf,request-facts,transport}', 'http/headers/*', 'http/response/response-hook'],
    ['nest/request/{exits,caching,failure-content}'],
  ),
  part(
    'model',
    ['lib/core/model/**/*.ts'],
    ['core/model/*', 'mutation/interleavings'],
    ['nest/session/{data,data-*,timeouts}'],
  ),
  part('token', ['lib/core/token/**/*.ts'], ['core/token/*'], ['nest/session/{tokens,cookies}']),
]);

export function configOf(name, stage) {
  const { mutate, stages } = PARTS[name];
  return {
    ...unit,
    jest: {
      configFile: 'jest.mutation.config.js',
      config: {
        testMatch: stages[stage].map((spec) => `<rootDir>/test/${spec}.spec.ts`),
        testSequencer: '<rootDir>/test/mutation/cheapest-first.js',
      },
      // Jest finds no relation through the name of the package, by which most specs import it.
      enableFindRelatedTests: false,
    },
    mutate,
    // Begins where the last run of this part ended: only what changed is tested again.
    incremental: true,
    incrementalFile: `.cache/mutation/${name}-${stage}.incremental.json`,
    jsonReporter: { fileName: `.cache/mutation/${name}-${stage}.json` },
    // The modules of applications stay in memory: see jest.config.js.
    maxTestRunnerReuse: 40,
  };
}

/** Mutates the decisions of the library, one stage of one part at a time: `npm run mutation`, for hours. */
export default configOf(
  process.env['MUTATION_PART'] ?? 'operations',
  Number(process.env['MUTATION_STAGE'] ?? 0),
);
