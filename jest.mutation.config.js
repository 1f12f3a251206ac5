import base from './jest.config.js';

/**
 * For the specs that decide about the files of `stryker.unit.config.js`, and no others: a mutant is put to all of these that reach
 * it. Properties of thousands of runs are in files of their own, and are left out.
 */
export default {
  ...base,
  setupFilesAfterEnv: ['<rootDir>/test/mutation/fixed-seed.ts'],
  testMatch: [
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
  ].map((name) => `<rootDir>/test/${name}.spec.ts`),
};
