import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import cookieParser from 'cookie-parser';
import { cookieKeys, Session, SessionService, type SessionModuleOptions } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { CookieJar } from 'tough-cookie';
import { AppController, type Data } from '../../support/app.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { Browser, send } from '../../support/browser.js';
import { LogSink } from '../../support/log-sink.js';
import { closeAll, SECRET, start } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { attributesOf, COOKIE, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

const DAY = 24 * 60 * 60;

@Controller('many')
class ManyController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Post('in-and-out')
  @HttpCode(200)
  async inAndOut() {
    await this.sessions.regenerate();
    await this.sessions.login('alice');
    await this.sessions.logout();
    return { ok: true };
  }

  @Post('out-and-in')
  @HttpCode(200)
  async outAndIn() {
    await this.sessions.login('alice');
    await this.sessions.logout();
    await this.sessions.login('bob');
    await this.sessions.relogin();
    await this.sessions.regenerate();
    return { ok: true };
  }

  @Get('glance')
  glance(@Session() session: Session<Data>) {
    const { data } = session;
    delete data['nothing'];
    const seen = ['nothing' in data, Object.keys(data).length, data['nothing'] === undefined];
    return { seen, state: session.state, loggedIn: session.loggedIn };
  }

  @Get('signed')
  signed(@Req() request: { signedCookies: unknown }, @Session() session: Session<Data>) {
    return { id: session.id, cookies: request.signedCookies };
  }
}

async function open(site: BackendSite, options: Partial<SessionModuleOptions> = {}, trustProxy = false) {
  const store = new SpyStore();
  const sink = new LogSink();
  const running = await start(site, {
    controllers: [AppController, ManyController],
    options: { store: site.backend.over(store), ...options },
    trustProxy,
    prepare: sink.attach,
  });
  return { ...running, store, sink, browser: new Browser(running.url) };
}

