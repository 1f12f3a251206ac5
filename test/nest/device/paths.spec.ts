import { FakeClock } from 'nest-sessions/testing';
import { MemoryStore, type DeviceBoundOptions } from 'nest-sessions';
import { BindingBrowser, challengeIn, registrationIn } from '../../support/device.js';
import { closeAll, platforms } from '../../support/platforms.js';
import { startBound } from './device.app.js';

afterEach(closeAll);

/** Posts what a device has signed, as a browser does it at the path that it was told. */
function deviceAt(browser: BindingBrowser) {
  const post = (path: string, headers: Record<string, string>) => browser.post(path, undefined, { headers });
  return {
    register: (path: string, challenge: string) =>
      post(path, { 'secure-session-response': browser.device.registration(challenge) }),
    async refresh(path: string, id: string) {
      const asked = await post(path, { 'sec-secure-session-id': id });
      if (asked.status !== 403) return asked;
      const proof = browser.device.refresh(challengeIn(asked).challenge);
      return post(path, { 'sec-secure-session-id': id, 'secure-session-response': proof });
    },
  };
}

describe.each(platforms)('the option deviceBound.path on %s', (platform) => {
  it.each([
    '/k',
    '/a/b.c/..d/e..',
    '/s%C3%A9ance/%7e',
    "/it's;v=1,2",
    '/a:b@c/x+y!$&*()=~-_',
    '/Session/Device',
    '/session/device/refresh',
  ])('takes %s: browsers register and refresh there', async (path) => {
    expect(new URL(path, 'https://localhost').pathname).toBe(path);
    const { browser, clock } = await startBound(platform, { deviceBound: { path }, idle: '2h' });
    const device = deviceAt(browser);
    const offered = registrationIn(await browser.login());
    expect(offered.path).toBe(path);
    const registered = await device.register(path, offered.challenge);
    expect(registered.status).toBe(200);
    const { session_identifier: id, refresh_url: refreshUrl } = registered.json<Record<string, string>>();
    expect(refreshUrl).toBe(`${path}/refresh`);
    clock.advance('8m');
    const refreshed = await device.refresh(refreshUrl!, id!);
    expect([refreshed.status, refreshed.setCookies.length]).toEqual([200, 1]);
  });
});

describe.each(platforms)('a change of deviceBound.path on %s', (platform) => {
  /** A session that is bound by a node with the former path, and a node with the present one. */
  const change = async (present: DeviceBoundOptions) => {
    const clock = new FakeClock();
    const store = new MemoryStore();
    const before = await startBound(platform, {
      clock,
      store,
      deviceBound: { path: '/former' },
      idle: '2h',
    });
    const { challenge } = registrationIn(await before.browser.login());
    const registered = await deviceAt(before.browser).register('/former', challenge);
    const after = await startBound(platform, { clock, store, deviceBound: present, idle: '2h' });
    const browser = new BindingBrowser(after.url);
    for (const cookie of before.browser.cookie.split('; '))
      await browser.jar.setCookie(`${cookie}; Secure; Path=/`, after.url.replace('http:', 'https:'));
    Object.assign(browser, { device: before.browser.device });
    clock.advance('8m');
    return { ...after, clock, browser, id: registered.json<Record<string, string>>()['session_identifier']! };
  };

  it('ends device sessions: the browser finds nothing there, and the user logs in again', async () => {
    const { browser, clock, id } = await change({ path: '/present' });
    expect((await deviceAt(browser).refresh('/former/refresh', id)).status).toBe(404);
    clock.advance('3m');
    expect((await browser.get('/me')).status).toBe(401);
    const again = registrationIn(await browser.login());
    expect(again.path).toBe('/present');
    expect((await deviceAt(browser).register('/present', again.challenge)).status).toBe(200);
    clock.advance('1m');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('ends none with formerPaths: the browser refreshes at the former one, and is told of the present one', async () => {
    const { browser, clock, id } = await change({ path: '/present', formerPaths: ['/elder', '/former'] });
    const refreshed = await deviceAt(browser).refresh('/former/refresh', id);
    expect(refreshed.status).toBe(200);
    expect(refreshed.json()).toMatchObject({ session_identifier: id, refresh_url: '/present/refresh' });
    clock.advance('8m');
    expect((await browser.get('/me')).status).toBe(200);
    expect((await deviceAt(browser).refresh('/present/refresh', id)).status).toBe(200);
    // A login before the change may have told a browser to register there.
    const { challenge } = registrationIn(await browser.login());
    expect((await deviceAt(browser).register('/elder', challenge)).status).toBe(200);
  });
});
