import base from './stryker.config.js';

/** The pure parts against their own specs, which take milliseconds: `npm run mutation:unit`. */
export default {
  ...base,
  jest: { configFile: 'jest.mutation.config.js', enableFindRelatedTests: true },
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
  jsonReporter: { fileName: '.cache/mutation/unit.json' },
};
