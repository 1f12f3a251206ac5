import { jest } from '@jest/globals';
import { MemoryStore } from 'nest-sessions';
import { Browser, send, type Answer } from '../support/browser.js';
import { DEMO_PASSWORDS, startLoginSample, type RunningSample } from '../support/login-sample.js';

const HTML = { accept: 'text/html,*/*;q=0.8' };
const PAYLOAD = '"<img/src=x/onerror=alert(1)>"@example.com';

// Each login is the work of a real password hash, and the machine may have other things to do.
jest.setTimeout(60_000);

let sample: RunningSample;

beforeEach(async () => {
  sample = await startLoginSample();
});
afterEach(() => sample.app.close());

type User = keyof typeof DEMO_PASSWORDS;

async function loggedIn(login: User, extra: Record<string, string> = {}): Promise<Browser> {
  const browser = new Browser(sample.url);
  expect((await logIn(browser, login, extra)).status).toBe(303);
  return browser;
}

function logIn(browser: Browser, login: User, extra: Record<string, string> = {}): Promise<Answer> {
  return browser.post('/login', { login, password: DEMO_PASSWORDS[login], ...extra });
}

describe('somebody who wants to log out another user', () => {
  const idsOnPage = async (browser: Browser): Promise<string[]> =>
    [...(await browser.get('/account/devices')).body.matchAll(/name="id" value="([^"]+)"/g)].map(
      ([, id]) => id!,
    );

  it('cannot, even with the id of the session', async () => {
    const [bob, bobsPhone, mallory] = [await loggedIn('bob'), await loggedIn('bob'), await loggedIn('alice')];
    const [phone] = await idsOnPage(bob);
    expect((await mallory.post('/account/devices/revoke', { id: phone })).status).toBe(404);
    expect((await bobsPhone.get('/account')).status).toBe(200);
    expect((await bob.post('/account/devices/revoke', { id: phone })).status).toBe(303);
    expect((await bobsPhone.get('/account')).status).toBe(401);
  });

  it('cannot end the sessions of all others, but only their own', async () => {
    const [bob, mallory, mallorysPhone] = [
      await loggedIn('bob'),
      await loggedIn('alice'),
      await loggedIn('alice'),
    ];
    expect((await mallory.post('/account/devices/revoke-others', { subject: 'user-2' })).status).toBe(303);
    expect((await mallorysPhone.get('/account')).status).toBe(401);
    expect((await bob.get('/account')).status).toBe(200);
  });

  it('cannot with a login that is old, be it of the same user', async () => {
    const [bob, phone] = [await loggedIn('bob'), await loggedIn('bob')];
    const [id] = await idsOnPage(bob);
    sample.clock.advance('301s');
    const refused = await bob.post('/account/devices/revoke', { id });
    expect(refused.status).toBe(401);
    expect(refused.json()).toMatchObject({ code: 'ERR_RELOGIN_REQUIRED', maxAge: 300 });
    expect((await phone.get('/account')).status).toBe(200);
  });
});

describe('a link that leads away after the login', () => {
  const ELSEWHERE = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example',
    '/\t/evil.example/',
    '/%09//evil.example/..//../',
    '/..//evil.example',
    'javascript:alert(1)',
    ' //evil.example',
  ];

  it('does not', async () => {
    const browser = new Browser(sample.url);
    for (const next of ELSEWHERE) {
      const page = await browser.get(`/login?next=${encodeURIComponent(next)}`);
      expectOwn(/name="next" value="([^"]*)"/.exec(page.body)![1]!);
      expectOwn((await logIn(browser, 'alice', { next })).headers.location!);
    }
  });

  it('does not after the re-login', async () => {
    const browser = await loggedIn('alice');
    for (const next of ELSEWHERE) {
      const again = await browser.post('/login/again', { password: DEMO_PASSWORDS.alice, next });
      expect(again.status).toBe(303);
      expectOwn(again.headers.location!);
    }
  });

  it('goes where it should otherwise', async () => {
    const answer = await logIn(new Browser(sample.url), 'alice', { next: '/checkout?a=b' });
    expect(answer.headers.location).toBe('/checkout?a=b');
  });

  it('is not made of the address or the Referer of a refused request', async () => {
    const browser = await loggedIn('alice');
    sample.clock.advance('6m');
    const headers = { ...HTML, referer: 'http://evil.example/account/email' };
    const refused = await browser.post('/account/email', { email: 'a@b.example' }, { headers });
    expect(refused.status).toBe(303);
    expect(refused.headers.location).toBe('/login/again?next=%2F');
    const twice = await send(`${sample.url}//evil.example/%2e%2e/account`, 'GET', HTML);
    expect(twice.body).not.toContain('value="//');
  });

  function expectOwn(location: string): void {
    expect(location).toMatch(/^\//);
    expect(new URL(location, sample.url).origin).toBe(sample.url);
  }
});

