import base from './jest.config.js';

/** For the specs that decide about the files of `stryker.unit.config.js`, and no others: each mutant loads all of them. */
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
