import { connect } from 'node:net';
import { loginAs } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { BackendSite, sites } from '../../support/backends.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { COOKIE, legacyCookie, signedCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

async function open(on: PlatformName | BackendSite) {
  const store = new SpyStore();
  const kept = on instanceof BackendSite ? on.backend.over(store) : store;
  const running = await start(on, { controllers: [AppController], options: { store: kept } });
  return { ...running, store, browser: new Browser(running.url) };
}

describe('many tokens', () => {
  it('have a unique id of 128 bits and a unique secret of 256 random bits', async () => {
    const { app } = await start('express', {});
    const tokens = [];
    for (let i = 0; i < 10_000; i++) tokens.push(tokenOf(await loginAs(app, 'alice')));
    expect(new Set(tokens.map((token) => token.secret)).size).toBe(10_000);
    expect(new Set(tokens.map((token) => token.id)).size).toBe(10_000);
    const secrets = tokens.map((token) => Buffer.from(token.secret, 'base64url'));
    expect(secrets.every((secret) => secret.length === 32)).toBe(true);
    expect(tokens.every((token) => Buffer.from(token.id, 'base64url').length === 16)).toBe(true);
    // Each of the 256 bits is set in half of them; 300 of 10,000 is six standard deviations.
    for (let bit = 0; bit < 256; bit++) {
      const set = secrets.filter((secret) => (secret[bit >> 3]! >> (bit & 7)) & 1).length;
      expect(Math.abs(set - 5_000)).toBeLessThan(300);
    }
  });
});

