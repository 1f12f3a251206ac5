import { setTimeout as wait } from 'node:timers/promises';
import type { Duration } from 'nest-sessions';
import { SealedCookie } from 'nest-sessions/sealed';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser, type Answer } from '../../support/browser.js';
import { closeAll, platforms, start, type PlatformName } from '../../support/platforms.js';
import {
  describeHost,
  hosts,
  IMPATIENT,
  startHost,
  type RevocationHost,
} from '../../support/revocation-hosts.js';
import { until } from '../../support/until.js';

const table = hosts.flatMap(([host]) => platforms.map(([platform]) => [host, platform] as const));

interface NodeOptions {
  staleness?: Duration;
  clock?: FakeClock;
  /** The list is going to hang. Otherwise a busy machine may need longer than this short timeout. */
  impatient?: boolean;
}

/** A node: an application with a copy of the list and a connection of its own. */
async function node(
  platform: PlatformName,
  host: RevocationHost,
  { staleness, clock, impatient }: NodeOptions = {},
) {
  const revocations = await host.list(staleness);
  const { url } = await start(platform, {
    controllers: [AppController],
    realClock: true,
    options: {
      store: new SealedCookie({ revocations }),
      ...(impatient && IMPATIENT),
      ...(clock && { clock }),
    },
  });
  return { url, revocations, browser: () => new Browser(url) };
}

async function loggedIn(url: string, user = 'alice'): Promise<Browser> {
  const browser = new Browser(url);
  expect((await browser.post('/login', { user })).status).toBe(200);
  return browser;
}

const ask = (url: string, cookie: string): Promise<Answer> => new Browser(url).get('/me', { cookie });
const status = async (url: string, cookie: string): Promise<number> => (await ask(url, cookie)).status;

/** Milliseconds from the response to a logout until a node rejects the cookie. */
async function lagOf(browser: Browser, url: string): Promise<number> {
  const captured = browser.cookie;
  expect(await status(url, captured)).toBe(200);
  expect((await browser.post('/logout')).status).toBe(200);
  const from = performance.now();
  while ((await status(url, captured)) === 200) await wait(1);
  return performance.now() - from;
}

const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);

for (const [name, platform] of table)
  describeHost(name, `nodes that share a list in ${name}, on ${platform}`, () => {
    let host: RevocationHost;
    beforeAll(async () => {
      host = await startHost(name);
    }, 60_000);
    afterEach(closeAll);
    afterAll(() => host.stop(), 60_000);

    it('reject revoked cookies of another node within milliseconds', async () => {
      const [one, two] = [await node(platform, host), await node(platform, host)];
      const lags: number[] = [];
      for (let i = 0; i < 20; i++) lags.push(await lagOf(await loggedIn(one.url), two.url));
      // Much less than the polling interval, so a notice arrived.
      expect(sorted(lags)[10]).toBeLessThan(500);
      const [a, b, bob] = [await loggedIn(one.url), await loggedIn(two.url), await loggedIn(two.url, 'bob')];
      const all = async (url: string) => Promise.all([a, b, bob].map(({ cookie }) => status(url, cookie)));
      expect([await all(one.url), await all(two.url)]).toEqual([
        [200, 200, 200],
        [200, 200, 200],
      ]);
      await a.post('/revoke-others');
      for (const { url } of [one, two]) await until(async () => (await all(url)).join() === '200,401,200');
      await a.post('/logout-everywhere');
      for (const { url } of [one, two]) await until(async () => (await all(url)).join() === '401,401,200');
      const before = bob.cookie;
      await bob.post('/relogin', {});
      for (const { url } of [one, two]) {
        await until(async () => (await status(url, before)) === 401);
        expect(await status(url, bob.cookie)).toBe(200);
      }
    });

    it('poll the list while notices are interrupted: no revoked cookie is accepted after the staleness', async () => {
      const staleness = 1_500;
      const [one, two] = [
        await node(platform, host, { staleness }),
        await node(platform, host, { staleness }),
      ];
      const mend = await host.cutFeed();
      try {
        const lags: number[] = [];
        for (let i = 0; i < 12; i++) {
          await wait(Math.random() * 100);
          lags.push(await lagOf(await loggedIn(one.url), two.url));
        }
        process.stdout.write(
          `feed cut, ${name}, ${platform}: lag median ${sorted(lags)[6]!.toFixed(0)} ms, max ${Math.max(...lags).toFixed(0)} ms, bound ${staleness} ms\n`,
        );
        expect(Math.max(...lags)).toBeLessThan(staleness);
        // Otherwise the notices were not interrupted.
        expect(Math.max(...lags)).toBeGreaterThan(50);
      } finally {
        await mend();
      }
      // The connection for notices is restored automatically.
      await until(async () => (await lagOf(await loggedIn(one.url), two.url)) < 50, 'a quick feed', 20_000);
    }, 60_000);

    it('respond with 503 while the list is down, and expire no cookie', async () => {
      const staleness = 400;
      const { url } = await node(platform, host, { staleness, impatient: true });
      const browser = await loggedIn(url);
      const { cookie } = browser;
      host.pause();
      try {
        await until(async () => (await status(url, cookie)) === 503, '503', 5_000);
        const refused = await ask(url, cookie);
        expect([refused.status, refused.setCookies]).toEqual([503, []]);
        // A request without a session does not need the list.
        expect((await new Browser(url).get('/look')).status).toBe(200);
        const logout = await browser.post('/logout', undefined, { cookie });
        expect(logout.status).toBe(503);
        expect((await new Browser(url).post('/login', { user: 'bob' })).status).toBe(503);
      } finally {
        host.resume();
      }
      await until(async () => (await status(url, cookie)) === 200, 'the list answers again');
    });

    it('a logout that the list did not record is a 503 that expires the cookie', async () => {
      const { url } = await node(platform, host, { staleness: '1h', impatient: true });
      const browser = await loggedIn(url);
      await browser.get('/me');
      host.pause();
      try {
        const logout = await browser.post('/logout');
        expect(logout.status).toBe(503);
        expect(logout.setCookies[0]).toContain('Max-Age=0');
        expect(browser.cookie).toBe('');
      } finally {
        host.resume();
      }
    });

    it('revocations survive a restart of all nodes and of the list', async () => {
      const before = await node(platform, host);
      const [out, revoked, alive] = [
        await loggedIn(before.url),
        await loggedIn(before.url, 'mallory'),
        await loggedIn(before.url, 'bob'),
      ];
      const [captured, other] = [out.cookie, revoked.cookie];
      await out.post('/logout');
      await revoked.post('/logout-everywhere');
      await closeAll();
      await host.restart();
      const after = await node(platform, host);
      expect([await status(after.url, captured), await status(after.url, other)]).toEqual([401, 401]);
      expect(await status(after.url, alive.cookie)).toBe(200);
    }, 60_000);

    it('an entry is kept until the last token that it voids has expired', async () => {
      const clock = new FakeClock();
      const { url, revocations } = await node(platform, host, { clock });
      const browser = await loggedIn(url);
      const captured = browser.cookie;
      await browser.post('/logout');
      const there = await host.count();
      clock.advance('30m');
      await node(platform, host, { clock }).then(async (later) =>
        expect(await status(later.url, captured)).toBe(401),
      );
      await revocations.sync();
      expect(await host.count()).toBeLessThanOrEqual(there);
      clock.advance('31d');
      clock.advance('10m');
      await closeAll();
      const later = await node(platform, host, { clock });
      await until(async () => (await host.count()) === 0, 'the entries are gone');
      expect(await status(later.url, captured)).toBe(401);
    });
  });
