import {
  BadRequestException,
  Catch,
  Controller,
  Get,
  HttpCode,
  Post,
  Res,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { Logout, SessionService, type SessionEvent, type SessionModuleOptions } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import type { SessionEngine } from '../../../lib/core/engine.js';
import { SESSION_ENGINE } from '../../../lib/nest/options/tokens.js';
import { AppController, type Data } from '../../support/app.js';
import { Browser, send } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { closeAll, start } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { COOKIE, legacyCookie, signedCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

interface AnyResponse {
  header(name: string, value: string): AnyResponse;
  status(code: number): AnyResponse;
  send(body: unknown): void;
}

/** Shows a page of errors, as applications for browsers do. */
@Catch()
class RedirectFilter implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost) {
    host.switchToHttp().getResponse<AnyResponse>().header('Location', '/sorry').status(303).send('');
  }
}

@Controller('bye')
class ByeController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get()
  @Logout()
  get() {
    return { ok: true };
  }

  @Post('by-service')
  async byService() {
    await this.sessions.logout();
    await this.sessions.logout({ everywhere: true });
    await this.sessions.clear();
  }

  @Post('throws')
  @Logout()
  throws() {
    throw new BadRequestException();
  }

  @Post('crashes')
  @Logout()
  async crashes() {
    await Promise.resolve();
    throw new Error('crash');
  }

  @Post('throws-and-redirects')
  @Logout()
  @UseFilters(RedirectFilter)
  throwsForBrowsers() {
    throw new BadRequestException();
  }

  @Post('answers-409')
  @HttpCode(409)
  @Logout()
  conflict() {
    return { ok: false };
  }

  @Post('sends-422')
  @Logout()
  sends(@Res() response: AnyResponse) {
    response.status(422).send('no');
  }

  @Post('sends-200')
  @Logout()
  sendsWell(@Res() response: AnyResponse) {
    response.status(200).send('bye');
  }

  @Post('and-in-again')
  @HttpCode(200)
  async again() {
    await this.sessions.logout();
    await this.sessions.login('bob');
    return { ok: true };
  }
}

interface OpenSetup {
  options?: Partial<SessionModuleOptions>;
  trustProxy?: boolean;
}

async function open(site: BackendSite, { options, trustProxy = false }: OpenSetup = {}) {
  const store = new SpyStore();
  const sink = new LogSink();
  const running = await start(site, {
    controllers: [AppController, ByeController],
    options: { store: site.backend.over(store), ...options },
    trustProxy,
    prepare: sink.attach,
  });
  const login = async (user = 'alice', url = running.url) => {
    const browser = new Browser(url);
    await browser.post('/login', { user });
    return browser;
  };
  const events: SessionEvent[] = [];
  const sessions = running.app.get(SessionService);
  sessions.events.subscribe((event) => events.push(event));
  return { ...running, store, sink, login, events, sessions };
}

/** The id of its session, which only a store's token shows. */
const idOf = async (browser: Browser) => (await browser.get('/look')).json<{ id: string }>().id;

const statusOf = async (browser: Browser) => (await browser.get('/me')).status;

