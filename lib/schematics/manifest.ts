import type { TaskConfigurationGenerator, Tree } from '@angular-devkit/schematics';

const MANIFEST = 'package.json';

interface Manifest {
  type?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export interface PackageToAdd {
  section: 'dependencies' | 'devDependencies';
  name: string;
  version: string;
}

const read = (tree: Tree): Manifest =>
  tree.exists(MANIFEST) ? (JSON.parse(tree.readText(MANIFEST)) as Manifest) : {};

/** Whether relative imports need the ending `.js`. */
export const isEsm = (tree: Tree): boolean => read(tree).type === 'module';

export function hasDependency(tree: Tree, name: string): boolean {
  const { dependencies = {}, devDependencies = {} } = read(tree);
  return Object.hasOwn(dependencies, name) || Object.hasOwn(devDependencies, name);
}

/** Adds those that are not there, in the order of names. Returns whether one was added. */
export function addDependencies(tree: Tree, packages: readonly PackageToAdd[]): boolean {
  const missing = packages.filter(({ name }) => !hasDependency(tree, name));
  if (missing.length === 0 || !tree.exists(MANIFEST)) return false;
  const manifest = read(tree);
  const [indentation = 2] = /^[ \t]+(?=")/m.exec(tree.readText(MANIFEST)) ?? ([] as never);
  for (const { section, name, version } of missing) {
    const entries = Object.entries({ ...manifest[section], [name]: version });
    manifest[section] = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  tree.overwrite(MANIFEST, `${JSON.stringify(manifest, null, indentation)}\n`);
  return true;
}

const LOCK_FILES = { 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun' } as const;

/** As `NodePackageInstallTask` says it, whose package may be out of reach. */
export function installTask(tree: Tree): TaskConfigurationGenerator {
  const [, packageManager = 'npm'] =
    Object.entries(LOCK_FILES).find(([file]) => tree.exists(file)) ?? ([] as never);
  return {
    toConfiguration: () => ({ name: 'node-package', options: { command: 'install', packageManager } }),
  };
}
