import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './checks.js';

const OTHERS = ['20', '22', '24'].filter((major) => major !== process.versions.node.split('.')[0]);

/** The releases of Node to run on: this one, and those that npm holds as packages, as pairs of name and path. */
export async function nodes(home) {
  const binary = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const installed = OTHERS.map(async (major) => {
    const directory = join(home, `node${major}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'package.json'), '{ "private": true }');
    await run('npm', ['install', `${binary}@${major}`, '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: directory,
    });
    const path = join(directory, 'node_modules', binary, 'bin', 'node');
    return [`Node ${(await run(path, ['--version'])).trim()}`, path];
  });
  return [[`Node ${process.version}`, process.execPath], ...(await Promise.all(installed))];
}
