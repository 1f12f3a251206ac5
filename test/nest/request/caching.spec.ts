import { Controller, Get, Header, HttpCode, Post, Redirect, Req, Res, UseGuards } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cacheable, LoginGuard, Relogin, Session, SessionService } from 'nest-sessions';
import { AppController, type Data } from '../../support/app.js';
import { sites } from '../../support/backends.js';
import { Browser, type Answer } from '../../support/browser.js';
import { closeAll, start, type Site } from '../../support/platforms.js';

afterEach(closeAll);

type RawCarrier<T> = T & { raw?: T };

@Controller('cache')
class CacheController {
  constructor(private readonly sessions: SessionService<Data>) {}

  @Get('public')
  @Header('Cache-Control', 'public, max-age=3600, s-maxage=7200')
  shared(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('targeted')
  @Header('CDN-Cache-Control', 'public, max-age=600')
  @Header('Surrogate-Control', 'max-age=600')
  @Header('Cloudflare-CDN-Cache-Control', 'max-age=600')
  @Header('Vercel-CDN-Cache-Control', 'max-age=600')
  @Header('Netlify-CDN-Cache-Control', 'public, durable')
  @Header('Akamai-Cache-Control', 'max-age=600')
  @Header('Edge-Control', 'max-age=600')
  @Header('X-Accel-Expires', '600')
  targeted(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('targeted-head')
  targetedHead(@Session() session: Session<Data>, @Res() reply: RawCarrier<ServerResponse>) {
    const response = reply.raw ?? reply;
    response.writeHead(200, {
      'CDN-Cache-Control': 'public',
      'X-Accel-Expires': '600',
      'X-Session': String(session.subject),
    });
    response.end();
  }

  @Get('no-cache')
  @Header('Cache-Control', 'no-cache')
  noCache(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('no-store')
  @Header('Cache-Control', 'no-store')
  noStore(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('private')
  @Header('Cache-Control', 'Private, max-age=60')
  private(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('vary')
  @Header('Vary', 'Accept-Language, cookie')
  vary(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('vary-all')
  @Header('Vary', '*')
  varyAll(@Session() session: Session<Data>) {
    return { subject: session.subject ?? null };
  }

  @Get('untouched')
  @Header('Cache-Control', 'public, max-age=60')
  untouched() {
    return { ok: true };
  }

  @Get('current')
  current() {
    return { subject: this.sessions.current.subject ?? null };
  }

  @Get('part')
  part(@Session('cart') cart: unknown) {
    return { cart: cart ?? null };
  }

  @Get('guarded')
  @UseGuards(LoginGuard)
  guarded() {
    return { ok: true };
  }

  @Get('fresh')
  @Relogin('5m')
  fresh() {
    return { ok: true };
  }

  @Get('redirect')
  @Redirect('/elsewhere', 302)
  redirect(@Session() session: Session<Data>) {
    return { url: `/home/${session.subject ?? ''}` };
  }

  @Get('crash')
  crash(@Session() session: Session<Data>) {
    throw new Error(session.id);
  }

  @Get('raw')
  raw(@Session() session: Session<Data>, @Res() response: RawCarrier<ServerResponse>) {
    const raw = response.raw ?? response;
    raw.writeHead(200, { 'Cache-Control': 'public, max-age=60', 'X-Id': session.id.length });
    raw.end('raw');
  }

  @Get('etag')
  etag(
    @Session() session: Session<Data>,
    @Req() request: RawCarrier<IncomingMessage>,
    @Res() response: RawCarrier<ServerResponse>,
  ) {
    const raw = response.raw ?? response;
    raw.setHeader('ETag', '"1"');
    raw.statusCode = request.headers['if-none-match'] === '"1"' ? 304 : 200;
    raw.end(raw.statusCode === 304 ? undefined : String(session.subject));
  }

  @Get('cacheable')
  @Cacheable()
  @Header('Cache-Control', 'public, max-age=60')
  cacheable(@Session() session: Session<Data>) {
    return { loggedIn: session.loggedIn ? 'x' : 'x' };
  }

  @Post('set-public')
  @HttpCode(200)
  @Cacheable()
  @Header('Cache-Control', 'public, max-age=3600')
  async set() {
    await this.sessions.login('alice');
    return { ok: true };
  }
}

async function open(site: Site) {
  const running = await start(site, { controllers: [AppController, CacheController] });
  const alice = new Browser(running.url);
  await alice.post('/login', { user: 'alice' });
  return { ...running, alice, nobody: new Browser(running.url) };
}

const control = (answer: Answer) => (answer.headers['cache-control'] ?? '').split(/,\s*/).filter(Boolean);
const vary = (answer: Answer) => (answer.headers.vary ?? '').toLowerCase().split(/,\s*/).filter(Boolean);

function expectPrivate(answer: Answer) {
  expect(control(answer).some((one) => /^(?:private|no-store)$/i.test(one))).toBe(true);
  expect(control(answer).filter((one) => /^(?:public|s-maxage)/i.test(one))).toEqual([]);
  expect(vary(answer).filter((one) => one === 'cookie' || one === '*')).toHaveLength(1);
}

const TARGETED = [
  'cdn-cache-control',
  'surrogate-control',
  'cloudflare-cdn-cache-control',
  'vercel-cdn-cache-control',
  'netlify-cdn-cache-control',
  'akamai-cache-control',
  'edge-control',
];

/** nginx has a word of its own for it. */
const FORBIDDEN = [...TARGETED.map((name) => [name, 'no-store']), ['x-accel-expires', '0']];

describe.each(sites)('caches on %s', (site) => {
  it('of CDNs keep nothing, whatever their own header fields say', async () => {
    const { alice } = await open(site);
    const answer = await alice.get('/cache/targeted');
    expect(FORBIDDEN.map(([name]) => [name, answer.headers[name!]])).toEqual(FORBIDDEN);
    const own = await alice.get('/cache/targeted-head');
    expect(own.headers['cdn-cache-control']).toBe('no-store');
    expect(own.headers['x-accel-expires']).toBe('0');
    expectPrivate(own);
    expect((await alice.get('/look')).headers['cdn-cache-control']).toBeUndefined();
  });

  it.each([
    ['/look', 200],
    ['/me', 200],
    ['/sensitive', 200],
    ['/otp', 401],
    ['/cache/current', 200],
    ['/cache/part', 200],
    ['/cache/guarded', 200],
    ['/cache/fresh', 200],
    ['/cache/redirect', 302],
    ['/cache/crash', 500],
    ['/cache/raw', 200],
    ['/cache/etag', 200],
    ['/cache/public', 200],
    ['/cache/no-cache', 200],
  ])('of others keep nothing of a page that looks at the session: %s', async (path, status) => {
    const { alice } = await open(site);
    const answer = await alice.get(path);
    expect(answer.status).toBe(status);
    expectPrivate(answer);
  });

  it.each([
    ['/look', 200],
    ['/me', 401],
    ['/sensitive', 401],
    ['/cache/current', 200],
    ['/cache/public', 200],
    ['/cache/crash', 500],
    ['/cache/redirect', 302],
  ])('keep nothing of what an anonymous visitor got, either: %s', async (path, status) => {
    const { nobody } = await open(site);
    const answer = await nobody.get(path);
    expect(answer.status).toBe(status);
    expectPrivate(answer);
  });

  it('not even that of the browser keeps a page of who is logged in', async () => {
    const { alice, nobody } = await open(site);
    expect(control(await alice.get('/me'))).toEqual(['private', 'no-store']);
    expect(control(await nobody.get('/look'))).toEqual(['private']);
  });

  it('get the application’s directives where those are stricter', async () => {
    const { alice } = await open(site);
    expect(control(await alice.get('/cache/no-store'))).toEqual(['no-store']);
    expect(control(await alice.get('/cache/private'))).toEqual(['Private', 'max-age=60']);
    expect(control(await alice.get('/cache/no-cache'))).toEqual(['private', 'no-cache']);
    expect(control(await alice.get('/cache/public'))).toEqual(['private', 'max-age=3600']);
    expect(control(await alice.get('/cache/raw'))).toEqual(['private', 'max-age=60']);
  });

  it('get each name in Vary once', async () => {
    const { alice } = await open(site);
    expect(vary(await alice.get('/cache/vary'))).toEqual(['accept-language', 'cookie']);
    expect(vary(await alice.get('/cache/vary-all'))).toEqual(['*']);
  });

  it('may keep what never looked at the session', async () => {
    const { alice } = await open(site);
    const answer = await alice.get('/cache/untouched');
    expect(control(answer)).toEqual(['public', 'max-age=60']);
    expect(vary(answer)).not.toContain('cookie');
    expect(control(await alice.get('/untouched'))).toEqual([]);
  });

  it('never keep a response with a session cookie', async () => {
    const { alice, nobody, clock } = await open(site);
    const answers = [
      await nobody.post('/data', { a: 1 }),
      await nobody.post('/cache/set-public'),
      await nobody.post('/regenerate', {}),
      await nobody.post('/relogin', {}),
      await nobody.post('/logout'),
    ];
    clock.advance('16m');
    // The cookie is renewed beside a page that never looked at the session.
    answers.push(await alice.get('/cache/untouched'));
    clock.advance('16m');
    answers.push(await alice.get('/cache/cacheable'));
    for (const answer of answers) {
      expect(answer.setCookies).toHaveLength(1);
      expectPrivate(answer);
    }
  });

  it('may keep a response that is @Cacheable()', async () => {
    const { alice } = await open(site);
    const answer = await alice.get('/cache/cacheable');
    expect(control(answer)).toEqual(['public', 'max-age=60']);
    expect(vary(answer)).not.toContain('cookie');
  });

  it('get the directives in a 304, too', async () => {
    const { alice } = await open(site);
    const answer = await alice.get('/cache/etag', { headers: { 'if-none-match': '"1"' } });
    expect([answer.status, answer.body]).toEqual([304, '']);
    expectPrivate(answer);
    const { headers } = await alice.get('/look');
    if (headers.etag !== undefined) {
      const again = await alice.get('/look', { headers: { 'if-none-match': headers.etag } });
      expect(again.status).toBe(304);
      expectPrivate(again);
    }
  });

  it('that keep a page for Back see another cookie after every ending', async () => {
    const { alice, clock, url } = await open(site);
    const ended = async (browser: Browser, answer: Answer) => {
      expect(answer.setCookies).toHaveLength(1);
      expect(answer.setCookies[0]).toContain('Max-Age=0');
      expect(browser.cookie).toBe('');
      expectPrivate(answer);
    };
    const login = async () => {
      const browser = new Browser(url);
      await browser.post('/login', { user: 'alice' });
      return browser;
    };
    const [byLogout, byClear, byOther] = [await login(), await login(), await login()];
    await ended(byLogout, await byLogout.post('/logout'));
    await ended(byClear, await byClear.post('/clear'));
    await alice.post('/revoke-others');
    await ended(byOther, await byOther.get('/me'));
    clock.advance('31m');
    await ended(alice, await alice.get('/me'));
  });
});
