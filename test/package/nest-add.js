import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, run } from './checks.js';

const nest = fileURLToPath(new URL('../../node_modules/@nestjs/cli/bin/nest.js', import.meta.url));

/** The packages of a fresh application that a build and a start do not need: they take a minute to install. */
const SPARED = /oxlint|prettier|vite|vitest|supertest|mau|observe|jest|testing|eslint/;

/** `nest new`, `nest add nest-sessions` with the packed package, a build, a start, and a login with what is in `.env`. */
export async function checkNestAdd(home, tarball) {
  const directory = join(home, 'nest-add');
  mkdirSync(directory);
  const app = join(directory, 'app');
  const { NODE_OPTIONS: _, SESSION_SECRET: __, ...env } = process.env;
  const here = { cwd: app, env };
  await check('nest add nest-sessions: wires a fresh application of nest new', async () => {
    const fresh = ['new', 'app', '--skip-install', '--skip-git', '--package-manager=npm', '--no-observe'];
    await run(process.execPath, [nest, ...fresh], { cwd: directory, env });
    spare(app);
    const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    await run('npm', ['install', ...flags, `file:${tarball}`], here);
    await run('npx', ['--no', 'nest', 'add', 'nest-sessions', '--skip-install'], here);
    assert.match(readFileSync(join(app, '.env'), 'utf8'), /^SESSION_SECRET=[\w-]{43}$/m);
    assert.match(readFileSync(join(app, 'src', 'app.module.ts'), 'utf8'), /SessionModule\.forRoot\(/);
  });
  await check('nest add nest-sessions: runs again without a change', async () => {
    const texts = () => ['.env', 'src/app.module.ts'].map((name) => readFileSync(join(app, name), 'utf8'));
    const before = texts();
    await run('npx', ['--no', 'nest', 'add', 'nest-sessions', '--skip-install'], here);
    assert.deepEqual(texts(), before);
  });
  await check('nest add nest-sessions: the application builds, starts and logs in', async () => {
    writeFileSync(join(app, 'src', 'app.controller.ts'), CONTROLLER);
    await run('npm', ['run', 'build'], here);
    await logsIn(app, env);
  });
  await check('nest-sessions doctor: is content with the application', async () => {
    const args = ['--no', 'nest-sessions', 'doctor', 'dist/app.module.js', '--env', '.env'];
    const said = await run('npx', args, here);
    assert.match(said, /, 0 problems\.\n$/);
  });
}

function spare(app) {
  const file = join(app, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const section of ['dependencies', 'devDependencies'])
    for (const name of Object.keys(manifest[section])) if (SPARED.test(name)) delete manifest[section][name];
  writeFileSync(file, JSON.stringify(manifest, null, 2));
  // The types of the test runner are among them.
  const tsconfig = join(app, 'tsconfig.json');
  writeFileSync(tsconfig, readFileSync(tsconfig, 'utf8').replace('"vitest/globals", ', ''));
}

const CONTROLLER = `import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { LoginGuard, Session, SessionService } from 'nest-sessions';

@Controller()
export class AppController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  login() {
    return this.sessions.login('alice');
  }

  @Get('me')
  @UseGuards(LoginGuard)
  me(@Session() session: Session) {
    return { subject: session.subject };
  }
}
`;

async function logsIn(app, env) {
  const port = await freePort();
  const server = spawn('npm', ['start'], { cwd: app, env: { ...env, PORT: String(port) }, detached: true });
  let said = '';
  server.stdout.on('data', (chunk) => (said += chunk));
  server.stderr.on('data', (chunk) => (said += chunk));
  try {
    const url = `http://localhost:${port}`;
    await answers(`${url}/me`, server, () => said);
    assert.equal((await fetch(`${url}/me`)).status, 401);
    const login = await fetch(`${url}/login`, { method: 'POST' });
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const me = await fetch(`${url}/me`, { headers: { cookie } });
    assert.deepEqual([me.status, await me.json()], [200, { subject: 'alice' }]);
  } finally {
    // The program that npm started as well.
    process.kill(-server.pid);
    await once(server, 'close');
  }
}

async function answers(url, server, said) {
  for (let tries = 0; tries < 300; tries++) {
    if (server.exitCode !== null) break;
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`The application does not answer.\n${said()}`);
}

async function freePort() {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
