import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, Module, Post, UseGuards, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { LoginGuard, Logout, Relogin, Session, SessionModule, SessionService } from 'nest-sessions';
import { FakeClock, fakeSession, fakeSessionService, loginAs, sessionAgent } from 'nest-sessions/testing';

export type Platform = 'express' | 'fastify';

const clock = new FakeClock();

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

  @Get('sensitive')
  @Relogin('5m')
  sensitive() {
    return {};
  }

  @Post('logout')
  @Logout()
  logout() {
    return {};
  }
}

/** Starts an application that was made from the installed package, and logs in and out over HTTP. */
export async function tellStory(platform: Platform, providers: Type[] = []): Promise<INestApplication> {
  @Module({
    imports: [SessionModule.forRoot({ secret: 'k2n8Wq0Zt5Yx7Vb3Rm6Pc9Ld1Jf4HgAsE0uTiOy', clock })],
    controllers: [AppController],
    providers,
  })
  class AppModule {}

  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, adapter, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  try {
    await loginAndLogout(await app.getUrl());
    await helpers(app);
    await agents(app);
    await fakes();
    await withoutValidator();
  } finally {
    await app.close();
  }
  return app;
}

async function loginAndLogout(url: string): Promise<void> {
  assert.equal((await ask(url, 'GET', '/me')).status, 401);
  const login = await ask(url, 'POST', '/login');
  assert.equal(login.status, 201);
  const captured = login.headers.getSetCookie()[0]!.split(';')[0]!;
  assert.match(captured, /^__Host-session=s/);
  assert.equal((await ask(url, 'GET', '/me', captured)).status, 200);
  assert.equal((await ask(url, 'POST', '/logout', captured)).status, 201);
  assert.equal((await ask(url, 'GET', '/me', captured)).status, 401);
}

async function helpers(app: INestApplication): Promise<void> {
  const url = await app.getUrl();
  const cookie = await loginAs(app, 'bob');
  assert.equal(await (await ask(url, 'GET', '/me', cookie)).text(), '{"subject":"bob"}');
  const [session] = await app.get(SessionService).list('bob');
  assert.equal((await ask(url, 'GET', '/sensitive', cookie)).status, 200);
  clock.advance('6m');
  assert.equal((await ask(url, 'GET', '/sensitive', cookie)).status, 401);
  assert.equal(await app.get(SessionService).revoke(session!.id), 1);
  assert.equal((await ask(url, 'GET', '/me', cookie)).status, 401);
}

async function agents(app: INestApplication): Promise<void> {
  const agent = sessionAgent(app);
  await loginAs(agent, 'carol');
  const thief = agent.copy();
  assert.deepEqual((await thief.get('/me')).body, { subject: 'carol' });
  assert.equal((await agent.post('/logout')).status, 201);
  assert.equal((await thief.get('/me')).status, 401);
}

async function fakes(): Promise<void> {
  const session = await fakeSession({ subject: 'dave' });
  await new AppController(fakeSessionService(session)).login();
  assert.equal(session.subject, 'alice');
}

/** No application needs class-validator, but for one that gives a class. */
async function withoutValidator(): Promise<void> {
  class Data {
    theme?: string;
  }
  await assert.rejects(fakeSession({}, { data: Data }), ({ code, message }: Error & { code?: string }) => {
    assert.equal(code, 'ERR_OPTIONS');
    assert.match(message, /npm install class-validator class-transformer/);
    return true;
  });
}

const ask = (url: string, method: string, path: string, cookie?: string): Promise<Response> =>
  fetch(url + path, { method, headers: cookie === undefined ? {} : { cookie } });
