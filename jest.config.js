/** Nest 12 is ESM, so Jest runs with `--experimental-vm-modules` (see the script "test"). */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nest-sessions$': '<rootDir>/lib/index.ts',
    '^nest-sessions/testing$': '<rootDir>/lib/testing/index.ts',
    '^nest-sessions/(.*)$': '<rootDir>/lib/stores/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
};
