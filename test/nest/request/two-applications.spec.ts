import { SessionService, type SessionEvent } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { COOKIE, forgedCookie, legacyCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

const OTHER_SECRET = 'of the other application, and as long as it has to be';

async function run(platform: PlatformName, secret?: string, options = {}) {
  const running = await start(platform, {
    controllers: [AppController],
    options: { ...(secret !== undefined && { secret }), ...options },
  });
  const events: SessionEvent[] = [];
  running.app.get(SessionService).events.subscribe((event) => events.push(event));
  return { ...running, events, browser: new Browser(running.url) };
}

/** Browsers keep cookies by host, whatever the port: http://localhost:3000 and :3001 share a jar. */
describe.each(platforms)('two applications on one host on %s', (platform) => {
  it.each(['/look', '/me', '/untouched', '/nowhere'])(
    'leave each other’s cookie alone: GET %s',
    async (path) => {
      const [one, other] = [await run(platform), await run(platform, OTHER_SECRET)];
      await one.browser.post('/login', { user: 'alice' });
      const answer = await other.browser.get(path, { cookie: one.browser.cookie });
      expect(answer.setCookies).toEqual([]);
      expect((await one.browser.get('/me')).status).toBe(200);
    },
  );

  it.each(['/logout', '/clear', '/logout-everywhere'])('and at %s', async (path) => {
    const [one, other] = [await run(platform), await run(platform, OTHER_SECRET)];
    await one.browser.post('/login', { user: 'alice' });
    const answer = await other.browser.post(path, undefined, { cookie: one.browser.cookie });
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
  });

  it('take the place of each other’s cookie only with a session of their own', async () => {
    const [one, other] = [await run(platform), await run(platform, OTHER_SECRET)];
    await one.browser.post('/login', { user: 'alice' });
    const answer = await other.browser.post('/login', { user: 'bob' }, { cookie: one.browser.cookie });
    expect(answer.setCookies).toHaveLength(1);
  });

  it('emit an event for a cookie in our form, and none for any other', async () => {
    const { browser, events, clock } = await run(platform);
    const values = [
      '',
      'x',
      's:abc.def',
      's%3Aabc.def',
      'eyJhbGciOiJIUzI1NiJ9.e30.sig',
      'v1.abc.def',
      '%',
      'a'.repeat(4000),
    ];
    for (let i = 0; i < 5; i++)
      for (const value of values) {
        const answer = await browser.get('/look', { cookie: `${COOKIE}=${value}` });
        expect([answer.status, answer.setCookies]).toEqual([200, []]);
      }
    expect(events).toEqual([]);
    expect((await browser.get('/look', { cookie: forgedCookie() })).setCookies).toEqual([]);
    expect(events).toEqual([{ type: 'tampered', id: '', at: clock.now() }]);
  });
});

describe.each(platforms)('a cookie in the legacy form on %s', (platform) => {
  it('opens its session, and is replaced at the next roll, without a rotation', async () => {
    const { browser, clock, events } = await run(platform, undefined, { rotateEvery: false });
    await browser.post('/login', { user: 'alice' });
    const { id, secret } = tokenOf(browser.cookie);
    const legacy = legacyCookie(`${id}.${secret}`);
    const early = await browser.get('/me', { cookie: legacy });
    expect([early.status, early.setCookies]).toEqual([200, []]);
    clock.advance('2m');
    const rolled = await browser.get('/me', { cookie: legacy });
    expect(rolled.status).toBe(200);
    expect(rolled.setCookies.map((one) => one.split(';')[0])).toEqual([browser.cookie]);
    expect(events.filter(({ type }) => type === 'rotated')).toEqual([]);
  });

  it('ends nothing where the secret is unknown to the record', async () => {
    const { browser, events } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const { id } = tokenOf(browser.cookie);
    const forged = await browser.post('/logout', undefined, {
      cookie: legacyCookie(`${id}.${'B'.repeat(43)}`),
    });
    expect(forged.status).toBe(200);
    expect((await browser.get('/me')).status).toBe(200);
    expect(events.filter(({ type }) => type === 'ended' || type === 'reused')).toEqual([]);
  });

  it('of a known predecessor is a reuse after the grace', async () => {
    const { browser, events, clock } = await run(platform);
    await browser.post('/login', { user: 'alice' });
    const { id, secret } = tokenOf(browser.cookie);
    clock.advance('16m');
    await browser.get('/me');
    await browser.get('/me');
    clock.advance('10s');
    expect((await browser.get('/me', { cookie: legacyCookie(`${id}.${secret}`) })).status).toBe(401);
    expect(events.filter(({ type }) => type === 'reused')).toHaveLength(1);
  });
});