describe('markup in what a user enters', () => {
  it('is text when it comes back from where it was stored', async () => {
    const bob = await loggedIn('bob');
    expect((await bob.post('/account/email', { email: PAYLOAD })).status).toBe(303);
    for (const path of ['/account', '/account/email']) {
      const { body } = await bob.get(path);
      expect(body).toContain('&quot;&lt;img/src=x/onerror=alert(1)&gt;&quot;@example.com');
      expect(body).not.toContain('<img/src');
    }
  });

  it('is text when it is shown at once', async () => {
    const browser = new Browser(sample.url);
    const answers = [
      await browser.get(`/login?next=${encodeURIComponent(`/${PAYLOAD}`)}`),
      await browser.post('/login', { login: PAYLOAD, password: 'x', next: `/${PAYLOAD}` }),
      await browser.get(`/?notice=${encodeURIComponent(PAYLOAD)}`),
      await browser.get(`/${encodeURIComponent(PAYLOAD)}`, { headers: HTML }),
      await (await loggedIn('alice')).post('/account/email', { email: `${PAYLOAD} ` }),
    ];
    for (const { body } of answers) expect(body).not.toContain('<img/src');
    expect(answers[1]!.body).toContain('value="&quot;&lt;img');
  });

  it('is not let into the list of devices by a User-Agent', async () => {
    const browser = new Browser(sample.url);
    const headers = { 'user-agent': `Chrome/1 Linux <script>alert(1)</script>` };
    await browser.post('/login', { login: 'bob', password: DEMO_PASSWORDS.bob }, { headers });
    const { body } = await browser.get('/account/devices', { headers });
    expect(body).toContain('Chrome on Linux');
    expect(body).not.toContain('<script>alert');
  });

  it('would find no script allowed inline', async () => {
    const policy = (await new Browser(sample.url).get('/')).headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });
});

describe('another site that makes the browser send requests', () => {
  it.each([
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
  ])('cannot log in, log out or fill a cart (%s)', async (_name, headers) => {
    const browser = new Browser(sample.url);
    const login = await browser.post('/login', { login: 'bob', password: DEMO_PASSWORDS.bob }, { headers });
    expect(login.status).toBe(403);
    expect(login.setCookies).toEqual([]);
    const alice = await loggedIn('alice');
    for (const path of ['/logout', '/cart/add', '/account/devices/revoke-others', '/account/email']) {
      const answer = await alice.post(path, { sku: 'ink' }, { headers: { ...headers, ...HTML } });
      expect(answer.status).toBe(403);
      expect(answer.headers['content-type']).toContain('text/html');
    }
    const { status, body } = await alice.get('/account');
    expect(status).toBe(200);
    expect(body).toContain('0 items');
  });
});

