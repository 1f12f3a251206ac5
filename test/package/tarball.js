import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, run } from './checks.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);

/** Every rule of both tools applies: there is no exception to explain. */
export async function checkTarball(tarball) {
  await check('publint', () => run(bin('publint'), ['run', tarball, '--strict']));
  await check('are the types wrong', () => run(bin('attw'), [tarball, '--no-emoji', '--format', 'ascii']));
}

/** What `npm install nest-sessions` brings to an application that has Nest: optional peers are its own choice. */
export async function checkWeight(home, tarball) {
  const directory = join(home, 'weight');
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  await check('npm install brings the dependencies and nothing else', async () => {
    const flags = ['--legacy-peer-deps', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    await run('npm', ['install', ...flags, tarball], { cwd: directory });
    const brought = packagesIn(join(directory, 'node_modules'));
    console.log(`npm install brings ${brought.length} packages: ${brought.map(inWords).join(', ')}`);
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.deepEqual(
      brought.map(({ name }) => name),
      ['nest-sessions', ...Object.keys(dependencies)].sort(),
    );
  });
}

const packagesIn = (modules) =>
  readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => ({ name, bytes: sizeOf(join(modules, name)) }));

const sizeOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

const inWords = ({ name, bytes }) => `${name} ${(bytes / 1_048_576).toFixed(2)} MB`;
