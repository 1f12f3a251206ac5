import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Compiled {
  /** The path of a compiled file of `test/support`. */
  script(name: string): string;
  remove(): Promise<void>;
}

/** The library and the support files as plain JavaScript, for processes of Node other than this one. */
export async function compiled(): Promise<Compiled> {
  await mkdir(join(root, '.cache'), { recursive: true });
  const directory = await mkdtemp(join(root, '.cache', 'compiled-'));
  const sources = [...(await sourcesIn('lib')), ...(await sourcesIn('test/support'))];
  await Promise.all(sources.map((source) => compile(source, directory)));
  await writeFile(join(directory, 'package.json'), JSON.stringify(MANIFEST));
  return {
    script: (name) => join(directory, 'test', 'support', `${name}.js`),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** What the files call the library by; everything else is found in the folders above. */
const MANIFEST = {
  name: 'nest-sessions',
  type: 'module',
  exports: {
    '.': './lib/index.js',
    './redis': './lib/stores/redis/index.js',
    './postgres': './lib/stores/postgres/index.js',
    './sealed': './lib/stores/sealed/index.js',
    './*': './lib/*/index.js',
  },
};

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true });
  return entries.filter((name) => name.endsWith('.ts')).map((name) => join(root, folder, name));
}

async function compile(source: string, directory: string): Promise<void> {
  const { code } = await transformFile(source, {
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'es6' },
  });
  const target = join(directory, relative(root, source)).replace(/\.ts$/, '.js');
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, code);
}