describe('whoever captured cookies', () => {
  const asThief = async (cookie: string): Promise<number> =>
    (await send(`${sample.url}/account`, 'GET', { cookie })).status;

  it('is logged out with all of them, whichever they saw on the way', async () => {
    const browser = new Browser(sample.url);
    const captured: string[] = [];
    const step = async (path: string, body: object): Promise<void> => {
      expect((await browser.post(path, body)).status).toBe(303);
      if (browser.cookie !== '') captured.push(browser.cookie);
    };
    await step('/cart/add', { sku: 'ink' });
    await step('/login', { login: 'alice', password: DEMO_PASSWORDS.alice });
    sample.clock.advance('16m');
    await step('/cart/add', { sku: 'ink' });
    await step('/login/again', { password: DEMO_PASSWORDS.alice });
    await step('/account/email', { email: 'alice@example.org' });
    await step('/login', { login: 'alice', password: DEMO_PASSWORDS.alice, remember: 'yes' });
    const distinct = [...new Set(captured)];
    expect(distinct.length).toBe(5);
    expect(await asThief(distinct.at(-1)!)).toBe(200);
    await step('/logout', {});
    for (const cookie of distinct) expect(await asThief(cookie)).toBe(401);
    sample.clock.advance('1d');
    for (const cookie of distinct) expect(await asThief(cookie)).toBe(401);
  });

  it('gains nothing from a session that they planted before the login', async () => {
    const thief = new Browser(sample.url);
    await thief.post('/cart/add', { sku: 'ink' });
    const planted = thief.cookie;
    const victim = new Browser(sample.url);
    const answer = await victim.post(
      '/login',
      { login: 'alice', password: DEMO_PASSWORDS.alice },
      { cookie: planted },
    );
    expect(answer.status).toBe(303);
    expect(answer.setCookies).toHaveLength(1);
    expect(await asThief(planted)).toBe(401);
  });

  it('learns nothing of why a cookie is refused', async () => {
    const [revoked, expired] = [await loggedIn('alice'), await loggedIn('bob')];
    await revoked.post('/logout', {}, { cookie: revoked.cookie });
    const first = revoked.cookie;
    const ofRevoked = await send(`${sample.url}/account`, 'GET', { cookie: first });
    const ofForged = await send(`${sample.url}/account`, 'GET', { cookie: `${first.slice(0, -2)}AA` });
    sample.clock.advance('31m');
    const ofExpired = await send(`${sample.url}/account`, 'GET', { cookie: expired.cookie });
    const seen = [ofRevoked, ofForged, ofExpired].map(({ status, body, headers }) => {
      const { date: _date, 'set-cookie': _cookie, ...rest } = headers;
      return { status, body, rest };
    });
    expect(seen[0]!.status).toBe(401);
    // What the application did not sign may be another one's: it is left alone.
    expect(ofForged.setCookies).toEqual([]);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });

  it('is not kept alive by a page that was left open and polls', async () => {
    const browser = await loggedIn('alice');
    for (let minutes = 0; minutes < 30; minutes += 5) {
      expect((await browser.get('/account/freshness')).status).toBe(200);
      sample.clock.advance('5m');
    }
    expect((await browser.get('/account/freshness')).status).toBe(401);
  });

  it('gets no page that prints the cookie from another machine’s address', async () => {
    const browser = await loggedIn('alice');
    const headers = { host: 'shop.example', cookie: browser.cookie };
    expect((await send(`${sample.url}/account/cookie`, 'GET', headers)).status).toBe(404);
    expect((await browser.get('/account/cookie')).body).toContain(browser.cookie);
  });
});

describe('somebody who tries user names', () => {
  it('gets the same response for every failure, after the same work', async () => {
    const browser = new Browser(sample.url);
    const attempt = async (login: string): Promise<{ body: string; took: number }> => {
      const start = performance.now();
      const { status, body } = await browser.post('/login', { login, password: 'wrong' });
      expect(status).toBe(401);
      return { body: body.replace(login, '…'), took: performance.now() - start };
    };
    await attempt('alice');
    const known = [await attempt('alice'), await attempt('alice')];
    const unknown = [await attempt('nobody'), await attempt('nobody')];
    expect(unknown[0]!.body).toBe(known[0]!.body);
    // Without the work it would be a hundredth; on a busy machine times vary, but not that much.
    const best = (runs: { took: number }[]): number => Math.min(...runs.map(({ took }) => took));
    expect(best(unknown)).toBeGreaterThan(best(known) / 4);
  });
});

describe('a store that does not respond', () => {
  class Broken extends MemoryStore {
    down = false;

    override load(...args: Parameters<MemoryStore['load']>): ReturnType<MemoryStore['load']> {
      if (this.down) throw new Error('down');
      return super.load(...args);
    }
  }

  it('is a 503 as a page or as JSON, and the cookie is kept', async () => {
    const store = new Broken();
    await sample.app.close();
    sample = await startLoginSample(store);
    const browser = await loggedIn('alice');
    store.down = true;
    const page = await browser.get('/account', { headers: HTML });
    expect(page.status).toBe(503);
    expect(page.body).toContain('You are not logged out');
    const api = await browser.get('/account');
    expect(api.json()).toMatchObject({ statusCode: 503, code: 'ERR_STORE_UNAVAILABLE' });
    expect([...page.setCookies, ...api.setCookies]).toEqual([]);
    store.down = false;
    expect((await browser.get('/account')).status).toBe(200);
  });
});
