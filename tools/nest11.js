// Runs the specs of behaviour against Nest 11. It is installed apart, into .cache, so that the checkout stays on Nest 12.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const home = `${root}.cache/nest11`;
const PACKAGES = [
  'common',
  'core',
  'microservices',
  'platform-express',
  'platform-fastify',
  'platform-socket.io',
  'platform-ws',
  'swagger',
  'terminus',
  'testing',
  'websockets',
];
const manifest = JSON.stringify({
  private: true,
  dependencies: {
    ...Object.fromEntries(PACKAGES.map((name) => [`@nestjs/${name}`, '^11.0.0'])),
    // The majors that go with Nest 11.
    '@nestjs/apollo': '^13.0.0',
    '@nestjs/graphql': '^13.0.0',
    '@nestjs/mercurius': '^13.0.0',
    '@nestjs/passport': '^11.0.0',
  },
});

install();
process.exitCode = run(
  process.execPath,
  ['node_modules/jest/bin/jest.js', '-c', 'jest.nest11.config.js', ...process.argv.slice(2)],
  {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules' },
  },
);

function install() {
  const done = `${home}/installed.json`;
  if (existsSync(done) && readFileSync(done, 'utf8') === manifest) return;
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}/package.json`, manifest);
  // Peers such as rxjs are found in the checkout: there must be one copy of each.
  const flags = ['--legacy-peer-deps', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
  if (run('npm', ['install', ...flags], { cwd: home }) !== 0) process.exit(1);
  writeFileSync(done, manifest);
}

function run(command, args, options) {
  return spawnSync(command, args, { stdio: 'inherit', ...options }).status ?? 1;
}
