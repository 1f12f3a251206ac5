import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, run } from './checks.js';

const sources = fileURLToPath(new URL('.', import.meta.url));

/** A fresh application: Nest 11 as CommonJS, Nest 12 as ES modules, which is what each of them is itself. */
export async function makeApplication(home, tarball, major) {
  const directory = join(home, `nest${major}`);
  mkdirSync(directory);
  cpSync(join(sources, 'app'), join(directory, 'app'), { recursive: true });
  cpSync(join(sources, 'types'), join(directory, 'types'), { recursive: true });
  const files = major === 11 ? commonJs(tarball) : esModules(tarball);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), JSON.stringify(content, null, 2));
  }
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await check(`npm install into Nest ${major}`, () => run('npm', ['install', ...flags], { cwd: directory }));
  return new Application(`Nest ${major}, ${major === 11 ? 'CommonJS' : 'ES modules'}`, directory, major);
}

class Application {
  constructor(name, directory, major) {
    this.name = name;
    this.directory = directory;
    this.major = major;
  }

  /** Type-checks a consumer in each way to resolve modules, and compiles the application. */
  async typeChecks() {
    const tsc = (...args) => this.#node(process.execPath, ['node_modules/typescript/bin/tsc', ...args]);
    await check(`${this.name}: compiles`, () => tsc('-p', 'tsconfig.json'));
    for (const [resolution, options] of Object.entries(resolutions(this.major))) {
      const args = Object.entries({
        ...options,
        noEmit: true,
        strict: true,
        skipLibCheck: true,
        target: 'es2022',
        types: 'node',
      });
      const flags = args.flatMap(([key, value]) => [`--${key}`, String(value)]);
      await check(`${this.name}: types, ${resolution}`, () =>
        tsc(...flags, '--ignoreConfig', 'types/consumer.ts'),
      );
    }
    await check(`${this.name}: the declarations themselves`, () => this.#declarations(tsc));
  }

  /** As applications see them that check libraries, too. What others declare is not ours to judge. */
  async #declarations(tsc) {
    const flags = ['--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--noEmit', '--strict'];
    const strictest = ['--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--ignoreConfig'];
    const said = await tsc(...flags, ...strictest, 'types/consumer.ts').catch(({ message }) => message);
    const ours = said.split('\n').filter((line) => /^(node_modules\/nest-sessions|types)\//.test(line));
    if (ours.length > 0) throw new Error(ours.join('\n'));
  }

  async jest() {
    const flags = this.major === 12 ? ['--experimental-vm-modules', '--no-warnings'] : [];
    await check(`${this.name}: Jest`, () =>
      this.#node(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', '--ci']),
    );
  }

  async plainNode(name, node) {
    await check(`${this.name}: ${name}`, () => this.#node(node, ['out/main.js']));
    await check(`${this.name}: one copy for import and require, ${name}`, () =>
      this.#node(node, ['out/one-copy.mjs']),
    );
    await check(`${this.name}: nest-sessions attack, ${name}`, () => this.#node(node, ['out/attack.mjs']));
  }

  #node(node, args) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    return run(node, args, { cwd: this.directory, env });
  }
}

/** TypeScript 6 calls node10 deprecated, and still has it. */
const resolutions = (major) => ({
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  node16: { module: 'node16', moduleResolution: 'node16' },
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  ...(major === 11 && {
    node10: { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
  }),
});

const commonJs = (tarball) => ({
  'package.json': manifest(tarball, 11, 'commonjs', { 'ts-jest': '^29.4.0' }),
  'tsconfig.json': TSCONFIG,
  'jest.config.json': {
    testEnvironment: 'node',
    roots: ['app'],
    testMatch: ['**/*.test.ts'],
    transform: {
      '\\.ts$': [
        'ts-jest',
        { tsconfig: { ...TSCONFIG.compilerOptions, isolatedModules: true, types: ['node', 'jest'] } },
      ],
    },
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  },
});

const esModules = (tarball) => ({
  'package.json': manifest(tarball, 12, 'module', { '@swc/core': '^1.15.0', '@swc/jest': '^0.2.39' }),
  'tsconfig.json': TSCONFIG,
  'jest.config.json': {
    testEnvironment: 'node',
    roots: ['app'],
    testMatch: ['**/*.test.ts'],
    extensionsToTreatAsEsm: ['.ts'],
    transform: { '\\.ts$': ['@swc/jest', SWC] },
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  },
});

const manifest = (tarball, major, type, extra) => ({
  private: true,
  type,
  dependencies: {
    '@nestjs/common': `^${major}.0.0`,
    '@nestjs/core': `^${major}.0.0`,
    '@nestjs/platform-express': `^${major}.0.0`,
    '@nestjs/platform-fastify': `^${major}.0.0`,
    'nest-sessions': `file:${tarball}`,
    'reflect-metadata': '^0.2.2',
    rxjs: '^7.8.2',
    pg: '^8.0.0',
    redis: '^6.0.0',
  },
  devDependencies: {
    '@types/jest': '^30.0.0',
    '@types/node': '^20.0.0',
    '@types/pg': '^8.0.0',
    jest: '^30.0.0',
    typescript: '^6.0.0',
    ...extra,
  },
});

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    rootDir: 'app',
    outDir: 'out',
    strict: true,
    skipLibCheck: true,
    esModuleInterop: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
  },
  include: ['app'],
  exclude: ['app/*.test.ts'],
};

const SWC = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
};
