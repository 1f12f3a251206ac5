import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { LoginGuard, Public, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { rawGet } from '../../support/raw-request.js';

afterEach(closeAll);

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

@Controller('shop')
@UseGuards(LoginGuard)
class ShopController {
  @Get('orders')
  orders() {
    return { ok: true };
  }

  @Post('orders')
  order() {
    return { ok: true };
  }

  @Get('sign-in')
  @Public()
  signIn() {
    return { ok: true };
  }

  @Get('forgotten')
  forgotten() {
    return { ok: true };
  }

  @Get('*')
  rest() {
    return { ok: true };
  }
}

async function open(platform: PlatformName, options: Partial<SessionModuleOptions>) {
  const sink = new LogSink();
  const running = await start(platform, {
    controllers: [AppController, ShopController],
    options,
    prepare: sink.attach,
  });
  return { ...running, sink, browser: new Browser(running.url) };
}

const seen = ({ status, headers }: Answer) => [status, headers.location];

describe.each(platforms)('the login page on %s', (platform) => {
  const login = { url: '/shop/sign-in' };

  it('is where a browser is sent that is not logged in, with the path to return to', async () => {
    const { browser } = await open(platform, { login: { url: '/shop/sign-in?theme=dark#form' } });
    const answer = await browser.get('/shop/orders?a=1&b=%2F', { headers: HTML });
    expect(seen(answer)).toEqual([
      303,
      '/shop/sign-in?theme=dark&next=%2Fshop%2Forders%3Fa%3D1%26b%3D%252F#form',
    ]);
    expect(answer.headers.vary).toBe('Accept, Cookie');
    expect(answer.headers['cache-control']).toContain('private');
    expect(answer.json()).toMatchObject({ statusCode: 303, error: 'See Other', code: 'ERR_LOGIN_REQUIRED' });
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/shop/orders', { headers: HTML })).status).toBe(200);
  });

  it.each(['application/json', '*/*', ''])('is not for an API client: %j', async (accept) => {
    const { browser } = await open(platform, { login });
    const answer = await browser.get('/shop/orders', { headers: { accept } });
    expect(seen(answer)).toEqual([401, undefined]);
    expect(answer.json()).toMatchObject({ error: 'Unauthorized', code: 'ERR_LOGIN_REQUIRED' });
    expect(answer.headers['www-authenticate']).toBe('Session');
    expect(answer.headers.vary).toBe('Accept, Cookie');
  });

  it('is for nobody without the option', async () => {
    const { browser } = await open(platform, { relogin: { url: '/again' } });
    expect(seen(await browser.get('/shop/orders', { headers: HTML }))).toEqual([401, undefined]);
  });

  it('is where @Relogin() sends who is not logged in at all', async () => {
    const { browser, clock } = await open(platform, { login, relogin: { url: '/again' } });
    expect(seen(await browser.get('/sensitive', { headers: HTML }))).toEqual([
      303,
      '/shop/sign-in?next=%2Fsensitive',
    ]);
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    expect(seen(await browser.get('/sensitive', { headers: HTML }))).toEqual([
      303,
      '/again?next=%2Fsensitive',
    ]);
  });

  it('is where a client is sent whose login was evicted', async () => {
    const { browser, url } = await open(platform, { login, maxSessions: 1 });
    await browser.post('/login', { user: 'alice' });
    await new Browser(url).post('/login', { user: 'alice' });
    const answer = await browser.get('/me', { headers: HTML });
    expect(seen(answer)).toEqual([303, '/shop/sign-in?next=%2Fme']);
    expect(answer.json()).toMatchObject({ error: 'See Other', code: 'ERR_SESSION_EVICTED' });
  });

  it('keeps the page of a form that was sent, and no other site’s', async () => {
    const { browser, url } = await open(platform, { login });
    const next = async (referer: string) => {
      const answer = await browser.post('/shop/orders', {}, { headers: { ...HTML, referer } });
      expect(answer.status).toBe(303);
      return new URL(answer.headers.location!, url).searchParams.get('next');
    };
    expect(await next(`${url}/shop/cart?page=2`)).toBe('/shop/cart?page=2');
    expect(await next('https://evil.example/shop/cart')).toBe('/');
    expect(await next(`${url}//evil.example`)).toBe('/');
  });

  it.each([
    ['/shop//evil.example', '/shop//evil.example'],
    ['http://evil.example/shop/orders', '/'],
    ['/shop/x?next=//evil.example', '/shop/x?next=//evil.example'],
  ])('gets only a path of this site to return to: %s', async (target, next) => {
    const { url } = await open(platform, { login });
    const { status, location } = await rawGet(url, target, HTML);
    // A framework may well have no route for such a target.
    if (status === 404) return expect(location).toBeUndefined();
    expect(status).toBe(303);
    expect(new URL(location!, url).searchParams.get('next')).toBe(next);
  });

  it('that is itself guarded answers 401, and the log says how to open it', async () => {
    const { browser, sink } = await open(platform, { login: { url: '/shop/forgotten?x=1' } });
    for (const path of ['/shop/forgotten', '/shop/forgotten?next=%2F'])
      expect(seen(await browser.get(path, { headers: HTML }))).toEqual([401, undefined]);
    const told = sink.lines.filter((line) => line.includes('login.url'));
    expect(told).toEqual([expect.stringContaining('@Public()')]);
  });
});

describe('the option login.url', () => {
  it.each<[unknown, RegExp]>([
    ['https://evil.example/', /login\.url: a path of this application/],
    ['//evil.example', /login\.url: a path/],
    ['/\\evil.example', /login\.url: a path/],
    ['login', /login\.url: a path/],
    ['/log in', /login\.url: a path/],
    [5, /login\.url: a path/],
    ['/anmeldung/für', /login\.url: it has characters.*'\/anmeldung\/f%C3%BCr'/],
  ])('is refused at boot for %j', async (url, message) => {
    const options = { login: { url } } as never;
    await expect(start('express', { options })).rejects.toThrow(message);
  });

  it('has no other name', async () => {
    const options = { login: { page: '/login' } } as never;
    await expect(start('express', { options })).rejects.toThrow(/Unknown option "login\.page"/);
  });
});
