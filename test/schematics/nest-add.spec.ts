import type { SchematicContext, TaskConfigurationGenerator } from '@angular-devkit/schematics';
import ts from 'typescript';
import { nestAdd, type NestAddOptions } from '../../lib/schematics/nest-add.js';
import { FileTree } from './file-tree.js';

const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(3000);
}
void bootstrap();
`;

const MODULE = `import { Module } from '@nestjs/common';
import { AppController } from './app.controller';

@Module({
  imports: [],
  controllers: [AppController],
})
export class AppModule {}
`;

const MANIFEST = { name: 'app', dependencies: { '@nestjs/common': '^12.0.0' }, devDependencies: {} };

/** The files of an application, those of `nest new` by default. */
function application(files: Record<string, string | undefined> = {}): FileTree {
  const tree = new FileTree();
  const all = {
    'package.json': JSON.stringify(MANIFEST),
    'src/main.ts': MAIN,
    'src/app.module.ts': MODULE,
    '.gitignore': 'node_modules\n.env\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) if (text !== undefined) tree.create(name, text);
  return tree;
}

/** Runs the schematic, and returns what it said and which tasks it added. */
async function add(tree: FileTree, options?: NestAddOptions) {
  const said: string[] = [];
  const tasks: object[] = [];
  const context = {
    logger: { warn: (text: string) => said.push(text), info: (text: string) => said.push(text) },
    addTask: (task: TaskConfigurationGenerator) => tasks.push(task.toConfiguration()),
  };
  await nestAdd(options)(tree.asTree, context as unknown as SchematicContext);
  return { said, tasks };
}

/** The text of the module after it, which must parse. */
async function edited(
  module: string,
  files: Record<string, string | undefined> = {},
  options?: NestAddOptions,
) {
  const tree = application({ 'src/app.module.ts': module, ...files });
  const { said } = await add(tree, options);
  const text = tree.readText('src/app.module.ts');
  const { parseDiagnostics } = ts.createSourceFile('a.ts', text, ts.ScriptTarget.Latest) as unknown as {
    parseDiagnostics: { messageText: string }[];
  };
  expect(parseDiagnostics.map(({ messageText }) => messageText)).toEqual([]);
  return { text, said };
}

const CALL = 'SessionModule.forRoot({ secret: process.env.SESSION_SECRET! })';

describe('nest add nest-sessions', () => {
  it('imports SessionModule, loads .env before it, and changes nothing else', async () => {
    const tree = application();
    const { said, tasks } = await add(tree);
    expect(tree.readText('src/app.module.ts')).toBe(`import './load-env';
import { Module } from '@nestjs/common';
import { AppController } from './app.controller';
import { SessionModule } from 'nest-sessions';

