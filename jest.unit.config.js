import base from './jest.config.js';

/** The specs of pure parts, which start no application and no server of a store: `npm run test:unit`, a few seconds. */
export default {
  ...base,
  testMatch: [
    '<rootDir>/test/core/**/*.spec.ts',
    '<rootDir>/test/http/**/*.spec.ts',
    '<rootDir>/test/revocations/{revocation-table,session-entry,subject-entry,table-properties,table-growth}.spec.ts',
  ],
  testPathIgnorePatterns: [
    '/node_modules/',
    // Applications on both adapters.
    '/test/http/response/invalid-calls\\.spec',
    '/test/core/token/keys\\.spec',
    // Thousands of responses over sockets.
    '/test/http/response/late-calls\\.spec',
  ],
};
