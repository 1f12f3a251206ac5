import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKS } from '../../lib/attack/checks/index.js';
import { attackOn, failuresOf } from './attack-on.js';
import { CONFIG, COOKIE, Target, type Fault, type Flaws } from './target.js';

const targets: Target[] = [];
const directory = mkdtempSync(join(tmpdir(), 'sessions-attack-'));

afterEach(async () => {
  for (const target of targets.splice(0)) await target.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

async function findings(flaws: Flaws): Promise<string[]> {
  const target = await new Target(flaws).listen();
  targets.push(target);
  return failuresOf(await attackOn(target.url, CONFIG, { insecure: flaws.tls !== undefined }));
}

/** Which checks notice a fault; the others pass. */
const FAULTS: readonly [Fault, string[]][] = [
  ['keeps the anonymous id at login', ['fixation']],
  ['adopts an unknown id at login', ['fixation-planted']],
  ['keeps the id at a second login', ['login-rotates']],
  ['keeps the id at a re-login', ['relogin-rotates']],
  ['sets a cookie at a read', ['anonymous-cookie']],
  ['logout ends nothing', ['logout']],
  ['logout ends the last cookie only', ['logout-earlier']],
  ['a write revives the session', ['logout-race']],
  ['logout refuses a dead cookie', ['logout-idempotent']],
  ['logout leaves the cookie', ['logout-cookie']],
  ['cross-site login', ['cross-site-login']],
  ['cross-site logout', ['cross-site-logout']],
  ['cross-site write', ['cross-site-write']],
  ['refuses clients without an origin', ['no-origin']],
  ['GET logs out', ['safe-methods']],
  ['loses writes', ['lost-write']],
  ['loses increments', ['lost-increment']],
  ['stores the login late', ['redirect-read']],
  ['stores the write late', ['write-read']],
  ['token of 32 bits', ['token-entropy']],
  ['token names the user', ['token-meaning']],
  ['compares a part of the token', ['token-tampering']],
  ['fails on an escape', ['token-malformed']],
  ['tells ended tokens apart', ['errors-equal']],
  ['token from the query', ['token-query']],
  ['token from the body', ['token-body']],
  ['token from a header', ['token-header']],
  ['token in a body', ['token-leak']],
  ['first cookie wins', ['cookie-order']],
  ['login may be cached', ['cache-shared']],
  ['pages may be kept', ['cache-stored']],
  ['pages may be kept without Vary', ['cache-stored', 'cache-vary']],
  ['shares the user between requests', ['isolation']],
  ['keeps the data at a switch of users', ['isolation-switch']],
];

/** Cookies that are not as they should be. */
const COOKIES: readonly [string, string, string[]][] = [
  ['without HttpOnly', '__Host-sid=%; Path=/; Secure; SameSite=Lax', ['cookie-httponly']],
  ['without SameSite', '__Host-sid=%; Path=/; Secure; HttpOnly', ['cookie-samesite']],
  ['with SameSite=None', '__Host-sid=%; Path=/; Secure; HttpOnly; SameSite=None', ['cookie-samesite']],
  ['without a prefix', 'sid=%; Path=/; Secure; HttpOnly; SameSite=Lax', ['cookie-prefix']],
  ['with a prefix, not Secure', '__Host-sid=%; Path=/; HttpOnly; SameSite=Lax', ['cookie-prefix-rules']],
  ['without a Path', 'sid=%; Secure; HttpOnly; SameSite=Lax', ['cookie-prefix', 'cookie-scope']],
  [
    'with a Domain',
    'sid=%; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax',
    ['cookie-prefix', 'cookie-scope'],
  ],
  ['of 500 days', `${COOKIE}; Max-Age=43200000`, ['cookie-expiry']],
  ['set twice', `${COOKIE}\n${COOKIE}`, ['cookie-once']],
  [
    'of 5,000 octets',
    `__Host-sid=%${'x'.repeat(5000)}; Path=/; Secure; HttpOnly; SameSite=Lax`,
    ['cookie-size'],
  ],
];

describe('the attack', () => {
  it('finds nothing where nothing is wrong, and every check applies', async () => {
    const target = await new Target().listen();
    targets.push(target);
    const { results } = await attackOn(target.url, CONFIG);
    expect(
      results
        .filter(({ outcome }) => outcome !== 'passed')
        .map(({ id, findings, reason }) => [id, findings, reason]),
    ).toEqual([]);
    expect(results.map(({ id }) => id)).toEqual(CHECKS.map(({ id }) => id));
  });

  it.each(FAULTS)('finds, and nothing else: %s', async (fault, expected) => {
    expect(await findings({ fault })).toEqual(expected);
  });

  it.each(COOKIES)('finds, and nothing else: a cookie %s', async (_, cookie, expected) => {
    expect(await findings({ cookie })).toEqual(expected);
  });

  it('finds a cookie that is not Secure over HTTPS', async () => {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '1'];
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const tls = { key: readFileSync(key), cert: readFileSync(cert) };
    expect(await findings({ tls })).toEqual([]);
    const cookie = 'sid=%; Path=/; HttpOnly; SameSite=Lax';
    expect(await findings({ tls, cookie })).toEqual(['cookie-secure', 'cookie-prefix']);
    const target = await new Target({ tls }).listen();
    targets.push(target);
    await expect(attackOn(target.url, CONFIG)).rejects.toThrow(
      /self-signed certificate.*\. Set NODE_EXTRA_CA_CERTS .*--insecure accepts that of loopback/,
    );
  }, 60_000);

  it('can fail in each of its checks', () => {
    const noticed = [
      ...FAULTS.flatMap(([, ids]) => ids),
      ...COOKIES.flatMap(([, , ids]) => ids),
      'cookie-secure',
    ];
    expect(CHECKS.map(({ id }) => id).filter((id) => !noticed.includes(id))).toEqual([]);
  });

  it('has another id, a reason and numbers for each check', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
    for (const { why, requirements } of CHECKS)
      expect([why.length > 20, requirements.length > 0]).toEqual([true, true]);
  });
});
