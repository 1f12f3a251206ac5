import { availableParallelism } from 'node:os';

/** Nest 12 is ESM, so Jest runs with `--experimental-vm-modules` (see the script "test"). */
export default {
  testEnvironment: '<rootDir>/test/support/watched-environment.js',
  // No spec waits for a timeout; a machine that is busy with other things may be slow all the same.
  testTimeout: 30_000,
  // Jest leaves one processor free, which on a machine with two is half of it.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Modules of ESM stay in memory after their suite. A worker starts anew before its garbage collection takes over.
  workerIdleMemoryLimit: '1GB',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  setupFiles: ['<rootDir>/test/support/fresh-async-context.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/no-disclosure.ts'],
  testSequencer: '<rootDir>/test/support/long-suites-first.js',
  extensionsToTreatAsEsm: ['.ts'],
  resolver: '<rootDir>/test/support/resolver.cjs',
  moduleNameMapper: {
    '^nest-sessions$': '<rootDir>/lib/index.ts',
    '^nest-sessions/(redis|postgres|sealed|connect)$': '<rootDir>/lib/stores/$1/index.ts',
    '^nest-sessions/(.*)$': '<rootDir>/lib/$1/index.ts',
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
