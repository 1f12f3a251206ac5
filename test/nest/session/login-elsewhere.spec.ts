import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { isSessionError, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

/** What a handler gives to login(), since JSON has no Date. */
const given: { options: object } = { options: {} };

@Controller()
class AdoptController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('adopt')
  @HttpCode(200)
  async adopt(@Body() { user = 'alice' }: { user?: string }) {
    try {
      await this.sessions.login(user, given.options);
      return { code: null };
    } catch (error) {
      if (isSessionError(error)) return { code: error.code, message: error.message };
      throw error;
    }
  }
}

describe.each(sites)('a login that was given elsewhere, on %s', (site) => {
  async function open() {
    const store = site.backend.over(new SpyStore());
    const running = await start(site, { controllers: [AppController, AdoptController], options: { store } });
    const browser = new Browser(running.url);
    const adopt = async (options: object) => {
      given.options = options;
      return (await browser.post('/adopt', {})).json<{ code: string | null; message?: string }>();
    };
    return { ...running, browser, adopt, now: () => running.clock.now() };
  }

  it('is as fresh as its proof is', async () => {
    const { browser, adopt, now, clock } = await open();
    for (const at of [now() - 240_000, new Date(now() - 240_000)]) {
      expect(await adopt({ authenticatedAt: at })).toEqual({ code: null });
      expect((await browser.get('/sensitive')).status).toBe(200);
    }
    clock.advance('1m');
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('1ms');
    expect((await browser.get('/sensitive')).status).toBe(401);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
    expect(await adopt({ authenticatedAt: new Date('2026-01-01'), factor: 'otp' })).toEqual({ code: null });
    expect((await browser.get('/otp')).status).toBe(401);
  });

  it.each<[string, (now: number) => unknown, RegExp]>([
    ['undefined', () => undefined, /not undefined\..*counts as fresh/],
    ['null', () => null, /not null\./],
    ['NaN', () => NaN, /not NaN\./],
    ['an invalid date', () => new Date('yesterday'), /not an invalid Date\./],
    ['a text', () => '2026-01-01', /not a value of type string\./],
    ['true', () => true, /not a value of type boolean\./],
    ['seconds', (now) => Math.floor(now / 1000), /auth_time of OpenID Connect, give a thousandfold/],
    ['the epoch', () => 0, /not 0: a time before 1973 is taken for seconds\./],
    [
      'the epoch as a date',
      () => new Date(0),
      /not 1970-01-01T00:00:00\.000Z: a time before 1973 is taken for/,
    ],
    ['Infinity', () => Infinity, /not Infinity\./],
    ['a moment that is to come', (now) => now + 5_001, /6 seconds in the future/],
    ['a date that is to come', (now) => new Date(now + 3_600_000), /3600 seconds in the future/],
    ['microseconds', (now) => now * 1000, /seconds in the future/],
  ])('is refused with a proof that is no time of the past: %s', async (_, at, told) => {
    const { browser, adopt, now } = await open();
    await browser.post('/login', { user: 'bob' });
    const refused = await adopt({ authenticatedAt: at(now()) });
    expect(refused).toEqual({ code: 'ERR_OPTIONS', message: expect.stringMatching(told) as string });
    expect((await browser.get('/me')).json()).toEqual({ subject: 'bob' });
  });

  it('is of this moment where the other clock is a little ahead', async () => {
    const { browser, adopt, now, clock } = await open();
    expect(await adopt({ authenticatedAt: now() + 5_000 })).toEqual({ code: null });
    clock.advance('5m');
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('1ms');
    expect((await browser.get('/sensitive')).status).toBe(401);
  });

  it('is of this moment without a time', async () => {
    const { browser, adopt } = await open();
    expect(await adopt({})).toEqual({ code: null });
    expect((await browser.get('/sensitive')).status).toBe(200);
  });
});

describe('a subject that is none', () => {
  it.each<[unknown, RegExp]>([
    [7, /is a number: convert it with String\(id\)/],
    [undefined, /is undefined: was the user found\?/],
    [{ id: 'secret-id' }, /is a value of type object: give the id alone/],
    ['', /is an empty string/],
    ['x'.repeat(256), /is a string of 256 characters/],
    ['a\0', /is a string with such a character/],
  ])('is told with login() and without its value: %j', async (subject, told) => {
    const { app } = await start('express', {});
    const list = app.get<SessionService>(SessionService).list(subject as string);
    await expect(list).rejects.toMatchObject({ code: 'ERR_SUBJECT' });
    const { message } = (await list.catch((error: Error) => error)) as Error;
    expect(message).toMatch(/^The subject must be the id of a user, as login\(\) takes it: /);
    expect(message).toMatch(told);
    expect(message).not.toContain('secret-id');
  });
});