@Module({
  imports: [${CALL}],
  controllers: [AppController],
})
export class AppModule {}
`);
    expect(tree.readText('src/load-env.ts')).toContain("process.loadEnvFile('.env')");
    expect(tree.readText('.env')).toMatch(/^SESSION_SECRET=[\w-]{43}\n$/);
    expect(tree.readText('.gitignore')).toBe('node_modules\n.env\n');
    expect([said, tasks, JSON.parse(tree.readText('package.json'))]).toEqual([[], [], MANIFEST]);
  });

  it('runs again without a change', async () => {
    for (const store of ['memory', 'redis', 'postgres', 'sealed'] as const) {
      const tree = application();
      await add(tree, { store });
      const before = tree.files;
      const { said, tasks } = await add(tree, { store });
      expect(tree.files).toEqual(before);
      expect([said, tasks]).toEqual([[expect.stringMatching(/imports SessionModule already/)], []]);
    }
  });

  it.each<[string, string, string]>([
    [
      'other imports on one line',
      "  imports: [A, B.forRoot({ c: 'd' })],",
      `imports: [A, B.forRoot({ c: 'd' }), ${CALL}],`,
    ],
    [
      'other imports on lines',
      '  imports: [\n    A,\n    B,\n  ],',
      `imports: [\n    A,\n    B,\n    ${CALL},\n  ],`,
    ],
    ['imports in quotes', "  'imports': [A],", `'imports': [A, ${CALL}],`],
    ['imports spread', '  imports: [...shared],', `imports: [...shared, ${CALL}],`],
    ['imports of a variable', '  imports: shared,', `imports: [...(shared), ${CALL}],`],
    ['imports of a call', '  imports: [A].concat(shared),', `imports: [...([A].concat(shared)), ${CALL}],`],
    ['imports in shorthand', '  imports,', `imports: [${CALL}, ...imports],`],
    ['no imports', '  providers: [A],', `  imports: [${CALL}],\n  providers: [A],`],
    ['imports by a computed name', "  ['imports']: [A],", `['imports']: [A, ${CALL}],`],
    ['a comment in its imports', '  imports: [\n    // none yet\n  ],', `// none yet\n  ${CALL}],`],
    ['references forward', '  imports: [forwardRef(() => A)],', `imports: [forwardRef(() => A), ${CALL}],`],
  ])('takes a module with %s', async (_, metadata, wanted) => {
    const { text } = await edited(
      MODULE.replace('  imports: [],\n  controllers: [AppController],', metadata),
    );
    expect(text).toContain(wanted);
  });

  it.each<[string, string, string]>([
    ['an empty object', '@Module({})', `@Module({\n  imports: [${CALL}],\n})`],
    ['no object', '@Module()', `@Module({\n  imports: [${CALL}],\n})`],
    [
      'an object of a type',
      '@Module({ imports: [A] } satisfies object)',
      `({ imports: [A, ${CALL}] } satisfies`,
    ],
    ['a call', '@Module(all())', `@Module({ ...(all()), imports: [${CALL}, ...((all()).imports ?? [])] })`],
    ['a variable', '@Module(all)', `@Module({ ...all, imports: [${CALL}, ...(all.imports ?? [])] })`],
  ])('takes a module of %s', async (_, decorator, wanted) => {
    const { text } = await edited(MODULE.replace(/@Module\([^]*\}\)\n/, `${decorator}\n`));
    expect(text).toContain(wanted);
  });

  it('takes the decorator under another name, and keeps quotes and line breaks', async () => {
    const aliased = await edited(MODULE.replace('{ Module }', '{ Module as M }').replace('@Module', '@M'));
    expect(aliased.text).toContain(CALL);
    const spaced = await edited(MODULE.replace('{ Module }', '* as nest').replace('@Module', '@nest.Module'));
    expect(spaced.text).toContain(CALL);
    const quoted = await edited(MODULE.replaceAll("'", '"').replaceAll('\n', '\r\n'));
    expect(quoted.text).toContain('import "./load-env";\r\nimport { Module } from "@nestjs/common";\r\n');
    expect(quoted.text.replaceAll('\r\n', '')).not.toContain('\n');
  });

  it('leaves a SessionModule of the application alone', async () => {
    const own = MODULE.replace(
      "'./app.controller';",
      "'./app.controller';\nimport { SessionModule } from './session';",
    );
    const { text } = await edited(own.replace('imports: []', 'imports: [SessionModule]'));
    expect(text).toContain("import { SessionModule as NestSessionModule } from 'nest-sessions';");
    expect(text).toContain('imports: [SessionModule, NestSessionModule.forRoot(');
  });

  it('finds SessionModule below a namespace, and takes an import of its type for none', async () => {
    const spaced = MODULE.replace('@Module', "import * as ns from 'nest-sessions';\n\n@Module");
    const wired = spaced.replace('[]', "[ns.SessionModule.forRoot({ secret: 'x' })]");
    expect((await edited(wired)).text).toBe(wired);
    expect((await edited(spaced)).text).toContain('imports: [SessionModule.forRoot(');
    for (const kind of ['type { SessionModule }', '{ type SessionModule }']) {
      const typed = MODULE.replace('@Module', `import ${kind} from 'nest-sessions';\n\n@Module`);
      expect((await edited(typed)).text).toContain('imports: [NestSessionModule.forRoot(');
    }
  });

  it('keeps what stands before the imports', async () => {
    const { text } = await edited(`/* A licence. */\n\n${MODULE}`);
    expect(text).toMatch(/^\/\* A licence\. \*\/\n\nimport '\.\/load-env';\nimport \{ Module \}/);
  });

  it('names files as the package does where the module imports none', async () => {
    const module = MODULE.replace(/import \{ AppController.*\n/, '');
    const esm = await edited(module, { 'package.json': JSON.stringify({ type: 'module' }) });
    expect(esm.text).toContain("import './load-env.js';");
    expect((await edited(module)).text).toContain("import './load-env';");
    const relative = await edited(MODULE, { 'package.json': JSON.stringify({ type: 'module' }) });
    expect(relative.text).toContain("import './load-env';");
  });

  it.each<[string, string, string]>([
    ['by default', "RootModule from './root/root.module'", '/src/root/root.module.ts'],
    [
      'from the root of the sources',
      "{ RootModule } from 'src/root/root.module'",
      '/src/root/root.module.ts',
    ],
    ['from an index', "{ RootModule } from './root'", '/src/root/index.ts'],
  ])('edits a root module that main.ts imports %s', async (_, imported, file) => {
    const main = MAIN.replace("{ AppModule } from './app.module'", imported).replace(
      '(AppModule)',
      '(RootModule)',
    );
    const tree = application({ 'src/main.ts': main, [file]: MODULE });
    await add(tree);
    expect([tree.readText(file), tree.readText('src/app.module.ts')]).toEqual([
      expect.stringContaining(CALL),
      MODULE,
    ]);
  });

  it.each([
    ['in main.ts itself', `${MODULE}${MAIN.replace(/import \{ AppModule.*\n/, '')}`],
    ['with a type, and options', MAIN.replace('create(AppModule)', 'create<App>(AppModule, { cors: true })')],
    ['of messages', MAIN.replace('create(AppModule)', 'createMicroservice(AppModule, {})')],
    ['by a method of it', MAIN.replace('create(AppModule)', 'create(AppModule.register())')],
  ])('edits a module that is started %s', async (_, main) => {
    const tree = application({ 'src/main.ts': main });
    await add(tree);
    const where = main.includes('@Module') ? 'src/main.ts' : 'src/app.module.ts';
    expect(tree.readText(where)).toContain(CALL);
  });

  it('says so where the file that it is given is not there', async () => {
    const { said } = await add(application(), { module: 'src/none.ts' });
    expect(said).toEqual([expect.stringMatching(/root module was not found/)]);
  });

  it('edits the module that main.ts starts, wherever it is', async () => {
    const main = MAIN.replace(
      "{ AppModule } from './app.module'",
      "{ RootModule as AppModule } from './root/root.module.js'",
    );
    const root = `import { Module } from '@nestjs/common';\nimport { One } from './one.js';\n\n@Module({ imports: [One] })\nclass Inner {}\n\n@Module({ imports: [Inner] })\nexport class RootModule {}\n`;
    const tree = application({ 'src/main.ts': main, 'src/root/root.module.ts': root });
    await add(tree);
    expect(tree.readText('src/app.module.ts')).toBe(MODULE);
    const text = tree.readText('src/root/root.module.ts');
    expect(text).toContain(`@Module({ imports: [Inner, ${CALL}] })`);
    expect(text).toContain("import './load-env.js';");
    expect(tree.exists('src/root/load-env.ts')).toBe(true);
  });

  it('takes the folder of the sources and the file that it is given', async () => {
    const files = { 'src/main.ts': undefined, 'src/app.module.ts': undefined };
    const tree = application({
      ...files,
      'apps/api/src/app.module.ts': MODULE,
      'apps/api/src/other.ts': MODULE,
    });
    await add(tree, { sourceRoot: 'apps/api/src' });
    expect(tree.readText('apps/api/src/app.module.ts')).toContain(CALL);
    await add(tree, { module: 'apps/api/src/other.ts' });
    expect(tree.readText('apps/api/src/other.ts')).toContain(CALL);
  });

  it('leaves a module alone that it does not understand, says what to do, and writes the secret', async () => {
    const spread = MODULE.replace('  imports: [],', '  ...base,');
    const { text, said } = await edited(spread);
    expect(text).toBe(spread);
    expect(said).toEqual([expect.stringMatching(/left as it is, because .*Add SessionModule\.forRoot/)]);
    expect((await edited(MODULE.replace('imports:', '[key]:'))).said).toEqual([
      expect.stringMatching(/name is computed/),
    ]);
    expect((await edited(MODULE.replace('imports: [],', 'get imports() { return []; },'))).said).toEqual([
      expect.stringMatching(/no plain property/),
    ]);
    const without = application({ 'src/main.ts': undefined, 'src/app.module.ts': undefined });
    expect((await add(without)).said).toEqual([expect.stringMatching(/root module was not found/)]);
    expect(without.readText('.env')).toMatch(/^SESSION_SECRET=/);
    expect((await edited('export const none = 1;\n')).said).toEqual([
      expect.stringMatching(/no class with @Module/),
    ]);
  });

  it('reads the secret when the application starts, where a package loads .env', async () => {
    for (const name of ['@nestjs/config', 'dotenv']) {
      const manifest = JSON.stringify({ dependencies: { [name]: '^4.0.0' } });
      const { text } = await edited(MODULE, { 'package.json': manifest });
      expect(text).toContain(
        'SessionModule.forRootAsync({ useFactory: () => ({ secret: process.env.SESSION_SECRET! }) })',
      );
      expect(text).not.toContain('load-env');
      const tree = application({ 'package.json': manifest });
      await add(tree);
      expect(tree.exists('src/load-env.ts')).toBe(false);
    }
  });
});

