import { connect } from 'node:net';
import { loginAs } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import { SpyStore } from '../../support/spy-store.js';
import { COOKIE, legacyCookie, signedCookie, tokenOf } from '../../support/tokens.js';

afterEach(closeAll);

async function open(platform: PlatformName) {
  const store = new SpyStore();
  const running = await start(platform, { controllers: [AppController], options: { store } });
  return { ...running, store, browser: new Browser(running.url) };
}

describe('many tokens', () => {
  it('are unique, of 256 random bits beside an id of 128', async () => {
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

describe.each(platforms)('tokens on %s', (platform) => {
  it('tell nothing of the user', async () => {
    const { browser } = await open(platform);
    await browser.post('/login', { user: 'alice@example.com' });
    const { id, secret, signature } = tokenOf(browser.cookie);
    const decoded = [browser.cookie, id, secret, signature].flatMap((part) => [
      part,
      decodeURIComponent(part),
      Buffer.from(part, 'base64').toString('latin1'),
      Buffer.from(part, 'hex').toString('latin1'),
    ]);
    for (const text of decoded) expect(text).not.toMatch(/alice|example/i);
  });

  it.each([
    ['that nobody signed', `${COOKIE}=${'A'.repeat(22)}.${'B'.repeat(43)}`],
    ['even with a good signature', signedCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`)],
    ['even with a good signature of the legacy form', legacyCookie(`${'A'.repeat(22)}.${'B'.repeat(43)}`)],
  ])('are never adopted from the client: an invented one %s', async (_, cookie) => {
    const { browser, store } = await open(platform);
    expect((await browser.get('/me', { cookie })).status).toBe(401);
    const written = await browser.post('/data', { a: 1 }, { cookie });
    expect(written.status).toBe(200);
    const given = tokenOf(written.setCookies[0]!);
    expect(given.id).not.toBe('A'.repeat(22));
    expect(given.secret).not.toBe('B'.repeat(43));
    const loggedIn = await browser.post('/login', { user: 'alice' }, { cookie });
    expect(tokenOf(loggedIn.setCookies[0]!).id).not.toBe('A'.repeat(22));
    expect(store.records().map((record) => record.id)).not.toContain('A'.repeat(22));
    expect((await browser.get('/me', { cookie })).status).toBe(401);
  });

  it('count in the cookie alone', async () => {
    const { browser } = await open(platform);
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

  it('leave in Set-Cookie alone, and the store never hears them', async () => {
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

  it('cannot be made of what is in the store', async () => {
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

  it('that are malformed are refused before the store, and never a 500', async () => {
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

  it('are refused before the store with any one character altered, though the genuine one has just passed', async () => {
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

  it('of one session pass by turns, each as long as it is honoured', async () => {
    const { browser, clock } = await open(platform);
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

  it('with a NUL on the wire get no further', async () => {
    const { url, store } = await open(platform);
    const answer = await raw(url, `GET /me HTTP/1.1\r\nHost: localhost\r\nCookie: ${COOKIE}=a\0b\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(store.calls).toEqual([]);
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