describe.each(sites)('cookies on %s', (site) => {
  it('are bound to the host, Secure, HttpOnly and end with the browser', async () => {
    const { browser } = await open(site);
    const [cookie, ...others] = (await browser.post('/login', { user: 'alice' })).setCookies;
    expect(others).toEqual([]);
    expect(cookie).toMatch(/^__Host-session=/);
    expect(attributesOf(cookie!)).toEqual({ path: '/', httponly: '', secure: '', samesite: 'Lax' });
  });

  it('hold an unquoted value of cookie octets', async () => {
    const { browser } = await open(site);
    for (let i = 0; i < 20; i++) {
      const [cookie] = (await browser.post('/login', { user: 'alice' })).setCookies;
      const value = cookie!.slice(COOKIE.length + 1, cookie!.indexOf(';'));
      expect(value).toMatch(/^[\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]+$/);
      expect(Buffer.byteLength(cookie!)).toBeLessThan(4096);
    }
  });

  it.each<[string, SessionModuleOptions['remember'], number]>([
    ['the default', undefined, 31 * DAY],
    ['a year', { lifetime: '365d', idle: '365d' }, 365 * DAY],
    ['what browsers take at most', { lifetime: '400d', idle: '400d' }, 400 * DAY],
    ['a shorter idle timeout', { lifetime: '31d', idle: '7d' }, 7 * DAY],
  ])('that are remembered live as long as the session, with %s', async (_, remember, seconds) => {
    const { browser } = await open(site, { ...(remember && { remember }) });
    const [cookie] = (await browser.post('/login', { user: 'alice', remember: true })).setCookies;
    expect(Number(attributesOf(cookie!)['max-age'])).toBe(seconds);
    expect(seconds).toBeLessThanOrEqual(400 * DAY);
  });

  it('that are remembered never promise more than is left of the lifetime', async () => {
    const { browser, clock } = await open(site);
    await browser.post('/login', { user: 'alice', remember: true });
    clock.advance('30d');
    const [cookie] = (await browser.get('/me')).setCookies;
    expect(attributesOf(cookie!)['max-age']).toBe(String(DAY));
  });

  it.each<[string, SessionModuleOptions['cookie'], string]>([
    ['the default', undefined, 'https://app.example.com/'],
    ['a domain', { domain: 'example.com' }, 'https://app.example.com/'],
    ['a path', { name: 'sid', path: '/app' }, 'https://app.example.com/app/x'],
    ['without Secure', { secure: false }, 'http://app.example.com/'],
    [
      'a partitioned one',
      { sameSite: 'none', partitioned: true, priority: 'high' },
      'https://app.example.com/',
    ],
    ['a strict one', { name: '__Secure-x', sameSite: 'strict' }, 'https://app.example.com/'],
  ])('are deleted with the attributes they were set with: %s', async (_, cookie, page) => {
    const { url } = await open(site, { ...(cookie && { cookie }) });
    const jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
    for (const path of ['/logout', '/clear']) {
      const login = await send(`${url}/login`, 'POST', {}, { user: 'alice' });
      await jar.setCookie(login.setCookies[0]!, page);
      const held = await jar.getCookieString(page);
      expect(held).not.toBe('');
      const logout = await send(url + path, 'POST', { cookie: held });
      expect(logout.setCookies).toHaveLength(1);
      const { expires, 'max-age': maxAge, ...rest } = attributesOf(logout.setCookies[0]!);
      expect(rest).toEqual(attributesOf(login.setCookies[0]!));
      expect([maxAge, expires]).toEqual(['0', 'Thu, 01 Jan 1970 00:00:00 GMT']);
      await jar.setCookie(logout.setCookies[0]!, page);
      // Looking makes the jar drop what has expired.
      expect(await jar.getCookies(page)).toEqual([]);
      expect((await jar.serialize()).cookies).toEqual([]);
    }
  });

  it('are set at most once in a response, whatever the handler does', async () => {
    const { browser, store } = await open(site);
    await browser.post('/data', { a: 1 });
    const out = await browser.post('/many/in-and-out');
    expect([out.status, out.setCookies.length]).toEqual([200, 1]);
    expect(out.setCookies[0]).toContain('Max-Age=0');
    expect(store.records()).toEqual([]);
    const into = await browser.post('/many/out-and-in');
    expect([into.status, into.setCookies.length]).toEqual([200, 1]);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'bob' });
    expect(store.records()).toHaveLength(1);
  });

  it('of the same name open the same session in either order', async () => {
    const { url, browser, clock } = await open(site);
    const login = async (user: string) => {
      const [cookie] = (await send(`${url}/login`, 'POST', {}, { user })).setCookies;
      clock.advance('1s');
      return cookie!.split(';', 1)[0]!;
    };
    const alice = await login('alice');
    const bob = await login('bob');
    const ended = await login('carol');
    await browser.post('/logout', undefined, { cookie: ended });
    const forged = site.backend.forgedCookie();
    for (const [one, other, subject] of [
      [alice, bob, 'bob'],
      [alice, ended, 'alice'],
      [alice, forged, 'alice'],
      [alice, `${COOKIE}=`, 'alice'],
      [alice, alice, 'alice'],
    ] as const) {
      for (const cookie of [`${one}; ${other}`, `${other}; ${one}`, `x=1; ${other};${one} ; y=2`]) {
        const answer = await browser.get('/me', { cookie });
        expect([cookie, answer.body]).toEqual([cookie, JSON.stringify({ subject })]);
      }
    }
    const dead = [
      await browser.get('/me', { cookie: `${ended}; ${forged}` }),
      await browser.get('/me', { cookie: `${forged}; ${ended}` }),
    ];
    expect(dead.map(({ status, setCookies }) => [status, setCookies])).toEqual([
      [401, dead[0]!.setCookies],
      [401, dead[0]!.setCookies],
    ]);
  });

  it('by another name are other cookies, to the byte', async () => {
    const { browser } = await open(site);
    await browser.post('/login', { user: 'alice' });
    const value = browser.cookie.slice(COOKIE.length + 1);
    for (const cookie of [
      `\xA0${COOKIE}=${value}`,
      `\x85${COOKIE}=${value}`,
      `__host-session=${value}`,
      `__HOST-SESSION=${value}`,
      `${COOKIE}="${value}"`,
      `${COOKIE} =${value}`,
      `"${COOKIE}"=${value}`,
      `x${COOKIE}=${value}`,
      `${COOKIE}2=${value}`,
      `${encodeURIComponent(COOKIE)}%3D${value}`,
      `%5F_Host-session=${value}`,
      `$Path=/${COOKIE}=${value}`,
      `session=${value}`,
    ])
      expect([cookie, (await browser.get('/me', { cookie })).status]).toEqual([cookie, 401]);
    for (const cookie of [
      `${COOKIE}=${value}`,
      `a=b; ${COOKIE}=${value}`,
      `a=b;${COOKIE}=${value};c`,
      `\t${COOKIE}=${value} `,
    ])
      expect([cookie, (await browser.get('/me', { cookie })).status]).toEqual([cookie, 200]);
  });

  it('are never sent over plain HTTP for another host, and the log names the remedy', async () => {
    const { url, sink } = await open(site);
    const host = { host: 'app.example.com' };
    const answer = await send(`${url}/login`, 'POST', host, { user: 'alice' });
    expect(answer.setCookies).toEqual([]);
    const told = sink.lines.filter((line) => line.startsWith('error:') && line.includes('trust proxy'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('app.example.com');
    expect(told[0]).toMatch(/In a container.*http:\/\/localhost/);
    // Who trusts no proxy believes no header either.
    for (const [name, value] of [
      ['x-forwarded-proto', 'https'],
      ['forwarded', 'proto=https'],
      ['x-forwarded-host', 'localhost'],
    ] as const) {
      const spoofed = await send(`${url}/login`, 'POST', { ...host, [name]: value }, { user: 'alice' });
      expect(spoofed.setCookies).toEqual([]);
    }
    expect(sink.lines.filter((line) => line.includes('trust proxy'))).toHaveLength(1);
  });

  it.each(['localhost', 'app.localhost:3000', '127.0.0.1', '127.8.9.10:80', '[::1]:3000'])(
    'leave over plain HTTP within this machine: %s',
    async (host) => {
      const { url, sink } = await open(site);
      expect((await send(`${url}/login`, 'POST', { host }, { user: 'alice' })).setCookies).toHaveLength(1);
      expect(sink.text).not.toContain('trust proxy');
    },
  );

  it('leave for localhost from the bridge of a container, and from no proxy that names itself so', async () => {
    const { app, url, sink } = await open(site);
    let peer: string | undefined;
    app.getHttpServer().on('connection', (socket: object) => {
      Object.defineProperty(socket, 'remoteAddress', { get: () => peer });
    });
    const login = async (host: string) =>
      (await send(`${url}/login`, 'POST', { host, connection: 'close' }, { user: 'alice' })).setCookies
        .length;
    peer = '172.17.0.1';
    expect(await login('localhost:3000')).toBe(1);
    expect(sink.text).not.toContain('trust proxy');
    expect(await login('172.17.0.2:3000')).toBe(0);
    peer = '203.0.113.7';
    expect(await login('localhost:3000')).toBe(0);
    // A Unix socket.
    peer = undefined;
    expect(await login('localhost')).toBe(0);
  });

  it.each(['localhost.example.com', '127.0.0.1.example.com', 'notlocalhost', '10.0.0.1', '1127.0.0.1'])(
    'do not leave for a host that only looks like this machine: %s',
    async (host) => {
      const { url } = await open(site);
      expect((await send(`${url}/login`, 'POST', { host }, { user: 'alice' })).setCookies).toEqual([]);
    },
  );

  it('are sent for another host where a trusted proxy reports TLS', async () => {
    const { url, sink } = await open(site, {}, true);
    const host = { host: 'app.example.com' };
    const https = await send(
      `${url}/login`,
      'POST',
      { ...host, 'x-forwarded-proto': 'https' },
      { user: 'alice' },
    );
    expect(https.setCookies).toHaveLength(1);
    expect(https.setCookies[0]).toContain('Secure');
    expect(sink.text).not.toContain('trust proxy');
    const http = await send(
      `${url}/login`,
      'POST',
      { ...host, 'x-forwarded-proto': 'http' },
      { user: 'alice' },
    );
    expect(http.setCookies).toEqual([]);
  });

  it('are sent over plain HTTP where the application asks for it', async () => {
    const { url } = await open(site, { cookie: { secure: false } });
    const [cookie] = (await send(`${url}/login`, 'POST', { host: 'intranet.example' }, { user: 'alice' }))
      .setCookies;
    expect(cookie).toMatch(/^session=/);
    expect(attributesOf(cookie!)).toEqual({ path: '/', httponly: '', samesite: 'Lax' });
  });

  it('are not set for visitors whose session is unchanged, and the store is not called', async () => {
    const { browser, store } = await open(site);
    for (const path of ['/untouched', '/look', '/many/glance', '/me', '/sensitive', '/fail', '/nowhere']) {
      for (const cookie of ['', 'theme=dark; other=1']) {
        const answer = await browser.get(path, { cookie });
        expect([path, answer.setCookies]).toEqual([path, []]);
      }
    }
    expect((await browser.post('/data', {})).setCookies).toEqual([]);
    expect(store.calls).toEqual([]);
  });

  it('signed with an old secret still open, and new ones are signed with the first', async () => {
    // One list of revocations for all nodes, as well.
    const store = site.backend.over(new SpyStore());
    const clock = new FakeClock();
    const [old, next] = [SECRET, 'another-one-of-32-bytes-or-more-0123456789'];
    const node = async (secret: string[]) => {
      const { url } = await start(site, {
        controllers: [AppController],
        options: { store, clock, secret },
      });
      return new Browser(url);
    };
    const [before, during, after] = [await node([old]), await node([next, old]), await node([next])];
    await before.post('/login', { user: 'alice' });
    const oldCookie = before.cookie;
    expect((await during.get('/me', { cookie: oldCookie })).status).toBe(200);
    await during.post('/login', { user: 'bob' });
    const newCookie = during.cookie;
    expect((await after.get('/me', { cookie: newCookie })).json()).toEqual({ subject: 'bob' });
    expect((await before.get('/me', { cookie: newCookie })).status).toBe(401);
    expect((await after.get('/me', { cookie: oldCookie })).status).toBe(401);
    // A removed secret says nothing of the session itself.
    expect((await during.get('/me', { cookie: oldCookie })).status).toBe(200);
    // A rotation brings the cookie under the first secret.
    clock.advance('16m');
    const [renewed] = (await during.get('/me', { cookie: oldCookie })).setCookies;
    expect((await after.get('/me', { cookie: renewed!.split(';', 1)[0]! })).status).toBe(200);
  });
});

const OWN = 'a secret of the application itself';

// It reads signed cookies, not sealed ones.
describe('beside cookie-parser', () => {
  it('the cookie is one that it reads with cookieKeys()', async () => {
    const { url } = await start('express', {
      controllers: [AppController, ManyController],
      prepare: (app) => void app.use(cookieParser([OWN, ...cookieKeys(SECRET)])),
    });
    const browser = new Browser(url);
    await browser.post('/login', { user: 'alice' });
    const { id, cookies } = (await browser.get('/many/signed')).json<{ id: string; cookies: object }>();
    const { secret } = tokenOf(browser.cookie);
    expect(cookies).toEqual({ [COOKIE]: `${id}.${secret}` });
    const forged = browser.cookie.slice(0, -3) + 'AAA';
    expect((await browser.get('/many/signed', { cookie: forged })).json()).toMatchObject({
      cookies: { [COOKIE]: false },
    });
  });
});
