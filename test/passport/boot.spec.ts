import { readdirSync, readFileSync } from 'node:fs';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { Controller, Get, Module, Req, type Type } from '@nestjs/common';
import { PassportSerializer } from '@nestjs/passport';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import express from 'express';
import { SessionModule, type SessionError } from 'nest-sessions';
import { PassportSessions } from 'nest-sessions/passport';
import { Browser } from '../support/browser.js';
import { LogSink } from '../support/log-sink.js';
import { closeAll, platforms, SECRET, start } from '../support/platforms.js';
import { property } from './property.app.js';

afterEach(closeAll);

@Controller()
class LookController {
  @Get('look')
  look(@Req() request: any) {
    return { early: request.early, session: typeof request.session };
  }
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as SessionError).code;
  }
};

describe('PassportSessions', () => {
  it('refuses options that are unknown or wrong', () => {
    expect(codeOf(() => PassportSessions.forRoot({ keep: true } as never))).toBe('ERR_OPTIONS');
    expect(codeOf(() => PassportSessions.forRoot({ subject: 'id' } as never))).toBe('ERR_OPTIONS');
    expect(codeOf(() => PassportSessions.forRoot({ login: {} } as never))).toBe('ERR_OPTIONS');
    expect(codeOf(() => PassportSessions.forRoot({}))).toBeUndefined();
  });

  it('names SessionModule where that is not imported', async () => {
    @Module({ imports: [PassportSessions] })
    class WithoutSessions {}
    const module = await Test.createTestingModule({ imports: [WithoutSessions] }).compile();
    const app = module.createNestApplication(new ExpressAdapter(), { logger: false });
    await expect(app.init()).rejects.toThrow('import SessionModule.forRoot() in the root module');
  });

  it('does nothing in an application without HTTP', async () => {
    const imports = [SessionModule.forRoot({ secret: SECRET }), PassportSessions];
    const module = await Test.createTestingModule({ imports }).compile();
    await expect(module.init()).resolves.toBeDefined();
    await module.close();
  });

  it('is missed where users are serialized for sessions', async () => {
    class UserSerializer extends PassportSerializer {
      serializeUser(user: { id: string }, done: (error: unknown, id: string) => void) {
        done(null, user.id);
      }
      deserializeUser(id: string, done: (error: unknown, user: object) => void) {
        done(null, { id });
      }
    }
    const warnings = async (...modules: Type[]) => {
      const log = new LogSink();
      await start('express', { imports: modules, providers: [UserSerializer], prepare: log.attach });
      return log.lines.filter((line) => line.includes('PassportSessions'));
    };
    const missed = await warnings();
    expect(missed).toHaveLength(1);
    expect(missed[0]).toMatch(/^warn: UserSerializer serializes users .* Import PassportSessions/);
    expect(await warnings(PassportSessions)).toEqual([]);
  });

  it('loads nothing but Nest and this library', () => {
    const files = readdirSync('lib/passport').map((file) => readFileSync(`lib/passport/${file}`, 'utf8'));
    const imported = files.flatMap((text) => [...text.matchAll(/ from '([^']+)'/g)].map(([, name]) => name!));
    const foreign = imported.filter((name) => !/^(\.\.?\/|node:|@nestjs\/(common|core)$)/.test(name));
    expect(imported.length).toBeGreaterThan(10);
    expect(foreign).toEqual([]);
  });

  it('leaves req.session undefined where middleware runs before the session is opened, and then has it', async () => {
    const instance = express();
    instance.use((request: any, _response: unknown, next: () => void) => {
      request.early = typeof request.session;
      next();
    });
    const imports = [SessionModule.forRoot({ secret: SECRET }), PassportSessions];
    const module = await Test.createTestingModule({ imports, controllers: [LookController] }).compile();
    const app = module.createNestApplication(new ExpressAdapter(instance), { logger: new LogSink() });
    await app.listen(0, '127.0.0.1');
    try {
      const browser = new Browser(await app.getUrl());
      expect((await browser.get('/look')).json()).toEqual({ early: 'undefined', session: 'object' });
    } finally {
      await app.close();
    }
  });

  it('fails the start where a plugin of Fastify has request.session', async () => {
    const prepare = async (app: any): Promise<void> => {
      await app.register(fastifyCookie);
      await app.register(fastifySession, { secret: SECRET });
    };
    await expect(start('fastify', { ...property(), prepare })).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });

  it.each(platforms)('can be imported by several modules, with one set of options (%s)', async (platform) => {
    const imports = [...property().imports!, PassportSessions];
    const browser = new Browser((await start(platform, { imports })).url);
    await browser.post('/set', { cart: 1 });
    expect((await browser.get('/look')).json().session).toEqual({ cart: 1 });
    const differing = { imports: [...imports, PassportSessions.forRoot({ subject: String })] };
    await expect(start(platform, differing)).rejects.toMatchObject({ code: 'ERR_OPTIONS' });
  });
});
