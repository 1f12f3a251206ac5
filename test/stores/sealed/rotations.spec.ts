import { MemoryRevocations, SealedCookie, type RevocationList } from 'nest-sessions/sealed';
import { SessionService, type SessionEvent } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { AppController } from '../../support/app.js';
import { Browser } from '../../support/browser.js';
import { closeAll, platforms, start } from '../../support/platforms.js';
import { describeHost, hosts, startHost, type RevocationHost } from '../../support/revocation-hosts.js';

const lists = ['memory', ...hosts.flat()] as const;
const table = platforms.flatMap(([platform]) => lists.map((list) => [list, platform] as const));

const USERS = 20;
const PARALLEL = 6;

for (const [name, platform] of table)
  describeHost(name, `enforced rotations over a list in ${name}, on ${platform}`, () => {
    let host: RevocationHost | undefined;
    let memory: MemoryRevocations;
    let clock: FakeClock;
    let events: SessionEvent[];

    beforeAll(async () => {
      if (name !== 'memory') host = await startHost(name);
    }, 60_000);
    beforeEach(() => {
      clock = new FakeClock();
      memory = new MemoryRevocations();
      events = [];
    });
    afterEach(closeAll);
    afterAll(() => host?.stop(), 60_000);

    async function node(): Promise<{ url: string; list: RevocationList }> {
      const list = (await host?.list()) ?? memory;
      const store = new SealedCookie({ revocations: list, enforceRotation: true });
      const { app, url } = await start(platform, { controllers: [AppController], options: { clock, store } });
      app.get(SessionService).events.subscribe((event) => events.push(event));
      return { url, list };
    }

    const count = (type: string) => events.filter((event) => event.type === type && !event.remote).length;

    it(`${PARALLEL} parallel requests at a rotation all succeed and rotate once`, async () => {
      const nodes = [await node(), await node()];
      for (let user = 0; user < USERS; user++) {
        const browser = new Browser(nodes[0]!.url);
        await browser.post('/login', { user: `user-${user}` });
        clock.advance('15m');
        events = [];
        const { cookie } = browser;
        const answers = await Promise.all(
          Array.from({ length: PARALLEL }, (_, i) => new Browser(nodes[i % 2]!.url).get('/me', { cookie })),
        );
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
        expect(count('rotated')).toBe(1);
        // The browser keeps the cookie of the response that arrives last: any of them.
        for (const { list } of nodes) await list.sync();
        for (const { setCookies } of answers) {
          expect(setCookies).toHaveLength(1);
          const mine = setCookies[0]!.split(';')[0]!;
          expect((await new Browser(nodes[1]!.url).get('/me', { cookie: mine })).status).toBe(200);
        }
        clock.advance('11s');
        for (const { list } of nodes) await list.sync();
        const last = answers.at(-1)!.setCookies[0]!.split(';')[0]!;
        const after = await new Browser(nodes[0]!.url).get('/me', { cookie: last });
        expect([after.status, count('rotated'), count('reused'), count('ended')]).toEqual([200, 1, 0, 0]);
      }
    }, 60_000);

    it('a confirmation at one node starts the grace at the other', async () => {
      const [one, two] = [await node(), await node()];
      const browser = new Browser(one.url);
      await browser.post('/login', { user: 'alice' });
      const before = browser.cookie;
      await browser.post('/relogin', {});
      await two.list.sync();
      clock.advance('5m');
      const at = async (url: string, cookie: string) =>
        (await new Browser(url).get('/poll', { cookie })).status;
      expect([await at(two.url, before), count('reused')]).toEqual([401, 0]);
      expect(await at(one.url, browser.cookie)).toBe(200);
      clock.advance('5s');
      await two.list.sync();
      // A later confirmation by another node does not extend the grace.
      expect(await at(two.url, browser.cookie)).toBe(200);
      clock.advance('4s');
      expect([await at(two.url, before), count('reused')]).toEqual([401, 0]);
      clock.advance('1s');
      expect([await at(two.url, before), count('reused')]).toEqual([401, 1]);
      await one.list.sync();
      expect(await at(one.url, browser.cookie)).toBe(401);
    });
  });

for (const [name] of hosts)
  describeHost(name, `a list in ${name}`, () => {
    let host: RevocationHost;
    beforeAll(async () => {
      host = await startHost(name);
    }, 60_000);
    afterAll(() => host.stop(), 60_000);

    it('replaces a rotation by its confirmation, and keeps the earlier of two confirmations', async () => {
      const clock = new FakeClock();
      const context = { clock, clockInjected: true, timeout: 5_000, warn: () => undefined };
      const lists = [await host.list(), await host.list()] as const;
      for (const list of lists) list.bind(context);
      try {
        const id = 'A'.repeat(22);
        const now = clock.now();
        const entry = (terms: { confirmed?: number; older?: number }) => ({
          key: `s:${id}`,
          rank: 2,
          until: now + 3_600_000,
          terms: { kind: 'session', id, why: 'rotated', grace: now, honoured: false, ...terms } as const,
        });
        const verdict = async () => {
          await lists[1].sync();
          return lists[1].check({ id, version: 1, issuedAt: now, epoch: lists[1].epoch });
        };
        await lists[0].add(entry({}));
        expect(await verdict()).toEqual({ live: false, why: 'superseded', lately: false, version: 2 });
        await lists[0].add(entry({ confirmed: now + 5_000, older: now + 5_000 }));
        expect(await verdict()).toEqual({ live: false, why: 'superseded', lately: true, version: 2 });
        expect(await lists[0].add(entry({ confirmed: now + 9_000, older: now + 9_000 }))).toBe(false);
        // Neither does an unconfirmed one.
        expect(await lists[0].add(entry({}))).toBe(false);
        clock.advance('5s');
        expect(await verdict()).toEqual({ live: false, why: 'reused' });
        expect(await lists[0].add(entry({ confirmed: now, older: now }))).toBe(true);
        // A node that reads the list from the beginning has the same verdict.
        const third = await host.list();
        third.bind(context);
        await third.sync();
        const token = { id, version: 0, issuedAt: now, epoch: third.epoch };
        expect(third.check(token)).toEqual({ live: false, why: 'reused' });
        await third.close();
      } finally {
        for (const list of lists) await list.close();
      }
    });
  });
