/**
 * What ships is what is tested: packs the library, installs the tarball into fresh applications outside of
 * this checkout, and lets each log in and out over HTTP. Run by `npm run test:package`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkTarball, checkWeight } from './tarball.js';
import { makeApplication } from './applications.js';
import { check, report, run } from './checks.js';
import { checkNestAdd } from './nest-add.js';
import { nodes } from './nodes.js';

const started = Date.now();
const home = mkdtempSync(join(tmpdir(), 'nest-sessions-package-'));
try {
  await testPackage();
} finally {
  rmSync(home, { recursive: true, force: true });
}
report(started);

async function testPackage() {
  const tarball = await pack();
  const [nest11, nest12, binaries] = await Promise.all([
    makeApplication(home, tarball, 11),
    makeApplication(home, tarball, 12),
    nodes(home),
    checkTarball(tarball),
    checkWeight(home, tarball),
    checkNestAdd(home, tarball),
  ]);
  await nest11.typeChecks();
  await nest12.typeChecks();
  await nest11.jest();
  await nest12.jest();
  for (const [name, node] of binaries) {
    await nest11.plainNode(name, node);
    await nest12.plainNode(name, node);
  }
}

async function pack() {
  mkdirSync(home, { recursive: true });
  const root = new URL('../..', import.meta.url).pathname;
  let file = '';
  await check('npm pack builds the package', async () => {
    const said = await run('npm', ['pack', '--json', '--pack-destination', home], { cwd: root });
    file = join(home, JSON.parse(said.slice(said.indexOf('['))).at(0).filename);
  });
  if (!file) throw new Error('There is no package to test.');
  return file;
}
