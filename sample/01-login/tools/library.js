// Brings the built library into node_modules. In a fresh clone `npm ci` here could copy no build, for there
// was none yet; an application that installs nest-sessions from a registry needs nothing of this.
import { execSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const installed = fileURLToPath(new URL('../node_modules/nest-sessions/', import.meta.url));

if (!existsSync(installed)) {
  console.error('The packages of this sample are not installed yet. Run: npm ci');
  process.exit(1);
}
if (!existsSync(`${root}dist/esm/index.js`)) {
  console.log('Building nest-sessions, which is needed once …');
  if (!existsSync(`${root}node_modules`)) run('npm ci --no-audit --no-fund');
  run('npm run build');
}
rmSync(`${installed}dist`, { recursive: true, force: true });
cpSync(`${root}dist`, `${installed}dist`, { recursive: true });

function run(command) {
  // The settings of the npm that started this script are meant for the sample, not for the library.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  execSync(command, { cwd: root, env, stdio: 'inherit' });
}
