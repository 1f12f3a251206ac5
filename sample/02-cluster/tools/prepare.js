// Builds what this sample is made of: the login sample, which in turn builds the library where it has to.
import { execSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const login = path('../../01-login/');
const library = path('../node_modules/nest-sessions/');

if (!existsSync(library)) {
  console.error('The packages of this sample are not installed yet. Run: npm ci');
  process.exit(1);
}
if (!existsSync(`${login}node_modules`)) run('npm ci --no-audit --no-fund');
run('npm run --silent build');
rmSync(`${library}dist`, { recursive: true, force: true });
cpSync(path('../../../dist'), `${library}dist`, { recursive: true });

function run(command) {
  // The settings of the npm that started this script are meant for this sample, not for the other.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  execSync(command, { cwd: login, env, stdio: 'inherit' });
}
