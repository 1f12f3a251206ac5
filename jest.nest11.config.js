import base from './jest.config.js';

/**
 * The specs of what touches Nest and its adapters, on Nest 11, which tools/nest11.js installs into .cache. What knows no framework
 * (core, the revocation lists, the stores, the peers) is the same code on both, and runs once, on Nest 12.
 */
export default {
  ...base,
  moduleNameMapper: {
    '^@nestjs/(.*)$': '<rootDir>/.cache/nest11/node_modules/@nestjs/$1',
    ...base.moduleNameMapper,
  },
  testMatch: [
    '<rootDir>/test/nest/**/*.spec.ts',
    '<rootDir>/test/passport/*.spec.ts',
    '<rootDir>/test/http/response/*.spec.ts',
    '<rootDir>/test/testing/**/*.spec.ts',
    '<rootDir>/test/docs/**/*.spec.ts',
    '<rootDir>/test/swagger/**/*.spec.ts',
    '<rootDir>/test/terminus/**/*.spec.ts',
    '<rootDir>/test/concurrency/races.spec.ts',
    '<rootDir>/test/stores/sealed/behaviour.spec.ts',
  ],
  testPathIgnorePatterns: [
    '/node_modules/',
    '/test/testing/contract',
    // What these compile and read does not depend on the Nest that runs.
    '/test/docs/(examples|links|reference)',
  ],
};
