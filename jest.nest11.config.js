import base from './jest.config.js';

/** The same specs on Nest 11, which tools/nest11.js installs into .cache. Those of stores, servers and browsers run once, on Nest 12. */
export default {
  ...base,
  moduleNameMapper: {
    '^@nestjs/(.*)$': '<rootDir>/.cache/nest11/node_modules/@nestjs/$1',
    ...base.moduleNameMapper,
  },
  testPathIgnorePatterns: [
    '/node_modules/',
    '/test/(e2e|model|testing)/',
    '/test/stores/(memory|redis|postgres)/',
    '/test/stores/errors\\.spec',
    '/test/stores/sealed/(nodes|wire)\\.spec',
    '/test/revocations/lag\\.spec',
    '/test/concurrency/(?!races)',
  ],
};