describe('nest add nest-sessions --store', () => {
  it.each([
    ['redis', 'redis', 'REDIS_URL=redis://', 'new RedisStore('],
    ['postgres', 'pg', 'DATABASE_URL=postgres://', 'new PostgresStore('],
  ] as const)(
    '%s writes the options, adds the driver and a variable',
    async (store, driver, variable, made) => {
      const tree = application({ 'yarn.lock': '' });
      const { tasks } = await add(tree, { store });
      expect(tree.readText('src/app.module.ts')).toContain(
        'SessionModule.forRootAsync({ useClass: SessionOptions })',
      );
      expect(tree.readText('src/app.module.ts')).toContain(
        "import { SessionOptions } from './session.options';",
      );
      expect(tree.readText('src/session.options.ts')).toContain(made);
      expect(tree.readText('.env')).toContain(variable);
      const { dependencies } = JSON.parse(tree.readText('package.json')) as typeof MANIFEST;
      expect(Object.keys(dependencies)).toEqual(['@nestjs/common', driver]);
      expect(tasks).toEqual([
        { name: 'node-package', options: { command: 'install', packageManager: 'yarn' } },
      ]);
    },
  );

  it.each([
    ['package-lock.json', 'npm'],
    ['pnpm-lock.yaml', 'pnpm'],
    ['bun.lock', 'bun'],
  ])('with %s installs by %s', async (file, packageManager) => {
    const { tasks } = await add(application({ [file]: '' }), { store: 'postgres' });
    expect(tasks).toEqual([{ name: 'node-package', options: { command: 'install', packageManager } }]);
  });

  it('keeps the form of package.json, and the versions that are there', async () => {
    const manifest = { name: 'app', dependencies: { zod: '^4.0.0' }, devDependencies: { pg: '^8.1.0' } };
    const tree = application({ 'package.json': `${JSON.stringify(manifest, null, '\t')}\n` });
    await add(tree, { store: 'redis' });
    const dependencies = { redis: '^6.0.0', ...manifest.dependencies };
    const wanted = `${JSON.stringify({ ...manifest, dependencies }, null, '\t')}\n`;
    expect(tree.readText('package.json')).toBe(wanted);
    const other = application({ 'package.json': JSON.stringify(manifest) });
    await add(other, { store: 'postgres' });
    const after = JSON.parse(other.readText('package.json')) as typeof manifest;
    expect([after.dependencies, after.devDependencies]).toEqual([
      manifest.dependencies,
      { '@types/pg': '^8.0.0', pg: '^8.1.0' },
    ]);
  });

  it('works without a package.json, and adds nothing for a module that it leaves alone', async () => {
    const tree = application({ 'package.json': undefined });
    const { tasks } = await add(tree, { store: 'redis' });
    expect([tree.readText('src/app.module.ts'), tasks]).toEqual([expect.stringContaining('useClass'), []]);
    const unclear = application({ 'src/app.module.ts': 'export const none = 1;\n' });
    const left = await add(unclear, { store: 'redis' });
    expect([left.tasks, unclear.exists('src/session.options.ts')]).toEqual([[], false]);
    expect(unclear.readText('.env')).toMatch(/^SESSION_SECRET=[\w-]{43}\n$/);
    expect(JSON.parse(unclear.readText('package.json'))).toEqual(MANIFEST);
  });

  it('leaves files alone that are there', async () => {
    const own = { 'src/load-env.ts': '// of the application', 'src/session.options.ts': '// too' };
    const tree = application(own);
    await add(tree, { store: 'redis' });
    for (const [file, text] of Object.entries(own)) expect(tree.readText(file)).toBe(text);
  });

  it('imports nothing twice', async () => {
    const module = `import { SealedCookie } from 'nest-sessions/sealed';\n${MODULE}`;
    const { text } = await edited(module, {}, { store: 'sealed' });
    expect(text.match(/import \{ SealedCookie \}/g)).toHaveLength(1);
  });

  it('runs no package manager where it is told not to', async () => {
    const { tasks } = await add(application(), { store: 'redis', skipInstall: true });
    expect(tasks).toEqual([]);
  });

  it('sealed needs no driver', async () => {
    const tree = application();
    const { tasks } = await add(tree, { store: 'sealed' });
    expect(tree.readText('src/app.module.ts')).toContain('store: new SealedCookie() })');
    expect(tree.readText('src/app.module.ts')).toContain(
      "import { SealedCookie } from 'nest-sessions/sealed';",
    );
    expect(tasks).toEqual([]);
  });
});

