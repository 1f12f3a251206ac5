import { Controller, HttpCode, Post } from '@nestjs/common';
import { Session, SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { AppController } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { SpyStore } from '../../support/spy-store.js';
import { closeAll, start, type Site, type Setup } from '../../support/platforms.js';

afterEach(closeAll);

const PHONE = { headers: { 'user-agent': 'Phone/1' } };
const LAPTOP = { headers: { 'user-agent': 'Laptop/2' } };

@Controller()
class FreshController {
  @Post('fresh')
  @HttpCode(200)
  fresh(@Session() session: Session) {
    return {
      fresh: session.isFresh('5m'),
      at: session.authenticatedAt() !== undefined,
      suspect: session.authenticatedAt('~suspect') !== undefined,
    };
  }
}

async function run(site: Site, options: Setup['options']) {
  const running = await start(site, {
    controllers: [AppController, FreshController],
    options,
    trustProxy: true,
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, events, browser: new Browser(running.url) };
}

describe.each(sites)('another client with the same cookie on %s', (site) => {
  it('passes unless protection is on', async () => {
    const { browser } = await run(site, {});
    await browser.post('/login', { user: 'alice' }, PHONE);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(200);
  });

  it('is asked for a re-login by basic, and is the known one afterwards', async () => {
    const { browser, events } = await run(site, { protection: 'basic' });
    await browser.post('/login', { user: 'alice' }, PHONE);
    expect((await browser.get('/sensitive', PHONE)).status).toBe(200);
    expect((await browser.get('/me', LAPTOP)).status).toBe(200);
    const asked = await browser.get('/sensitive', LAPTOP);
    expect([asked.status, asked.json().code]).toEqual([401, 'ERR_RELOGIN_REQUIRED']);
    expect(events.at(-1)).toMatchObject({ type: 'suspicious', verdict: 'relogin', subject: 'alice' });
    await browser.post('/relogin', {}, LAPTOP);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(200);
  });

  it.each<[string, () => SessionModuleOptions['store']]>([
    ['a store', () => new SpyStore()],
    ['sealed cookies', () => new SealedCookie()],
  ])(
    'is remembered by basic over %s until the next re-login, whatever it says of itself then',
    async (_, store) => {
      const { browser, app, events } = await run(site, { protection: 'basic', store: store() });
      await browser.post('/login', { user: 'alice' }, PHONE);
      expect((await browser.get('/sensitive', PHONE)).status).toBe(200);
      expect((await browser.get('/poll', LAPTOP)).status).toBe(200);
      for (const client of [LAPTOP, PHONE, PHONE]) {
        const asked = await browser.get('/sensitive', client);
        expect([asked.status, asked.json().code]).toEqual([401, 'ERR_RELOGIN_REQUIRED']);
      }
      const fresh = async (client: object) => (await browser.post('/fresh', {}, client)).json();
      expect(await fresh(PHONE)).toEqual({ fresh: false, at: true, suspect: false });
      events.length = 0;
      await browser.post('/relogin', {}, PHONE);
      expect(await fresh(PHONE)).toEqual({ fresh: true, at: true, suspect: false });
      expect((await browser.get('/sensitive', PHONE)).status).toBe(200);
      expect(events).not.toContainEqual(expect.objectContaining({ type: 'suspicious' }));
      expect(app.get(SessionService)).toBeDefined();
    },
  );

  it('is remembered with one write, and none where it is known', async () => {
    const store = new SpyStore();
    const { browser } = await run(site, { protection: 'basic', store });
    await browser.post('/login', { user: 'alice' }, PHONE);
    store.forget();
    await browser.get('/me', LAPTOP);
    expect(store.count('commit')).toBe(1);
    await browser.get('/me', LAPTOP);
    await browser.get('/me', PHONE);
    expect(store.count('commit')).toBe(1);
    const [event] = await Promise.all([browser.post('/login', { user: 'alice' }, LAPTOP)]);
    expect(event.status).toBe(200);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(200);
  });

  it('fails no request where it cannot be remembered, and is remembered with the next', async () => {
    const store = new SpyStore();
    const { browser } = await run(site, { protection: 'basic', store });
    await browser.post('/login', { user: 'alice' }, PHONE);
    store.fail('rejects', 'commit');
    store.forget();
    expect((await browser.get('/me', LAPTOP)).status).toBe(200);
    expect(store.count('commit')).toBe(1);
    expect((await browser.get('/sensitive', LAPTOP)).status).toBe(401);
    store.heal();
    expect((await browser.get('/sensitive', PHONE)).status).toBe(200);
    await browser.get('/nowhere', LAPTOP);
    expect((await browser.get('/sensitive', PHONE)).status).toBe(401);
  });

  it('is remembered beside what the request writes itself', async () => {
    const store = new SpyStore();
    const { browser, clock } = await run(site, { protection: 'basic', store });
    await browser.post('/login', { user: 'alice' }, PHONE);
    clock.advance('16m');
    await browser.post('/relogin', {}, PHONE);
    clock.advance('2m');
    store.forget();
    await browser.post('/data', { a: 1 }, LAPTOP);
    expect(store.count('commit')).toBe(1);
    expect((await browser.get('/look', PHONE)).json()).toMatchObject({ data: { a: 1 } });
    expect((await browser.get('/sensitive', PHONE)).status).toBe(401);
  });

  it('is rejected by "strong", and the session ends for every client', async () => {
    const { browser, events } = await run(site, { protection: 'strong' });
    await browser.post('/login', { user: 'alice' }, PHONE);
    const cookie = browser.cookie;
    expect((await browser.get('/me', { ...LAPTOP, cookie })).status).toBe(401);
    expect((await browser.get('/me', { ...PHONE, cookie })).status).toBe(401);
    expect(events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'protection' }));
  });

  it('is recognised by its address as well, where the proxy is trusted', async () => {
    const { browser } = await run(site, { protection: 'strong' });
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    await browser.post('/login', { user: 'alice' }, from('192.0.2.1'));
    expect((await browser.get('/me', from('192.0.2.1'))).status).toBe(200);
    expect((await browser.get('/me', from('192.0.2.2'))).status).toBe(401);
  });

  it('is judged by the application’s own function', async () => {
    const seen: unknown[] = [];
    const { browser } = await run(site, {
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
    const { browser, events } = await run(site, {});
    for (let i = 0; i < 25; i++) await browser.get('/look', { cookie: site.backend.forgedCookie() });
    const guessing = events.filter((event) => event.type === 'guessing');
    expect(guessing).toEqual([
      expect.objectContaining({ count: 10, ip: '127.0.0.1' }),
      expect.objectContaining({ count: 20, ip: '127.0.0.1' }),
    ]);
  });
});
