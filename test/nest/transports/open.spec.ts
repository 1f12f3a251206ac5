import { SessionError, SessionService } from 'nest-sessions';
import { loginAs } from 'nest-sessions/testing';
import { AppController, type Data } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser } from '../../support/browser.js';
import { closeAll, start, type Site, type Setup } from '../../support/platforms.js';

afterEach(closeAll);

async function run(site: Site, options: Setup['options'] = {}) {
  const running = await start(site, { controllers: [AppController], options });
  return {
    ...running,
    sessions: running.app.get<SessionService<Data>>(SessionService),
    browser: new Browser(running.url),
  };
}

const codeOf = (error: unknown) => (error as SessionError).code;

describe.each(sites)('the session of a handshake on %s', (site) => {
  it('is the one of the cookie, from headers of Node and of fetch', async () => {
    const { app, sessions } = await run(site);
    const cookie = await loginAs(app, 'alice');
    expect((await sessions.open({ cookie })).subject).toBe('alice');
    expect((await sessions.open(new Headers({ cookie }))).subject).toBe('alice');
    expect((await sessions.open({})).loggedIn).toBe(false);
    expect((await sessions.open({ cookie: `${cookie}x` })).loggedIn).toBe(false);
  });

  if (site.backend.writesWithoutResponse) {
    it('can be changed, and ended, and then is over', async () => {
      const { app, sessions, browser } = await run(site);
      const cookie = await loginAs<Data>(app, 'alice', { data: { n: 1 } });
      const session = await sessions.open({ cookie });
      await session.update('n', (n) => Number(n) + 1);
      session.data.seen = true;
      await session.commit();
      expect((await browser.get('/look', { cookie })).json()).toMatchObject({ data: { n: 2, seen: true } });
      await sessions.logout({ session });
      expect((await browser.get('/me', { cookie })).status).toBe(401);
      expect(session.state).toBe('ended');
    });
  }

  it('refuses what would need a new cookie, with a clear code', async () => {
    const { app, sessions } = await run(site);
    const session = await sessions.open({ cookie: await loginAs(app, 'alice') });
    await expect(sessions.login('bob', { session }).catch(codeOf)).resolves.toBe('ERR_NO_RESPONSE');
    await expect(sessions.relogin({ session }).catch(codeOf)).resolves.toBe('ERR_NO_RESPONSE');
    await expect(sessions.regenerate({ session }).catch(codeOf)).resolves.toBe('ERR_NO_RESPONSE');
    const anonymous = await sessions.open({});
    anonymous.data.n = 1;
    await expect(anonymous.commit().catch(codeOf)).resolves.toBe('ERR_NO_RESPONSE');
  });

  it('counts as the same client under protection, without an address', async () => {
    const { sessions, browser } = await run(site, { protection: 'strong' });
    await browser.post('/login', { user: 'alice' }, { headers: { 'user-agent': 'Phone/1' } });
    expect((await sessions.open({ cookie: browser.cookie, 'user-agent': 'Phone/1' })).loggedIn).toBe(true);
    expect((await sessions.open({ cookie: browser.cookie, 'user-agent': 'Laptop/2' })).loggedIn).toBe(false);
  });

  it('rolls nothing', async () => {
    const { app, clock, sessions } = await run(site);
    const cookie = await loginAs(app, 'alice');
    clock.advance('29m');
    expect((await sessions.open({ cookie })).loggedIn).toBe(true);
    clock.advance('61s');
    expect((await sessions.open({ cookie })).loggedIn).toBe(false);
  });
});

describe.each(sites)('the current session on %s', (site) => {
  it('is there in a request, and outside of one throws with a code', async () => {
    const { sessions, browser } = await run(site);
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(200);
    expect(() => sessions.current).toThrow(expect.objectContaining({ code: 'ERR_NO_SESSION' }));
  });

  it('can be done without: the decorator and explicit sessions still work', async () => {
    const { sessions, app, browser } = await run(site, { context: false });
    const cookie = await loginAs(app, 'alice');
    expect((await browser.get('/me', { cookie })).json()).toEqual({ subject: 'alice' });
    expect((await browser.post('/login', { user: 'alice' })).status).toBe(500);
    expect(() => sessions.current).toThrow(/"context" off/);
  });
});
