// Gets a sample ready for its start, run by npm in the sample's folder: installs the packages if that was not done,
// builds the library if it was not or is older than its source, and puts the build where npm put the package. An
// application that installs nest-sessions from a registry needs nothing of this.
import { execSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sample = process.cwd();
const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'dist');
const installed = join(sample, 'node_modules', 'nest-sessions');

if (!existsSync(installed)) run('npm ci --no-audit --no-fund', sample);
if (isOutdated()) {
  console.log('Building nest-sessions …');
  if (!existsSync(join(root, 'node_modules'))) run('npm ci --no-audit --no-fund', root);
  run('npm run build', root);
}
rmSync(join(installed, 'dist'), { recursive: true, force: true });
cpSync(built, join(installed, 'dist'), { recursive: true });

function isOutdated() {
  const entries = [join(built, 'esm', 'index.js'), join(built, 'cjs', 'index.js')];
  if (!entries.every((entry) => existsSync(entry))) return true;
  return newest(join(root, 'lib')) > newest(built);
}

function newest(folder) {
  const files = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)));
  return Math.max(...files.map((file) => file.mtimeMs));
}

function run(command, cwd) {
  // The settings of the npm that started this script are meant for that run alone.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  try {
    execSync(command, { cwd, env, stdio: 'inherit' });
  } catch {
    // It has said itself what is wrong.
    process.exit(1);
  }
}