describe.each(sites)('ending a session on %s', (site) => {
  it('rejects the token on every node after logout', async () => {
    const store = new SpyStore();
    const clock = new FakeClock();
    const options = { clock, store: site.backend.over(store) };
    const here = await open(site, { options });
    const there = await open(site, { options });
    const browser = await here.login();
    const cookie = browser.cookie;
    const thief = new Browser(there.url);
    expect((await thief.get('/me', { cookie })).status).toBe(200);
    await browser.post('/logout');
    for (const { url } of [here, there]) {
      for (const path of ['/me', '/poll', '/sensitive', '/devices'])
        expect((await new Browser(url).get(path, { cookie })).status).toBe(401);
    }
    expect((await thief.get('/look', { cookie })).json()).toEqual(
      expect.objectContaining({ subject: null, data: {} }),
    );
    expect(store.records()).toEqual([]);
  });

  it('rejects every token of the session, also the rotated ones, after logout', async () => {
    const { login, clock } = await open(site);
    const browser = await login();
    const tokens = [browser.cookie];
    for (let turn = 0; turn < 3; turn++) {
      clock.advance('16m');
      await browser.get('/me');
      tokens.push(browser.cookie);
    }
    await browser.post('/relogin', {});
    tokens.push(browser.cookie);
    expect(new Set(tokens).size).toBe(5);
    await browser.post('/logout');
    for (const cookie of tokens) expect((await browser.get('/me', { cookie })).status).toBe(401);
    clock.advance('1m');
    for (const cookie of tokens) expect((await browser.get('/me', { cookie })).status).toBe(401);
  });

  it('deletes the cookie at logout, and again at a second logout with the ended token', async () => {
    const { login, events } = await open(site);
    const browser = await login();
    const cookie = browser.cookie;
    const first = await browser.post('/logout');
    expect([first.status, first.setCookies.length, browser.cookie]).toEqual([200, 1, '']);
    const again = await browser.post('/logout', undefined, { cookie });
    expect([again.status, again.setCookies]).toEqual([200, first.setCookies]);
    // There is nothing of ours to take away.
    for (const foreign of ['', `${COOKIE}=nonsense`]) {
      const answer = await browser.post('/logout', undefined, { cookie: foreign });
      expect([answer.status, answer.setCookies]).toEqual([200, []]);
    }
    expect(events.filter((event) => event.type === 'ended')).toMatchObject([{ reason: 'logout' }]);
  });

  it.each(['/logout', '/logout-everywhere', '/bye'])('rejects a cross-site logout: %s', async (path) => {
    const { login } = await open(site);
    const browser = await login();
    const method = path === '/bye' ? 'GET' : 'POST';
    for (const [name, value] of [
      ['sec-fetch-site', 'cross-site'],
      ['origin', 'https://evil.example'],
    ] as const) {
      const answer = await browser.send(path, { method, headers: { [name]: value } });
      expect([answer.status, answer.json()['code']]).toEqual([403, 'ERR_CROSS_ORIGIN']);
      expect(answer.setCookies).toEqual([]);
    }
    expect(await statusOf(browser)).toBe(200);
    expect((await browser.send(path, { method, headers: { 'sec-fetch-site': 'same-origin' } })).status).toBe(
      200,
    );
    expect(await statusOf(browser)).toBe(401);
  });

  it('changes a cookie beside its own where a browser may have kept pages, and no other client sees it', async () => {
    const { login, url } = await open(site);
    const ended = `${COOKIE}-ended`;
    const removal = expect.stringMatching(new RegExp(`^${COOKIE}=; Max-Age=0;`));
    const browser = { 'sec-fetch-site': 'same-origin' };
    for (const path of ['/logout', '/clear', '/logout-everywhere', '/bye/sends-200']) {
      const client = await login();
      const copy = client.cookie;
      const answer = await client.post(path, {}, { headers: browser });
      expect([path, answer.setCookies]).toEqual([
        path,
        [
          expect.stringMatching(`^${ended}=1; Max-Age=1;`),
          expect.stringMatching(`^${ended}=; Max-Age=0;`),
          removal,
        ],
      ]);
      expect(client.cookie).toBe('');
      const stale = await send(`${url}/me`, 'GET', { ...browser, cookie: copy });
      expect([stale.status, stale.setCookies.length]).toEqual([401, 3]);
      expect((await send(`${url}/me`, 'GET', { cookie: copy })).setCookies).toEqual([removal]);
    }
    const client = await login();
    for (const path of ['/login', '/relogin', '/regenerate']) {
      const { status, setCookies } = await client.post(path, path === '/login' ? { user: 'alice' } : {}, {
        headers: browser,
      });
      expect([path, status, setCookies.length]).toEqual([path, 200, 1]);
    }
    expect((await client.get('/me', { headers: browser })).setCookies).toEqual([]);
    expect((await client.post('/logout')).setCookies).toEqual([removal]);
  });

  it('sends no Clear-Site-Data at logout by default', async () => {
    const { url } = await open(site, { trustProxy: true });
    const https = { host: 'app.example.com', 'x-forwarded-proto': 'https' };
    const login = await send(`${url}/login`, 'POST', https, { user: 'alice' });
    const cookie = login.setCookies[0]!.split(';', 1)[0]!;
    const answer = await send(`${url}/logout`, 'POST', { ...https, cookie }, {});
    expect(answer.setCookies[0]).toContain('Max-Age=0');
    expect(answer.headers['clear-site-data']).toBeUndefined();
  });

  it('sends the chosen Clear-Site-Data over HTTPS at logout only', async () => {
    const { url } = await open(site, {
      trustProxy: true,
      options: { clearSiteData: ['cookies', 'storage'] },
    });
    const https = { host: 'app.example.com', 'x-forwarded-proto': 'https' };
    const post = async (path: string, cookie: string, headers: Record<string, string> = https) =>
      send(url + path, 'POST', { ...headers, cookie }, path === '/login' ? { user: 'alice' } : {});
    const login = async () => (await post('/login', '')).setCookies[0]!.split(';', 1)[0]!;
    for (const path of ['/logout', '/logout-everywhere', '/bye/sends-200']) {
      const answer = await post(path, await login());
      expect([path, answer.headers['clear-site-data']]).toEqual([path, '"cookies", "storage"']);
      expect(answer.setCookies).toHaveLength(1);
    }
    for (const path of ['/login', '/relogin', '/regenerate', '/clear', '/bye/and-in-again', '/bye/throws']) {
      const answer = await post(path, await login());
      expect([path, answer.headers['clear-site-data']]).toEqual([path, undefined]);
    }
    const plain = await post('/logout', await login(), { host: 'localhost' });
    expect(plain.setCookies[0]).toContain('Max-Age=0');
    expect(plain.headers['clear-site-data']).toBeUndefined();
  });

  it.each(['/clear', '/logout', '/logout-everywhere', '/bye/by-service'])(
    'takes nothing from a visitor who has no session, neither cookies nor data: %s',
    async (path) => {
      const { url } = await open(site, {
        trustProxy: true,
        options: { clearSiteData: ['cookies', 'storage'] },
      });
      const https = { host: 'app.example.com', 'x-forwarded-proto': 'https' };
      for (const cookie of ['', 'theme=dark', `${COOKIE}=of-another-application`]) {
        const answer = await send(url + path, 'POST', { ...https, ...(cookie && { cookie }) }, {});
        expect(answer.status).toBeLessThan(300);
        expect([path, cookie, answer.setCookies, answer.headers['clear-site-data']]).toEqual([
          path,
          cookie,
          [],
          undefined,
        ]);
      }
    },
  );

  it('ends exactly the sessions named: one, all others, all', async () => {
    const { login, store } = await open(site);
    const [laptop, phone, tablet, other] = [await login(), await login(), await login(), await login('bob')];
    const all = [laptop, phone, tablet, other];
    const id = await idOf(phone);
    expect((await laptop.post(`/revoke/${id}`)).json()).toEqual({ ended: 1 });
    expect((await laptop.post(`/revoke/${id}`)).json()).toEqual({ ended: 0 });
    expect(await Promise.all(all.map(statusOf))).toEqual([200, 401, 200, 200]);
    await phone.post('/login', { user: 'alice' });
    expect((await laptop.post('/revoke-others')).json()).toEqual({ ended: 2 });
    expect(await Promise.all(all.map(statusOf))).toEqual([200, 401, 401, 200]);
    for (const browser of [phone, tablet]) await browser.post('/login', { user: 'alice' });
    const everywhere = await tablet.post('/logout-everywhere');
    expect(everywhere.setCookies[0]).toContain('Max-Age=0');
    expect(await Promise.all(all.map(statusOf))).toEqual([401, 401, 401, 200]);
    expect(store.records().map((record) => record.subject)).toEqual(['bob']);
  });

  it('deletes the cookie when the current session is revoked by its id', async () => {
    const { login } = await open(site);
    const browser = await login();
    const answer = await browser.post(`/revoke/${await idOf(browser)}`);
    expect([answer.json(), answer.setCookies.length, browser.cookie]).toEqual([{ ended: 1 }, 1, '']);
    expect(await statusOf(browser)).toBe(401);
  });

  it('does not revoke a session of another subject by its id', async () => {
    const { login, store } = await open(site);
    const [alice, bob] = [await login('alice'), await login('bob')];
    expect((await bob.post(`/revoke/${await idOf(alice)}`)).json()).toEqual({ ended: 0 });
    for (const id of ['', 'x', '__proto__', '%00', 'A'.repeat(22)])
      expect((await bob.post(`/revoke/${id}`)).status).toBeLessThan(500);
    expect(await Promise.all([alice, bob].map(statusOf))).toEqual([200, 200]);
    expect(store.records()).toHaveLength(2);
  });

  it('lists the sessions of a subject without secrets', async () => {
    const { login, store } = await open(site);
    const [laptop, phone] = [await login(), await login()];
    await login('bob');
    const answer = await laptop.get('/devices', { headers: { 'user-agent': 'Laptop' } });
    const devices = answer.json<Record<string, unknown>[]>();
    expect(devices.map((device) => device['current']).sort()).toEqual([false, true]);
    expect(Object.keys(devices[0]!).sort()).toEqual([
      'authenticatedAt',
      'createdAt',
      'current',
      'device',
      'expiresAt',
      'id',
      'lastSeenAt',
      'remember',
      'startedAt',
      'subject',
    ]);
    for (const browser of [laptop, phone]) {
      const { id, secret, signature } = tokenOf(browser.cookie);
      expect(answer.body).toContain(id);
      for (const hidden of [secret, signature, ...store.records().map((record) => record.secretHash)])
        expect(answer.body).not.toContain(hidden);
      for (const cookie of [
        `${COOKIE}=${id}`,
        `${COOKIE}=s:${id}`,
        `${COOKIE}=${id}.${id}`,
        signedCookie(id),
        legacyCookie(id),
      ])
        expect((await phone.get('/me', { cookie })).status).toBe(401);
    }
    expect(await Promise.all([laptop, phone].map(statusOf))).toEqual([200, 200]);
  });

  it('replaces the token at every login, regenerate and re-login', async () => {
    const { login } = await open(site);
    const browser = await login();
    for (const act of [
      () => browser.post('/login', { user: 'alice' }),
      () => browser.post('/login', { user: 'bob' }),
      () => browser.post('/regenerate', {}),
      () => browser.post('/relogin', {}),
    ]) {
      const before = browser.cookie;
      expect((await act()).setCookies).toHaveLength(1);
      expect(browser.cookie).not.toBe(before);
      expect((await browser.get('/me', { cookie: before })).status).toBe(401);
      expect(await statusOf(browser)).toBe(200);
    }
  });

  it('replaces the anonymous session at login and keeps only the data named', async () => {
    const { url } = await open(site);
    const browser = new Browser(url);
    await browser.post('/data', { cart: ['book'], isAdmin: true, subject: 'root' });
    const anonymous = browser.cookie;
    await browser.post('/login', { user: 'alice', keep: ['cart', 'nothing', 'constructor', '__proto__'] });
    expect((await browser.get('/look')).json()).toMatchObject({ subject: 'alice', data: { cart: ['book'] } });
    expect((await browser.get('/look')).body).not.toContain('isAdmin');
    expect((await browser.get('/look', { cookie: anonymous })).json()).toEqual(
      expect.objectContaining({ data: {} }),
    );
    await browser.post('/regenerate', {});
    expect((await browser.get('/look')).json()).toEqual(
      expect.objectContaining({ subject: 'alice', data: {} }),
    );
  });

  it('ends the session and deletes the cookie at clear()', async () => {
    const { login, store, events } = await open(site);
    const browser = await login();
    const captured = browser.cookie;
    expect((await browser.post('/clear')).status).toBe(200);
    expect([browser.cookie, store.records()]).toEqual(['', []]);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    expect(events.at(-1)).toMatchObject({ type: 'ended', reason: 'cleared', subject: 'alice' });
  });

  it.each([
    ['throws', 400],
    ['crashes', 500],
    ['throws-and-redirects', 303],
    ['answers-409', 409],
    ['sends-422', 422],
  ])('does not end the session where the logout handler %s', async (path, status) => {
    const { login, store } = await open(site);
    const browser = await login();
    const answer = await browser.post(`/bye/${path}`);
    expect([answer.status, answer.setCookies]).toEqual([status, []]);
    expect(await statusOf(browser)).toBe(200);
    expect(store.records()).toHaveLength(1);
  });

  it('ends the session where the logout handler sends the response itself', async () => {
    const { login, store } = await open(site);
    const browser = await login();
    expect((await browser.post('/bye/sends-200')).status).toBe(200);
    expect([browser.cookie, store.records()]).toEqual(['', []]);
  });

  it('ends the session though a listener throws', async () => {
    const { app, login, sessions, store, events, sink } = await open(site);
    const browser = await login();
    const captured = browser.cookie;
    // The library's own listeners are called the same way.
    app.get<SessionEngine>(SESSION_ENGINE).events.listen(() => {
      throw new Error('of the library');
    });
    for (const problem of [new Error('listener'), 'text', undefined])
      sessions.events.subscribe(() => {
        throw problem;
      });
    const after: SessionEvent[] = [];
    sessions.events.subscribe({ next: (event) => after.push(event) });
    expect((await browser.post('/logout')).status).toBe(200);
    expect([browser.cookie, store.records()]).toEqual(['', []]);
    expect((await browser.get('/me', { cookie: captured })).status).toBe(401);
    expect(events.at(-1)).toMatchObject({ type: 'ended', reason: 'logout' });
    expect(after).toMatchObject([{ type: 'ended', reason: 'logout' }]);
    expect(sink.text).toContain('listener');
    expect(sink.text).toContain('of the library');
    const other = await login();
    expect(await sessions.revokeAll('alice')).toBe(1);
    expect(await statusOf(other)).toBe(401);
  });
});
