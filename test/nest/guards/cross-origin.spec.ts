import { Controller, Delete, Get, Patch, Post, Put, HttpCode } from '@nestjs/common';
import { AllowCrossOrigin, type SessionModuleOptions } from 'nest-sessions';
import { AppController } from '../../support/app.js';
import { sites, type BackendSite } from '../../support/backends.js';
import { Browser, send } from '../../support/browser.js';
import { closeAll, start } from '../../support/platforms.js';
import { rawRequest } from '../../support/raw-request.js';
import { SpyStore } from '../../support/spy-store.js';

afterEach(closeAll);

@Controller('thing')
class ThingController {
  @Get()
  get() {
    return { ok: true };
  }

  @Post()
  @HttpCode(200)
  post() {
    return { ok: true };
  }

  @Put()
  put() {
    return { ok: true };
  }

  @Patch()
  patch() {
    return { ok: true };
  }

  @Delete()
  remove() {
    return { ok: true };
  }

  @Post('callback')
  @HttpCode(200)
  @AllowCrossOrigin()
  callback() {
    return { ok: true };
  }
}

async function open(site: BackendSite, options: Partial<SessionModuleOptions> = {}, trustProxy = false) {
  const store = new SpyStore();
  const running = await start(site, {
    controllers: [AppController, ThingController],
    options: { store: site.backend.over(store), ...options },
    trustProxy,
  });
  return { ...running, store, host: new URL(running.url).host };
}

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];

