import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Controller, Get, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { LoginGuard, Logout, Session, SessionModule, SessionService } from 'nest-sessions';

/** Attacks an application with the program of the installed package, found as `npx nest-sessions` finds it. */
const run = promisify(execFile);
const BIN = join('node_modules', '.bin', 'nest-sessions');
const { NODE_OPTIONS: _, ...env } = process.env;

@Controller()
class AppController {
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

  @Post('logout')
  @Logout()
  logout() {
    return {};
  }
}

@Module({
  imports: [SessionModule.forRoot({ secret: 'k2n8Wq0Zt5Yx7Vb3Rm6Pc9Ld1Jf4HgAsE0uTiOy' })],
  controllers: [AppController],
})
class AppModule {}

const CONFIG = {
  users: { first: { name: 'alice' } },
  login: { path: '/login' },
  logout: { path: '/logout' },
  read: { path: '/me', loggedIn: { json: { '/subject': '{{name}}' } } },
};

const directory = mkdtempSync(join(tmpdir(), 'nest-sessions-attack-'));
const app = await NestFactory.create(AppModule, new ExpressAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
try {
  const config = join(directory, 'attack.json');
  const report = join(directory, 'report.json');
  writeFileSync(config, JSON.stringify(CONFIG));
  const args = ['attack', await app.getUrl(), '--config', config, '--json', report];
  const { stdout } = await run(process.execPath, [BIN, ...args], { env });
  assert.match(stdout, / Passed\.\n$/);
  const { passed, counts } = JSON.parse(readFileSync(report, 'utf8')) as {
    passed: boolean;
    counts: { passed: number };
  };
  assert.deepEqual([passed, counts.passed > 25], [true, true]);
  const { stdout: list } = await run('npx', ['--no', 'nest-sessions', 'attack', '--list'], { env });
  assert.match(list, /^logout /m);
  assert.ok(readFileSync(join('node_modules', 'nest-sessions', 'attack.schema.json')).length > 0);
} finally {
  await app.close();
  rmSync(directory, { recursive: true });
}
