import { connect } from 'node:net';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import { AppController } from '../support/app.js';
import { Browser } from '../support/browser.js';
import { closeAll, platforms, start, type Running } from '../support/platforms.js';
import { COOKIE, forgedCookie, legacyCookie } from '../support/tokens.js';

jest.setTimeout(120_000);

/** What a client can send in a header: any octet but those that end the line. */
const octet = fc.integer({ min: 0x01, max: 0xff }).filter((code) => code !== 0x0a && code !== 0x0d);
const octets = fc.array(octet, { maxLength: 40 }).map((codes) => Buffer.from(codes).toString('latin1'));
const visible = fc.string({ unit: fc.constantFrom(...'=;,%":/@.[]|\\ \tazAZ09_-'), maxLength: 40 });

const names = fc.constantFrom(
  ...[
    'Cookie',
    'Cookie',
    'Origin',
    'Sec-Fetch-Site',
    'Accept',
    'User-Agent',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
  ],
  ...['X-Forwarded-Host', 'Forwarded', 'Referer', 'Upgrade-Insecure-Requests', 'If-None-Match', 'Range'],
);
const cookies = fc.oneof(
  octets,
  visible,
  fc
    .tuple(fc.constantFrom(COOKIE, `x${COOKIE}`, COOKIE.toLowerCase()), visible)
    .map(([name, value]) => `${name}=${value}`),
  fc.constantFrom(
    forgedCookie(),
    `${forgedCookie()}; ${forgedCookie()}`,
    legacyCookie('alice'),
    `${COOKIE}=`,
  ),
);
const header = names.chain((name) =>
  fc.tuple(fc.constant(name), name === 'Cookie' ? cookies : fc.oneof(octets, visible)),
);
const headers = fc.array(header, { maxLength: 5 });
const targets = fc.constantFrom('GET /look', 'GET /untouched', 'POST /logout', 'GET /me', 'GET /sensitive');

interface Reply {
  status: number;
  head: string;
  body: string;
}

/** Written as it is: a client of Node would refuse most of it. */
function exchange(url: string, request: string): Promise<Reply> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(request, 'latin1'));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      resolve({ status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4) });
    });
  });
}

function requestOf(target: string, given: readonly (readonly [string, string])[], host: string): string {
  const lines = given.map(([name, value]) => `${name}: ${value}`);
  return [
    `${target} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: close',
    'Content-Length: 0',
    ...lines,
    '',
    '',
  ].join('\r\n');
}

const runs = { numRuns: process.env['CI'] ? 500 : 150 };

describe.each(platforms)('any headers of a request, %s', (platform) => {
  let site: Running;
  let host: string;

  beforeAll(async () => {
    site = await start(platform, { controllers: [AppController], trustProxy: true });
    host = new URL(site.url).host;
  });
  afterAll(closeAll);

  it('get a response that is no failure of the server, and open no session', async () => {
    await fc.assert(
      fc.asyncProperty(targets, headers, async (target, given) => {
        const { status, head, body } = await exchange(site.url, requestOf(target, given, host));
        expect(status).toBeGreaterThanOrEqual(200);
        expect(status).toBeLessThan(500);
        expect(head).not.toMatch(new RegExp(`^set-cookie: ${COOKIE}=[^;]`, 'im'));
        if (target === 'GET /look' && status === 200)
          expect(JSON.parse(body)).toMatchObject({ subject: null, data: {} });
        if (target === 'GET /me' || target === 'GET /sensitive') expect(status).toBeGreaterThanOrEqual(400);
      }),
      runs,
    );
  });

  it('leave a session that the Cookie header names open', async () => {
    const browser = new Browser(site.url);
    await browser.post('/login', { user: 'alice' });
    const cookie = browser.cookie;
    const noise = fc.array(
      visible.map((text) => text.replaceAll(';', ',')),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(noise, noise, async (before, after) => {
        const value = [...before, cookie, ...after].join('; ');
        const { status, body } = await exchange(site.url, requestOf('GET /me', [['Cookie', value]], host));
        expect([status, body]).toEqual([200, '{"subject":"alice"}']);
      }),
      runs,
    );
  });

  it('with a token that differs in one character open nothing', async () => {
    const browser = new Browser(site.url);
    await browser.post('/login', { user: 'alice' });
    const cookie = browser.cookie;
    const at = fc.integer({ min: COOKIE.length + 1, max: cookie.length - 1 });
    const other = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
    await fc.assert(
      fc.asyncProperty(at, other, async (at, other) => {
        const altered = cookie.slice(0, at) + other + cookie.slice(at + 1);
        if (altered === cookie) return;
        const { status } = await exchange(site.url, requestOf('GET /me', [['Cookie', altered]], host));
        expect(status).toBe(401);
      }),
      runs,
    );
  });
});