describe.each(sites)('tokens on %s', (site) => {
  it('do not show the subject', async () => {
    const { browser } = await open(site);
    await browser.post('/login', { user: 'alice@example.com' });
    const value = browser.cookie.slice(COOKIE.length + 1);
    const decoded = [browser.cookie, ...decodeURIComponent(value).split('.')].flatMap((part) => [
      part,
      decodeURIComponent(part),
      Buffer.from(part, 'base64').toString('latin1'),
      Buffer.from(part, 'hex').toString('latin1'),
    ]);
    for (const text of decoded) expect(text).not.toMatch(/alice|example/i);
  });

  it.each([
    ['an unsigned one', `${COOKIE}=${'A'.repeat(22)}.${'B'.repeat(43)}`],
    ['one with a valid signature', signedCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`)],
    ['one with a valid signature of the legacy form', legacyCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`)],
  ])('are not adopted from the client: %s', async (_, cookie) => {
    const { browser, store } = await open(site);
    expect((await browser.get('/me', { cookie })).status).toBe(401);
    const written = await browser.post('/data', { a: 1 }, { cookie });
    expect(written.status).toBe(200);
    expect(written.setCookies).toHaveLength(1);
    expect(written.setCookies[0]).not.toMatch(/A{22}|B{43}/);
    const given = written.setCookies[0]!.split(';', 1)[0]!;
    expect((await browser.get('/look', { cookie: given })).json()['id']).not.toBe('A'.repeat(22));
    const loggedIn = await browser.post('/login', { user: 'alice' }, { cookie });
    expect(loggedIn.json()['id']).not.toBe('A'.repeat(22));
    expect(loggedIn.setCookies[0]).not.toMatch(/A{22}|B{43}/);
    expect(store.records().map((record) => record.id)).not.toContain('A'.repeat(22));
    expect((await browser.get('/me', { cookie })).status).toBe(401);
  });

  it('are accepted in the Cookie header only', async () => {
    const { browser } = await open(site);
    await browser.post('/login', { user: 'alice' });
    const [name, value] = browser.cookie.split('=') as [string, string];
    const plain = decodeURIComponent(value);
    expect((await browser.get('/me', { cookie: `${name}=${value}` })).status).toBe(200);
    const query = new URLSearchParams({ [name]: plain, session: plain, token: plain, sid: plain });
    expect((await browser.get(`/me?${query.toString()}`, { cookie: '' })).status).toBe(401);
    for (const header of [
      'authorization',
      'x-session',
      'x-session-id',
      'session',
      'cookie2',
      'set-cookie',
      name,
    ]) {
      for (const text of [plain, value, `Bearer ${plain}`, `${name}=${value}`]) {
        const answer = await browser.get('/me', { cookie: '', headers: { [header]: text } });
        expect([header, answer.status]).toEqual([header, 401]);
      }
    }
    const inBody = { [name]: plain, cookie: `${name}=${value}`, session: plain };
    expect((await browser.post('/revoke/x', inBody, { cookie: '' })).status).toBe(401);
  });

  it('of one session are accepted alternately until the grace period ends', async () => {
    const { browser, clock } = await open(site);
    await browser.post('/login', { user: 'alice' });
    const first = browser.cookie;
    clock.advance('16m');
    await browser.get('/me');
    const second = browser.cookie;
    expect(second).not.toBe(first);
    for (const cookie of [first, second, first, second])
      expect((await browser.get('/me', { cookie })).status).toBe(200);
    clock.advance('11s');
    expect((await browser.get('/me', { cookie: first })).status).toBe(401);
    expect((await browser.get('/me', { cookie: second })).status).toBe(401);
  });

  it('with a NUL byte are rejected without a store call', async () => {
    const { url, store } = await open(site);
    const answer = await raw(url, `GET /me HTTP/1.1\r\nHost: localhost\r\nCookie: ${COOKIE}=a\0b\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(store.calls).toEqual([]);
  });
});

// A sealed cookie has another form: test/stores/sealed/attacks.spec.ts and formats.spec.ts alter it.
describe.each(platforms)('tokens of a store on %s', (platform) => {
  it('are sent in Set-Cookie only, and their secrets never reach the store', async () => {
    const { browser, store, clock } = await open(platform);
    const tokens: string[] = [];
    const seen: string[] = [];
    const visit = async (answer: ReturnType<Browser['get']>) => {
      const { headers, body, setCookies } = await answer;
      tokens.push(...setCookies.filter((one) => !one.includes('Max-Age=0')));
      seen.push(body, JSON.stringify({ ...headers, 'set-cookie': undefined }));
    };
    await visit(browser.post('/data', { a: 1 }));
    await visit(browser.post('/login', { user: 'alice' }));
    for (const path of ['/look', '/me', '/devices', '/sensitive', '/otp', '/fail', '/nowhere'])
      await visit(browser.get(path));
    clock.advance('16m');
    await visit(browser.get('/me'));
    await visit(browser.get('/sensitive', { headers: { accept: 'text/html' } }));
    await visit(browser.post('/relogin', {}));
    await visit(browser.post('/regenerate', {}));
    await visit(browser.post('/logout'));
    expect(tokens).toHaveLength(5);
    for (const { secret, signature } of tokens.map(tokenOf)) {
      expect(secret).toHaveLength(43);
      for (const text of [...seen, store.dump()]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(signature);
      }
    }
  });

  it('cannot be made from the contents of the store', async () => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    const { id, secretHash } = store.records()[0]!;
    const { signature } = tokenOf(browser.cookie);
    expect(secretHash).toHaveLength(43);
    for (const cookie of [
      `${COOKIE}=${id}`,
      `${COOKIE}=${id}.${secretHash}`,
      `${COOKIE}=s:${id}.${secretHash}`,
      `${COOKIE}=s:${id}.${secretHash}.${signature}`,
    ])
      expect((await browser.get('/me', { cookie })).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(200);
    // Not even by who has the signing key.
    for (const sign of [legacyCookie, signedCookie])
      expect((await browser.get('/me', { cookie: sign(`${id}.${secretHash}`) })).status).toBe(401);
  });

  it('are rejected without a store call where they are malformed', async () => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    const { id, secret, signature } = tokenOf(browser.cookie);
    const token = `${id}.${secret}`;
    const values = [
      '',
      's:',
      's%3A',
      's:.',
      '.',
      '%',
      '%00',
      '%E0%A4%A',
      '%ff%fe',
      '__proto__',
      's:__proto__.constructor.toString',
      'constructor',
      token,
      `s:${token}`,
      `s:${token}.`,
      `s:${token}.${signature.slice(0, -1)}`,
      `s:${token}.${signature}A`,
      `s:${token}.${'A'.repeat(signature.length)}`,
      `S:${token}.${signature}`,
      `j:${JSON.stringify({ id })}`,
      `${token}.${signature}`,
      `s:${id}.${secret.slice(1)}.${signature}`,
      `s:${token}%00.${signature}`,
      `s:${id.toUpperCase()}.${secret}.${signature}`,
      Buffer.from(`s:${token}.${signature}`).toString('base64url'),
      'A'.repeat(8 * 1024),
      `s:${'A'.repeat(8 * 1024)}.${signature}`,
      ...['x', '', '__proto__', '\0', token.slice(1), `${token}A`, `${id}:${secret}`, 'A'.repeat(66)].map(
        (text) => signedCookie(text).slice(COOKIE.length + 1),
      ),
      ...['x', '', '__proto__', token.slice(1), `${token}A`].map((text) =>
        legacyCookie(text).slice(COOKIE.length + 1),
      ),
      legacyCookie(token, 'another-secret-of-at-least-32-bytes!').slice(COOKIE.length + 1),
      signedCookie(token, 'another-secret-of-at-least-32-bytes!').slice(COOKIE.length + 1),
    ];
    store.forget();
    for (const value of values) {
      const cookie = `${COOKIE}=${value}`;
      expect([value, (await browser.get('/me', { cookie })).status]).toEqual([value, 401]);
      expect((await browser.get('/look', { cookie })).json()).toMatchObject({ subject: null, state: 'new' });
    }
    expect(store.calls).toEqual([]);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('are rejected without a store call where one character differs from a token that was just accepted', async () => {
    const { browser, store } = await open(platform);
    await browser.post('/login', { user: 'alice' });
    expect((await browser.get('/me')).status).toBe(200);
    store.forget();
    const value = browser.cookie.slice(COOKIE.length + 1);
    for (let at = 0; at < value.length; at++) {
      for (const other of ['A', 'B', '%C3%84', '%C5%81']) {
        if (value[at] === other) continue;
        const cookie = `${COOKIE}=${value.slice(0, at)}${other}${value.slice(at + 1)}`;
        expect([cookie, (await browser.get('/me', { cookie })).status]).toEqual([cookie, 401]);
      }
    }
    expect(store.calls).toEqual([]);
    expect((await browser.get('/me')).status).toBe(200);
  });
});

/** Sends bytes as they are, which no HTTP client does, and reads until the head is there. */
function raw(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
  });
}
