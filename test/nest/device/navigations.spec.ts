import { closeAll, platforms } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

/** What a browser sends with a link that another site begins. */
const LINK = {
  'sec-fetch-site': 'cross-site',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  accept: 'text/html',
};

describe.each(platforms)('a navigation without the bound cookie on %s', (platform) => {
  const idle = async (options = {}) => {
    const running = await startBound(platform, options);
    await running.browser.bind();
    running.clock.advance('11m');
    return running;
  };

  for (const site of ['cross-site', 'same-site']) {
    it(`that a page of another origin began (${site}) is asked to come again, by a page that is not cached`, async () => {
      const { browser } = await idle();
      for (const path of ['/me', '/look', '/nowhere']) {
        const response = await browser.get(path, { headers: { ...LINK, 'sec-fetch-site': site } });
        expect([response.status, response.headers['cache-control'], response.setCookies]).toEqual([
          401,
          expect.stringContaining('no-store'),
          [],
        ]);
        expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
        expect(response.body).toContain('<meta http-equiv="refresh" content="0">');
      }
    });
  }

  it.each([
    ['by the page itself', { ...LINK, 'sec-fetch-site': 'same-origin' }],
    ['from the address bar', { ...LINK, 'sec-fetch-site': 'none' }],
    ['not as a navigation', { ...LINK, 'sec-fetch-mode': 'cors' }],
    ['by a client that says nothing', {}],
  ])('that comes %s is answered by the application', async (_how, headers) => {
    const { browser } = await idle();
    const response = await browser.get('/me', { headers });
    expect(response.status).toBe(401);
    expect(response.body).not.toContain('refresh');
    expect((await browser.get('/look', { headers })).json()).toMatchObject({ subject: null });
  });

  it('that changes something is refused as every other', async () => {
    const { browser } = await idle({ crossOrigin: 'allow' });
    const response = await browser.post('/xhr', undefined, { headers: LINK });
    expect([response.status, response.body.includes('refresh')]).toEqual([401, false]);
  });

  it('of a session that ended, or of nobody, is answered by the application', async () => {
    const { browser, sessions } = await idle();
    await sessions.revokeAll('alice');
    expect((await browser.get('/me', { headers: LINK })).body).not.toContain('refresh');
  });

  it('with a bound cookie is served', async () => {
    const { browser } = await startBound(platform);
    await browser.bind();
    expect((await browser.get('/me', { headers: LINK })).json()).toEqual({ subject: 'alice' });
  });
});