describe('.env and .gitignore', () => {
  it.each([
    ['A=1', /^A=1\nSESSION_SECRET=[\w-]{43}\n$/],
    ['A=1\nSESSION_SECRET=\nB=2\n', /^A=1\nSESSION_SECRET=[\w-]{43}\nB=2\n$/],
    ['SESSION_SECRET="" # make one\n', /^SESSION_SECRET=[\w-]{43}\n$/],
    ['SESSION_SECRET=mine\n', /^SESSION_SECRET=mine\n$/],
    ['  SESSION_SECRET = "mine"\n', /^ {2}SESSION_SECRET = "mine"\n$/],
    ['OLD_SESSION_SECRET=\nSESSION_SECRET=\n', /^OLD_SESSION_SECRET=\nSESSION_SECRET=[\w-]{43}\n$/],
    ['export SESSION_SECRET=\n', /^export SESSION_SECRET=[\w-]{43}\n$/],
    ['# SESSION_SECRET=\n', /^# SESSION_SECRET=\nSESSION_SECRET=[\w-]{43}\n$/],
    ['export SESSION_SECRET=mine', /^export SESSION_SECRET=mine$/],
  ])('of %j', async (before, after) => {
    const tree = application({ '.env': before });
    await add(tree);
    expect(tree.readText('.env')).toMatch(after);
  });

  it.each([
    [undefined, '.env\n'],
    ['dist', 'dist\n.env\n'],
    ['.env.local\n', '.env.local\n.env\n'],
    ['.env*\n', '.env*\n'],
    ['/.env\n', '/.env\n'],
    ['*.env\n', '*.env\n'],
    ['**/.env\n', '**/.env\n'],
  ])('ignores .env after %j', async (before, after) => {
    const tree = application({ '.gitignore': before });
    await add(tree);
    expect(tree.readText('.gitignore')).toBe(after);
  });
});
