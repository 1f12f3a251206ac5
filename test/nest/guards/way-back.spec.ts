import { Controller, Post } from '@nestjs/common';
import { Relogin } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';

afterEach(closeAll);

const HTML = { accept: 'text/html,*/*;q=0.8' };

@Controller()
class SettingsController {
  @Post('settings')
  @Relogin('5m')
  settings() {
    return { ok: true };
  }
}

describe.each(platforms)('the way back of a form that was refused, on %s', (platform) => {
  const next = async (trustProxy: boolean, headers: Record<string, string>) => {
    const { url, clock } = await start(platform, {
      controllers: [AppController, SettingsController],
      options: { relogin: { url: '/again' }, idle: '1h' },
      trustProxy,
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    clock.advance('6m');
    const answer = await browser.post('/settings', {}, { headers: { ...HTML, ...headers } });
    expect(answer.status).toBe(303);
    return new URL(answer.headers.location!, url).searchParams.get('next');
  };
  const page = 'https://shop.example/settings?tab=2';

  it('is kept behind a trusted proxy that writes another Host', async () => {
    const proxied = {
      host: 'internal:3000',
      'x-forwarded-host': 'shop.example',
      'x-forwarded-proto': 'https',
    };
    expect(await next(true, { ...proxied, referer: page })).toBe('/settings?tab=2');
    expect(await next(true, { ...proxied, referer: 'https://evil.example/settings' })).toBe('/');
    expect(await next(true, { ...proxied, referer: 'https://internal:3000/settings' })).toBe('/');
  });

  it('is kept where the browser says that the page is one of this origin', async () => {
    const sent = { host: 'internal:3000', 'sec-fetch-site': 'same-origin' };
    expect(await next(false, { ...sent, referer: page })).toBe('/settings?tab=2');
    expect(await next(false, { ...sent, referer: 'https://shop.example//evil.example' })).toBe('/');
  });

  it('is lost where nobody says so', async () => {
    const proxied = { host: 'internal:3000', 'x-forwarded-host': 'shop.example' };
    expect(await next(false, { ...proxied, referer: page })).toBe('/');
  });

  it('is kept with the default port in the Host or without', async () => {
    expect(await next(false, { host: 'shop.example:443', referer: page })).toBe('/settings?tab=2');
    expect(await next(false, { host: 'shop.example:8443', referer: page })).toBe('/');
  });
});
