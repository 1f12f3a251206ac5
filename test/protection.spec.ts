import { SessionService, type SessionEvent } from 'nest-sessions';
import { AppController } from './support/app.js';
import { Browser } from './support/browser.js';
import { closeAll, platforms, start, type PlatformName, type Setup } from './support/platforms.js';
import { forgedCookie } from './support/tokens.js';

afterEach(closeAll);

const PHONE = { headers: { 'user-agent': 'Phone/1' } };
const LAPTOP = { headers: { 'user-agent': 'Laptop/2' } };

async function run(platform: PlatformName, options: Setup['options']) {
  const running = await start(platform, { controllers: [AppController], options, trustProxy: true });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, events, browser: new Browser(running.url) };
}

describe.each(platforms)('another client with the same cookie on %s', (platform) => {
  it('passes unless protection is on', async () => {
    const { browser } = await run(platform, {});
    await browser.post('/login', { user: 'alice' }, PHONE);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(200);
  });

  it('is asked for a re-login by basic, and is the known one afterwards', async () => {
    const { browser, events } = await run(platform, { protection: 'basic' });
    await browser.post('/login', { user: 'alice' }, PHONE);
    expect((await browser.get('/sensitive', PHONE)).status).toBe(200);
    expect((await browser.get('/me', LAPTOP)).status).toBe(200);
    const asked = await browser.get('/sensitive', LAPTOP);
    expect([asked.status, asked.json().code]).toEqual([401, 'ERR_RELOGIN_REQUIRED']);
    expect(events.at(-1)).toMatchObject({ type: 'suspicious', verdict: 'relogin', subject: 'alice' });
    await browser.post('/relogin', {}, LAPTOP);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(200);
  });

  it('is out by strong, and the session is over for everybody', async () => {
    const { browser, events } = await run(platform, { protection: 'strong' });
    await browser.post('/login', { user: 'alice' }, PHONE);
    const cookie = browser.cookie;
    expect((await browser.get('/me', { ...LAPTOP, cookie })).status).toBe(401);
    expect((await browser.get('/me', { ...PHONE, cookie })).status).toBe(401);
    expect(events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'protection' }));
  });

  it('is told by its address as well, where the proxy is trusted', async () => {
    const { browser } = await run(platform, { protection: 'strong' });
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    await browser.post('/login', { user: 'alice' }, from('192.0.2.1'));
    expect((await browser.get('/me', from('192.0.2.1'))).status).toBe(200);
    expect((await browser.get('/me', from('192.0.2.2'))).status).toBe(401);
  });

  it('is judged by the application’s own function', async () => {
    const seen: unknown[] = [];
    const { browser } = await run(platform, {
      protection: (now, then) => {
        seen.push([now.userAgent, then.userAgent]);
        return now.userAgent === 'Laptop/2' ? 'end' : 'ok';
      },
    });
    await browser.post('/login', { user: 'alice' }, PHONE);
    expect((await browser.get('/me', { headers: { 'user-agent': 'Other/3' } })).status).toBe(200);
    expect((await browser.get('/me', LAPTOP)).status).toBe(401);
    expect(seen).toEqual([
      ['Other/3', 'Phone/1'],
      ['Laptop/2', 'Phone/1'],
    ]);
  });

  it('raises an event when it guesses', async () => {
    const { browser, events } = await run(platform, {});
    for (let i = 0; i < 25; i++) await browser.get('/look', { cookie: forgedCookie() });
    const guessing = events.filter((event) => event.type === 'guessing');
    expect(guessing).toEqual([
      expect.objectContaining({ count: 10, ip: '127.0.0.1' }),
      expect.objectContaining({ count: 20, ip: '127.0.0.1' }),
    ]);
  });
});
