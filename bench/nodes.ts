import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the packages go: beside the compiled benches, out of the repository. */
const CACHE = join(import.meta.dirname, '..');

/** A Node of the given major, from npm; without one the Node that runs this. */
export function nodeOf(major: string | undefined): string {
  if (major === undefined || process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const home = join(CACHE, `node${major}`);
  const packageName = `node-${process.platform}-${process.arch}`;
  const node = join(home, 'node_modules', packageName, 'bin', 'node');
  if (!existsSync(node)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{ "private": true }\n');
    execFileSync('npm', ['install', '--no-save', '--ignore-scripts', `${packageName}@${major}`], {
      cwd: home,
      stdio: 'inherit',
    });
  }
  return node;
}

export const versionOf = (node: string): string =>
  execFileSync(node, ['-v'], { encoding: 'utf8' }).trim().slice(1);