describe.each(sites)('requests for other sites on %s', (site) => {
  it.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['same-origin', 200],
    ['none', 200],
    ['Cross-Site', 403],
    ['', 403],
    ['nonsense', 403],
  ])('are known by Sec-Fetch-Site: %j', async (value, status) => {
    const { url } = await open(site);
    for (const method of UNSAFE) {
      const answer = await send(`${url}/thing`, method, { 'sec-fetch-site': value });
      expect([method, answer.status]).toEqual([method, status]);
    }
    for (const method of ['GET', 'HEAD'])
      expect((await send(`${url}/thing`, method, { 'sec-fetch-site': value })).status).toBe(200);
  });

  it.each([
    ['its own', (host: string) => `http://${host}`, 200],
    ['its own over TLS', (host: string) => `https://${host}`, 200],
    ['another site', () => 'https://evil.example', 403],
    ['none to tell', () => 'null', 403],
    ['another port', (host: string) => `http://${host.replace(/\d+$/, '1')}`, 403],
    ['one that ends alike', (host: string) => `http://evil${host}`, 403],
    ['one that begins alike', (host: string) => `http://${host}.evil.example`, 403],
    ['its own as a user name', (host: string) => `http://${host}@evil.example`, 403],
    ['no URL', () => 'evil', 403],
    ['nothing', () => '', 403],
  ])('are known by Origin where the browser is old: %s', async (_, origin, status) => {
    const { url, host } = await open(site);
    for (const method of UNSAFE) {
      const answer = await send(`${url}/thing`, method, { origin: origin(host) });
      expect([method, answer.status]).toEqual([method, status]);
    }
    expect((await send(`${url}/thing`, 'GET', { origin: origin(host) })).status).toBe(200);
  });

  it('are not made by what is no browser', async () => {
    const { url } = await open(site);
    for (const method of UNSAFE) expect((await send(`${url}/thing`, method, {})).status).toBe(200);
  });

  it('are recognised by Sec-Fetch-Site before Origin', async () => {
    const { url, host } = await open(site);
    const ask = async (site: string, origin: string) =>
      (await send(`${url}/thing`, 'POST', { 'sec-fetch-site': site, origin })).status;
    expect(await ask('cross-site', `http://${host}`)).toBe(403);
    expect(await ask('same-origin', 'https://app.example.com')).toBe(200);
  });

  it('go by the host that a trusted proxy was asked for', async () => {
    const headers = {
      origin: 'https://app.example.com',
      host: 'internal:8080',
      'x-forwarded-host': 'app.example.com',
      'x-forwarded-proto': 'https',
    };
    const trusting = await open(site, {}, true);
    expect((await send(`${trusting.url}/thing`, 'POST', headers)).status).toBe(200);
    const wary = await open(site);
    expect((await send(`${wary.url}/thing`, 'POST', headers)).status).toBe(403);
  });

  it('are known by the scheme where a trusted proxy tells it', async () => {
    const { url } = await open(site, {}, true);
    const ask = async (origin: string) => {
      const headers = { origin, 'x-forwarded-host': 'app.example.com', 'x-forwarded-proto': 'https' };
      return (await send(`${url}/thing`, 'POST', headers)).status;
    };
    expect(await ask('https://app.example.com')).toBe(200);
    expect(await ask('http://app.example.com')).toBe(403);
  });

  it.each([
    ['http://app.example.com', 'app.example.com:80', 200],
    ['https://app.example.com', 'app.example.com:443', 200],
    ['https://app.example.com', 'APP.example.com:443', 200],
    ['http://app.example.com', 'app.example.com:443', 403],
    ['https://app.example.com:8443', 'app.example.com:443', 403],
    ['https://app.example.com', 'app.example.com:8443', 403],
  ])('know the default port: %s and Host: %s', async (origin, host, status) => {
    const { url } = await open(site);
    expect((await send(`${url}/thing`, 'POST', { origin, host })).status).toBe(status);
  });

  it.each(['null', 'http://evil.example', 'undefined', ''])(
    'have no Host and the Origin %j, as HTTP/1.0 allows',
    async (origin) => {
      const { url } = await open(site);
      const request = (head: string[]) =>
        rawRequest(url, ['POST /thing HTTP/1.0', ...head, 'Content-Length: 0', '', ''].join('\r\n'));
      expect(await request([`Origin: ${origin}`])).toMatch(/^HTTP\/1\.[01] 403/);
      // What is no browser may leave out both.
      expect(await request([])).toMatch(/^HTTP\/1\.[01] 200/);
    },
  );

  it('of an application with a scheme of its own pass where it is named', async () => {
    const options: Partial<SessionModuleOptions> = { crossOrigin: { allow: ['capacitor://localhost'] } };
    const { url } = await open(site, options);
    const ask = async (origin: string) =>
      (await send(`${url}/thing`, 'POST', { origin, 'sec-fetch-site': 'cross-site' })).status;
    expect(await ask('capacitor://localhost')).toBe(200);
    expect(await ask('capacitor://localhost.evil')).toBe(403);
    expect(await ask('ionic://localhost')).toBe(403);
  });

  it('change nothing, not even who is logged in', async () => {
    const { url, store } = await open(site);
    const browser = new Browser(url);
    const foreign = { headers: { 'sec-fetch-site': 'cross-site' } };
    const login = await browser.post('/login', { user: 'mallory' }, foreign);
    expect([login.status, login.json()['code'], login.setCookies]).toEqual([403, 'ERR_CROSS_ORIGIN', []]);
    expect(store.calls).toEqual([]);
    await browser.post('/login', { user: 'alice' });
    const before = store.records();
    for (const path of ['/data', '/relogin', '/regenerate', '/clear', '/logout', '/login', '/revoke-others'])
      expect([path, (await browser.post(path, { user: 'mallory' }, foreign)).status]).toEqual([path, 403]);
    expect(store.records()).toEqual(before);
    expect((await browser.get('/me')).json()).toEqual({ subject: 'alice' });
  });

  it('get a response that caches keep apart', async () => {
    const { url } = await open(site);
    const { headers } = await send(`${url}/thing`, 'POST', { 'sec-fetch-site': 'cross-site' });
    const vary = headers.vary!.toLowerCase().split(/,\s*/);
    expect(vary).toEqual(expect.arrayContaining(['sec-fetch-site', 'origin']));
  });

  it('pass from the origins of a list, and from no other', async () => {
    const { url } = await open(site, { crossOrigin: { allow: ['https://app.example.com'] } });
    const ask = async (origin: string, site?: string) =>
      (await send(`${url}/thing`, 'POST', { origin, ...(site && { 'sec-fetch-site': site }) })).status;
    for (const site of ['same-site', 'cross-site', undefined])
      expect(await ask('https://app.example.com', site)).toBe(200);
    for (const origin of [
      'https://app.example.com.evil.example',
      'http://app.example.com',
      'https://app.example.com:8443',
      'https://example.com',
      'null',
    ])
      expect([origin, await ask(origin, 'same-site'), await ask(origin)]).toEqual([origin, 403, 403]);
    expect((await send(`${url}/thing`, 'POST', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('pass to a handler with @AllowCrossOrigin(), and where the application allows all', async () => {
    const strict = await open(site);
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://idp.example' };
    expect((await send(`${strict.url}/thing/callback`, 'POST', foreign)).status).toBe(200);
    expect((await send(`${strict.url}/thing`, 'POST', foreign)).status).toBe(403);
    const lax = await open(site, { crossOrigin: 'allow' });
    expect((await send(`${lax.url}/thing`, 'POST', foreign)).status).toBe(200);
    expect((await send(`${lax.url}/logout`, 'POST', foreign)).status).toBe(200);
  });

  it('pass on routes without a session', async () => {
    const { url } = await open(site, { exclude: ['/thing'] });
    expect((await send(`${url}/thing`, 'POST', { 'sec-fetch-site': 'cross-site' })).status).toBe(200);
    expect((await send(`${url}/data`, 'POST', { 'sec-fetch-site': 'cross-site' }, {})).status).toBe(403);
  });
});
