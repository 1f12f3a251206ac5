import { AppController } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';

afterEach(closeAll);

describe.each(sites)('login and logout on %s', (site) => {
  it('kills the captured cookie at logout', async () => {
    const { url } = await start(site, { controllers: [AppController] });
    const browser = new Browser(url);
    expect((await browser.get('/me')).status).toBe(401);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    const captured = browser.cookie;
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
    expect((await browser.get('/me', { cookie: captured })).status).toBe(200);
    expect((await browser.post('/logout')).status).toBe(200);
    expect(browser.cookie).toBe('');
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
  });

  if (site.backend.keepsOverlappingWrites) {
    it('keeps what two overlapping requests write', async () => {
      const { url } = await start(site, { controllers: [AppController] });
      const browser = new Browser(url);
      await browser.post('/data', { a: 1 });
      await Promise.all([browser.post('/data', { b: 2 }), browser.post('/data', { c: 3 })]);
      expect((await browser.get('/look')).json()).toMatchObject({
        data: { a: 1, b: 2, c: 3 },
        state: 'clean',
      });
    });
  }

  it('asks for a re-login after the window', async () => {
    const { url, clock } = await start(site, { controllers: [AppController] });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('5m');
    expect((await browser.get('/sensitive')).status).toBe(200);
    clock.advance('1s');
    const refused = await browser.get('/sensitive');
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toContain('max_age="300"');
    const before = browser.cookie;
    await browser.post('/relogin', {});
    expect((await browser.get('/sensitive')).status).toBe(200);
    expect((await browser.get('/me', { cookie: before })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
  });
});
