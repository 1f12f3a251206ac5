import type { Rule, SchematicContext, Tree } from '@angular-devkit/schematics';
import { findRootModule } from './root-module.js';
import { ignoreEnv, writeEnv } from './env-files.js';
import { importSessionModule, type Wiring } from './module-edit.js';
import { addDependencies, hasDependency, installTask, isEsm } from './manifest.js';
import { LOAD_ENV, STORES, type StoreChoice } from './templates.js';
import { loadTypeScript } from './typescript.js';

/** What `nest add nest-sessions` takes. Each is checked by the schema of the collection. */
export interface NestAddOptions {
  store?: StoreChoice;
  sourceRoot?: string;
  module?: string;
  skipInstall?: boolean;
}

/** Packages that load `.env` themselves. */
const LOADERS = ['@nestjs/config', 'dotenv'] as const;

/**
 * Imports SessionModule in the root module, and writes a secret to `.env`. What is there already stays as it is, so it may
 * run again.
 *
 * Loads nothing of the schematics' own packages: it finds them only where the package manager puts them beside this one.
 */
export function nestAdd({
  store = 'memory',
  sourceRoot = 'src',
  module,
  skipInstall = false,
}: NestAddOptions = {}): Rule {
  return (tree: Tree, context: SchematicContext) => {
    const { files, variables, dependencies } = STORES[store];
    const wired = wire(tree, context, { store, sourceRoot, module });
    if (wired)
      for (const [name, text] of Object.entries(files)) create(tree, `${wired.folder}/${name}`, text);
    writeEnv(tree, wired ? variables : {});
    ignoreEnv(tree);
    const added = wired !== undefined && addDependencies(tree, dependencies);
    if (added && !skipInstall) context.addTask(installTask(tree));
    return tree;
  };
}

type Given = Required<Pick<NestAddOptions, 'store' | 'sourceRoot'>> & { module: string | undefined };

/** The folder of the module that imports SessionModule from now on; `undefined` where nothing was to be done, or could be. */
function wire(
  tree: Tree,
  { logger }: SchematicContext,
  { store, sourceRoot, module }: Given,
): { folder: string } | undefined {
  const ts = loadTypeScript();
  const root = ts && findRootModule(ts, tree, sourceRoot, module);
  if (!ts || !root) {
    logger.warn(`The root module was not found. Import SessionModule there yourself: ${BY_HAND}`);
    return undefined;
  }
  const text = tree.readText(root.file);
  const loads = LOADERS.some((name) => hasDependency(tree, name));
  const wiring: Wiring = { ...STORES[store].wiring(loads), ...(loads ? {} : { first: './load-env' }) };
  const edited = importSessionModule(ts, text, { className: root.className, wiring, esm: isEsm(tree) });
  switch (edited.outcome) {
    case 'there':
      logger.info(`${root.file} imports SessionModule already: it stays as it is.`);
      return undefined;
    case 'unclear':
      logger.warn(`${root.file} was left as it is, because ${edited.why}. ${BY_HAND}`);
      return undefined;
    case 'edited': {
      const folder = root.file.slice(0, root.file.lastIndexOf('/'));
      tree.overwrite(root.file, edited.text);
      if (!loads) create(tree, `${folder}/load-env.ts`, LOAD_ENV);
      return { folder };
    }
  }
}

const BY_HAND =
  'Add SessionModule.forRoot({ secret: process.env.SESSION_SECRET }) to the imports of the root module, and load .env before.';

function create(tree: Tree, file: string, text: string): void {
  if (!tree.exists(file)) tree.create(file, text);
}
