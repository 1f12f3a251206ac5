import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const LAYERS = 'core and http import nothing above themselves; see the layers in eslint.config.js.';

/** Who may import whom inside lib/: a layer sees itself and what is named here. */
const layer = (target, except) => ({
  target: `./lib/${target}/**/*`,
  from: './lib',
  except: [`./${target}`, ...except],
  message: LAYERS,
});

/** Packages that a file may not load; types cost nothing. */
const packages = (group, message) => ({
  '@typescript-eslint/no-restricted-imports': [
    'error',
    { patterns: [DEEP_IMPORTS, { group, message, allowTypeImports: true }] },
  ],
});

/** A suite that starts a server without asking whether it is installed: it would fail where it should say what it needs. */
const unguarded = (how) => ({
  selector: `Program > ExpressionStatement > CallExpression[callee${how === 'each' ? '.callee.object' : ''}.name='describe'] ${STARTS_SERVER}`,
  message: 'Use describeWithRedis, describePostgres or describeHost.',
});
const STARTS_SERVER =
  ':matches(CallExpression[callee.name=/^start(Redis|Host)/], MemberExpression[object.name=/^(Redis|Postgres)Server$/][property.name="start"])';

const DEEP_IMPORTS = {
  group: ['@nestjs/*/*', 'rxjs/*'],
  message: 'Only what the package offers at its front door: the inside changes between majors.',
};
const FRAMEWORK = ['@nestjs/*', 'rxjs', 'express', 'fastify'];
const DRIVERS = ['redis', '@redis/*', 'ioredis', 'pg', 'pg-*'];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.cache/', '**/node_modules/', 'sample/*/dist/', 'test/package/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      // Finds x.ts for './x.js', as the compiler does.
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: 'tsconfig.json' })],
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-duplicates': 'error',
      'import-x/no-unresolved': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // Contracts are written as methods and handed on as functions.
      '@typescript-eslint/unbound-method': 'off',
      // A method that a contract makes asynchronous may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // The keys of records and the sizes of arrays are known where this is used.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: {
      ...packages(DRIVERS, 'The application makes the client: import its types only.'),
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            layer('core', []),
            layer('http', []),
            layer('revocations', ['./core']),
            ...['memory', 'redis', 'postgres', 'sealed', 'connect'].map((store) =>
              layer(`stores/${store}`, ['./core', './revocations']),
            ),
            layer('store', ['./core']),
            layer('migrate', ['./core']),
            layer('nest', ['./core', './http', './stores']),
            layer('passport', ['./core', './http', './nest']),
            layer('testing', ['./core', './nest', './stores/memory']),
            layer('pino', ['./core', './nest']),
            layer('attack', []),
            layer('command', ['./attack', './core', './nest', './stores']),
            layer('schematics', ['./core']),
            // Programs of their own, which no application loads.
            { target: './lib/!(attack|command)/**/*', from: './lib/attack', message: LAYERS },
            { target: './lib/!(command)/**/*', from: './lib/command', message: LAYERS },
            { target: './lib/!(schematics)/**/*', from: './lib/schematics', message: LAYERS },
            {
              target: './lib/nest/!(session.module.ts)',
              from: './lib/stores',
              message: 'Only session.module knows the default store.',
            },
            { target: './lib', from: './test', message: 'Tests are not shipped.' },
          ],
        },
      ],
      'no-console': 'error',
    },
  },
  {
    files: ['lib/{attack,core,http,migrate,revocations,stores}/**/*.ts'],
    rules: packages(
      [...FRAMEWORK, ...DRIVERS],
      'These layers know no framework, and no driver but by its types.',
    ),
  },
  {
    files: ['{test,bench,sample}/**/*.ts'],
    rules: {
      // These are compiled with decorator metadata: what looks like a type names a provider.
      '@typescript-eslint/consistent-type-imports': 'off',
      // A store of the tests may answer at once, or not.
      '@typescript-eslint/await-thenable': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Specs throw what applications might, errors or not; the sample's templates know how to print what they get.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
    },
  },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/support/key-pair.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'node:crypto',
              importNames: ['generateKeyPair', 'generateKeyPairSync'],
              message:
                'See test/support/key-pair.ts: a process may hang where it exports a key that it generated.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['test/**/*.spec.ts'],
    rules: { 'no-restricted-syntax': ['error', ...['describe', 'each'].map(unguarded)] },
  },
  {
    // Their packages, or a build, may not be there: what they are, their own compilers check.
    files: ['{bench,sample,test/soak}/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'import-x/no-unresolved': 'off' },
  },
);
