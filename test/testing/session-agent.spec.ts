import { Body, Controller, Get, Headers, Post, Query, Res } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import { LoginGuard, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { FakeClock, loginAs, sessionAgent, SessionTestingModule } from 'nest-sessions/testing';
import { AgentCookies } from '../../lib/testing/agent-cookies.js';
import { AppController, type Data } from '../support/app.js';
import { platforms } from '../support/platforms.js';
import { boot, closeBooted } from './boot.js';

afterEach(closeBooted);

@Controller('echo')
class EchoController {
  @Post()
  echo(@Body() body: unknown, @Headers('content-type') type: string, @Headers('x-test') test: string) {
    return { body, type, test };
  }

  @Get('cookie')
  cookie(@Headers('cookie') cookie = '') {
    return { cookie };
  }

  @Get('text')
  text(
    @Query('broken') broken: string,
    @Res() response: { header(name: string, value: string): { send(text: string): void } },
  ) {
    response.header('content-type', broken ? 'application/json' : 'text/plain').send('{not json');
  }
}

describe.each(platforms)('an agent on %s', (platform) => {
  const clock = new FakeClock();
  const create = (options: Partial<SessionModuleOptions> = {}) =>
    boot(
      platform,
      Test.createTestingModule({
        imports: [SessionTestingModule.forRoot({ clock, ...options })],
        controllers: [AppController, EchoController],
      }),
    );

  it('keeps the Secure cookie named __Host- over plain HTTP', async () => {
    const agent = sessionAgent(await create());
    expect(agent.cookie).toBe('');
    const login = await agent.post('/login', { user: 'alice' });
    expect(login.headers['set-cookie']).toEqual([expect.stringMatching(/^__Host-session=.*; Secure/)]);
    expect(agent.cookie).toMatch(/^__Host-session=[^;]+$/);
    expect((await agent.get('/me')).body).toEqual({ subject: 'alice' });
  });

  it('is a device of its own', async () => {
    const app = await create();
    const [phone, laptop, nobody] = ['phone', 'laptop', 'tablet'].map((device) =>
      sessionAgent(app, { headers: { 'User-Agent': device } }),
    );
    await phone!.post('/login', { user: 'alice' });
    await loginAs(laptop!, 'alice');
    expect((await nobody!.get('/me')).status).toBe(401);
    const devices = await app.get(SessionService).list('alice');
    expect(devices.map(({ device }) => device.userAgent).sort()).toEqual(['laptop', 'phone']);
    await phone!.post('/revoke-others');
    expect((await laptop!.get('/me')).status).toBe(401);
    expect((await phone!.get('/me')).status).toBe(200);
  });

  it('gives a copy of its cookie away, which is dead after a logout', async () => {
    const agent = sessionAgent(await create());
    await loginAs(agent, 'alice');
    const thief = agent.copy();
    expect(thief.cookie).toBe(agent.cookie);
    expect((await thief.get('/me')).status).toBe(200);
    await agent.post('/logout');
    expect(agent.cookie).toBe('');
    expect(thief.cookie).not.toBe('');
    expect((await thief.get('/me')).status).toBe(401);
  });

  it('follows a rotation, and its copy does not', async () => {
    const agent = sessionAgent(await create());
    await loginAs(agent, 'alice');
    const thief = agent.copy();
    clock.advance('16m');
    await agent.get('/me');
    expect(agent.cookie).not.toBe(thief.cookie);
    await agent.get('/me');
    clock.advance('1m');
    expect((await thief.get('/me')).status).toBe(401);
  });

  it('forgets a cookie whose Max-Age is over by the clock of the application', async () => {
    const agent = sessionAgent(await create());
    await agent.post('/login', { user: 'alice', remember: true });
    clock.advance('30d');
    expect(agent.cookie).not.toBe('');
    clock.advance('2d');
    expect(agent.cookie).toBe('');
  });

  it('sends a cookie below its path only', async () => {
    const agent = sessionAgent(await create({ cookie: { path: '/echo' } }));
    await loginAs(agent, 'alice');
    expect((await agent.get('/echo/cookie?a=1')).body).toEqual({ cookie: agent.cookie });
    expect((await agent.get('/me')).status).toBe(401);
  });

  it('logs in by loginAs() with data, and its former session ends', async () => {
    const app = await create();
    const agent = sessionAgent(app);
    await loginAs(agent, 'bob');
    const former = agent.copy();
    const cookie = await loginAs<Data>(agent, 'carol', { data: { cart: ['tea'] } });
    expect(cookie).toBe(agent.cookie);
    expect((await agent.get('/look')).body).toMatchObject({ subject: 'carol', data: { cart: ['tea'] } });
    expect((await former.get('/me')).status).toBe(401);
    expect(await app.get(SessionService).list('bob')).toEqual([]);
  });

  it('says what to import where there is no SessionModule', async () => {
    const app = await boot(platform, Test.createTestingModule({}));
    const message =
      'this application has no SessionModule. Import SessionModule.forRoot() in the root module';
    expect(() => sessionAgent(app)).toThrow(`sessionAgent(): ${message}`);
    await expect(loginAs(app, 'alice')).rejects.toThrow(`loginAs(): ${message}`);
    await expect(Test.createTestingModule({ providers: [LoginGuard] }).compile()).rejects.toThrow(
      /LoginGuard.*import SessionModule\.forRoot\(\) in the root module/,
    );
  });

  it.each(['', undefined, 7])('is not logged in as nobody: %j', async (subject) => {
    const app = await create();
    for (const target of [app, sessionAgent(app)])
      await expect(loginAs(target, subject as never)).rejects.toMatchObject({ code: 'ERR_SUBJECT' });
  });

  it('lets a cookie of the request come before its own', async () => {
    const agent = sessionAgent(await create());
    await loginAs(agent, 'alice');
    const { body } = await agent.get('/echo/cookie', { headers: { Cookie: 'a=b' } });
    expect(body).toEqual({ cookie: 'a=b' });
  });

  it('is no browser, unless it says so', async () => {
    const agent = sessionAgent(await create());
    await loginAs(agent, 'alice');
    expect((await agent.post('/data', { n: 1 })).status).toBe(200);
    const forged = await agent.post('/data', { n: 2 }, { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(forged.status).toBe(403);
    expect(forged.body).toMatchObject({ code: 'ERR_CROSS_ORIGIN' });
    expect((await agent.get('/look')).body).toMatchObject({ data: { n: 1 } });
  });

  it.each([
    ['an object as JSON', { a: [1] }, 'application/json', { a: [1] }],
    [
      'parameters as a form',
      new URLSearchParams({ a: 'ä' }),
      'application/x-www-form-urlencoded',
      { a: 'ä' },
    ],
  ])('sends %s', async (_, sent, type, body) => {
    const agent = sessionAgent(await create(), { headers: { 'x-test': 'agent' } });
    const answer = await agent.post('/echo', sent, { headers: { 'X-Test': 'request' } });
    expect(answer.body).toEqual({ body, type, test: 'request' });
  });

  it('sends a text as it is', async () => {
    const agent = sessionAgent(await create());
    const answer = await agent.post('/echo', '{"a":1}', { headers: { 'Content-Type': 'application/json' } });
    expect(answer.body).toMatchObject({ body: { a: 1 } });
  });

  it('has a text where a body is not JSON', async () => {
    const agent = sessionAgent(await create());
    expect(await agent.get('/echo/text')).toMatchObject({
      status: 200,
      text: '{not json',
      body: '{not json',
    });
    expect((await agent.get('/echo/text?broken=1')).body).toBe('{not json');
  });

  it('starts the application, however many come first', async () => {
    const app = await create();
    const answers = await Promise.all([1, 2, 3].map(() => sessionAgent(app).get('/untouched')));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('uses an application that listens already', async () => {
    const app = await create();
    await app.listen(0);
    const { port } = app.getHttpServer().address() as { port: number };
    expect((await sessionAgent(app).get('/untouched')).status).toBe(200);
    expect(app.getHttpServer().address()).toMatchObject({ port });
  });

  it('shares an application with supertest', async () => {
    const app = await create();
    const agent = sessionAgent(app);
    await loginAs(agent, 'alice');
    expect((await agent.get('/me')).status).toBe(200);
    await request(app.getHttpServer())
      .get('/me')
      .set('Cookie', agent.cookie)
      .expect(200, { subject: 'alice' });
  });
});

describe('the cookies of an agent', () => {
  it.each<[string, string, string, boolean]>([
    ['/', '/', '/a', true],
    ['/a', '/', '/a', true],
    ['/a', '/', '/a/b', true],
    ['/a', '/', '/ab', false],
    ['/a/', '/', '/a/b', true],
    ['/a/', '/', '/a', false],
    ['', '/shop/cart', '/shop/list', true],
    ['', '/shop/cart', '/', false],
    ['', '/shop', '/other', true],
    ['no-path', '/shop/cart', '/shop', true],
  ])('follow the Path %j of a response to %s: sent to %s or not', (path, from, to, sent) => {
    const cookies = new AgentCookies(new FakeClock());
    cookies.keep(path === '' ? 'a=1' : `a=1; Path=${path}`, from);
    expect(cookies.header(to)).toBe(sent ? 'a=1' : '');
  });

  it('are sent with those of longer paths first, as they came', () => {
    const cookies = new AgentCookies(new FakeClock());
    cookies.keep('a=%20; Path=/');
    cookies.keep('b=2; Path=/shop; Secure; HttpOnly; Domain=example.com');
    expect(cookies.header('/shop')).toBe('b=2; a=%20');
    cookies.keep('a=3; Path=/');
    expect(cookies.header('/shop')).toBe('b=2; a=3');
  });

  it.each([
    ['Max-Age=60', true],
    ['Max-Age=0', false],
    ['Max-Age=-1', false],
    ['Expires=Thu, 01 Jan 1970 00:00:00 GMT', false],
    [`Expires=${new Date(Date.now() + 60_000).toUTCString()}`, true],
    ['Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', true],
  ])('live by %s', (attribute, lives) => {
    const clock = new FakeClock();
    const cookies = new AgentCookies(clock);
    cookies.keep(`a=1; ${attribute}`);
    expect(cookies.header()).toBe(lives ? 'a=1' : '');
  });

  it('end by the clock of the application', () => {
    const clock = new FakeClock();
    const cookies = new AgentCookies(clock);
    cookies.keep('a=1; Max-Age=60');
    clock.advance(59_999);
    expect(cookies.header()).toBe('a=1');
    clock.advance(1);
    expect(cookies.header()).toBe('');
  });
});
