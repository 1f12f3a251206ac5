import { MemoryStore, type SessionModuleOptions } from 'nest-sessions';
import { fromCookieSession } from 'nest-sessions/migrate';
import { startBound } from '../nest/device/device.app.js';
import { AppController } from '../support/app.js';
import { BindingBrowser, registrationIn } from '../support/device.js';
import { closeAll, platforms, start } from '../support/platforms.js';

afterEach(closeAll);

const HOUR = 3_600_000;
const OFFER = 'secure-session-registration';

/** Whoever came over has a copy of the old credential at most, and must not bind the session by that. */
describe.each(platforms)('a session that came over to %s, with device-bound sessions', (platform) => {
  /** An application, and a browser with the cookies of a login an hour ago; `null` for a visitor who has not logged in. */
  async function open(deviceBound: SessionModuleOptions['deviceBound'], subject: string | null = 'alice') {
    const running = await startBound(platform, {
      deviceBound,
      migrate: [
        fromCookieSession({
          keys: { verify: (_, digest) => digest === 'good' },
          until: Date.UTC(2100, 0, 1),
          map: () => ({ subject, data: { cart: 1 }, loggedInAt: running.clock.now() - HOUR }),
        }),
      ],
    });
    const { browser, url } = running;
    const cookies = [`session=${Buffer.from('{}').toString('base64')}`, 'session.sig=good'];
    for (const one of cookies)
      browser.jar.setCookieSync(`${one}; Path=/; Secure`, url.replace('http:', 'https:'));
    return running;
  }

  it.each(['/relogin', '/login'])('is offered a key by %s, and by nothing before', async (path) => {
    const { browser, clock, told } = await open(true);
    const over = await browser.get('/me');
    expect([over.status, over.headers[OFFER], told('migrated').length]).toEqual([200, undefined, 1]);
    clock.advance('2m');
    for (const request of [
      browser.get('/me'),
      browser.post('/data', { a: 1 }),
      browser.post('/regenerate', {}),
    ])
      expect((await request).headers[OFFER]).toBeUndefined();
    const again = await browser.post(path, { ...(path === '/login' && { user: 'alice' }) });
    const { challenge } = registrationIn(again);
    expect((await browser.register(browser.device.registration(challenge))).status).toBe(200);
    clock.advance('1m');
    expect([(await browser.get('/me')).status, (await browser.get('/vault')).status]).toEqual([200, 200]);
  });

  it('has no access with require: always, until it logs in', async () => {
    const { browser, told } = await open({ require: 'always' });
    for (const path of ['/me', '/vault', '/me']) {
      const answer = await browser.get(path);
      expect([path, answer.status, answer.setCookies]).toEqual([path, 401, []]);
      expect(told('refused').at(-1)).toMatchObject({ reason: 'unbound', subject: 'alice', id: '' });
    }
    expect([told('migrated'), told('created')]).toEqual([[], []]);
    await browser.bind();
    expect((await browser.get('/vault')).status).toBe(200);
  });

  it('comes over with require: always as long as nobody has logged in', async () => {
    const { browser, told } = await open({ require: 'always' }, null);
    expect((await browser.get('/look')).json()).toMatchObject({ subject: null, data: { cart: 1 } });
    expect(told('migrated')).toHaveLength(1);
  });
});

describe.each(platforms)('a session from before the option deviceBound on %s', (platform) => {
  it('is offered a key by a re-login, and by nothing before', async () => {
    const store = new MemoryStore();
    const { url, clock } = await start(platform, { controllers: [AppController], options: { store } });
    const before = new BindingBrowser(url);
    expect((await before.login()).headers[OFFER]).toBeUndefined();
    const { browser } = await startBound(platform, { store, clock });
    const { cookie } = before;
    expect((await browser.get('/me', { cookie })).headers[OFFER]).toBeUndefined();
    registrationIn(await browser.post('/relogin', {}, { cookie }));
  });
});
