import type { Type } from '@nestjs/common';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { DeviceBound, LoginGuard, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../support/app.js';
import { BindingBrowser } from '../support/device.js';
import { closeAll, platforms, start } from '../support/platforms.js';
import { load } from './examples.js';

afterEach(closeAll);

@Controller()
class VaultController {
  @Get('vault')
  @DeviceBound()
  vault() {
    return { ok: true };
  }

  @Get('account')
  @UseGuards(LoginGuard)
  account() {
    return { ok: true };
  }
}

const html = { headers: { accept: 'text/html,application/xhtml+xml' } };

describe.each(platforms)('the recipe for pages without a bound session on %s', (platform) => {
  async function open(deviceBound: SessionModuleOptions['deviceBound'] = true) {
    const { NotBoundFilter } = await load<{ NotBoundFilter: Type }>(
      'docs/recipes.md',
      'Without a bound session',
    );
    const { url, clock } = await start(platform, {
      controllers: [AppController, VaultController],
      providers: [{ provide: APP_FILTER, useClass: NotBoundFilter }],
      options: { deviceBound },
    });
    return { browser: new BindingBrowser(url), clock };
  }

  it('has a page ask again, once, and lets it through as soon as the session is bound', async () => {
    const { browser } = await open();
    await browser.login();
    const first = await browser.get('/vault?a=b%20c', html);
    expect([first.status, first.headers.refresh]).toEqual([403, '1; url=?a=b+c&again=1']);
    expect(first.headers['content-type']).toBe('text/html; charset=utf-8');
    const second = await browser.get('/vault?a=b+c&again=1', html);
    expect([second.status, second.headers.refresh]).toEqual([403, undefined]);
    expect(second.body).toContain('<a href="/login">');
    await browser.bind();
    expect((await browser.get('/vault?a=b+c&again=1', html)).status).toBe(200);
  });

  it('leaves other requests and other refusals as they are', async () => {
    const { browser } = await open();
    expect((await browser.get('/vault', html)).json()).toMatchObject({ code: 'ERR_LOGIN_REQUIRED' });
    await browser.login();
    const { status, headers, json } = await browser.get('/vault');
    expect([status, headers.refresh, json()]).toMatchObject([
      403,
      undefined,
      { code: 'ERR_DEVICE_REQUIRED' },
    ]);
  });

  it("is for require: 'always' as well", async () => {
    const { browser, clock } = await open({ require: 'always' });
    await browser.login();
    expect((await browser.get('/account', html)).status).toBe(200);
    clock.advance('11s');
    const refused = await browser.get('/account', html);
    expect([refused.status, refused.headers.refresh]).toEqual([403, '1; url=?again=1']);
  });
});

describe.each(platforms)('a copy without the bound cookie on %s', (platform) => {
  it.each([
    ['a logout', '/logout', {}],
    ['a login of another user', '/login', { user: 'mallory' }],
  ])('ends the session by %s', async (_, path, body) => {
    const { url, clock } = await start(platform, {
      controllers: [AppController, VaultController],
      options: { deviceBound: true },
    });
    const browser = new BindingBrowser(url);
    await browser.bind();
    clock.advance('1m');
    const thief = { cookie: browser.unbound };
    expect((await browser.get('/account', thief)).status).toBe(401);
    expect((await browser.get('/account')).status).toBe(200);
    expect((await new BindingBrowser(url).post(path, body, thief)).status).toBe(200);
    expect((await browser.get('/account')).status).toBe(401);
  });
});
