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
