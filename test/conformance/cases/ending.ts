import type { Case } from '../case.js';
import { cookieFrom, removes, setCookiesOf } from '../client.js';
import { OTHER_SECRET } from './values.js';

const CROSS_SITE = { headers: { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' } };

export const ending: readonly Case[] = [
  {
    id: 'R40',
    source: 'ASVS 7.4.1; SESS-06',
    title: 'a cookie that was copied before logout is refused after it, at every node',
    async run(lab) {
      const bench = await lab.start({ nodes: 2 });
      const client = await bench.loggedIn();
      const copy = client.cookie;
      await bench.expectIn(copy);
      expect((await client.logout()).status).toBe(200);
      await bench.expectOut(copy);
      await bench.expectOut(copy);
    },
  },
  {
    id: 'R41',
    source: 'ASVS 7.4.1',
    title: 'so is every earlier version of it',
    async run(lab) {
      const bench = await lab.start({ nodes: 2, rotateEvery: '15m' });
      const client = await bench.loggedIn();
      const versions = new Set([client.cookie]);
      for (let round = 0; round < 3; round++) {
        await client.write({ round });
        versions.add(client.cookie);
        if (!lab.can('rotation') || !lab.can('clock')) continue;
        bench.site.advance('15m');
        await client.get('/me');
        versions.add(client.cookie);
        await client.get('/me');
      }
      if (lab.can('rotation')) expect(versions.size).toBeGreaterThanOrEqual(4);
      expect((await client.logout()).status).toBe(200);
      for (const version of versions) await bench.expectOut(version);
    },
  },
  {
    id: 'R42',
    source: 'ASVS 7.4.1; CWE-352',
    title: 'logout succeeds without a session or with an unknown token, and refuses a cross-site request',
    note: 'CSRF protection is left to another package.',
    async run(lab) {
      const bench = await lab.start();
      const foreign = await (await lab.start({ secret: OTHER_SECRET })).loggedIn();
      const planted = foreign.cookie;
      expect((await bench.client().logout()).status).toBe(200);
      expect((await bench.client().logout({ cookie: planted })).status).toBe(200);
      const client = await bench.loggedIn();
      const copy = client.cookie;
      expect((await client.logout(CROSS_SITE)).status).toBe(403);
      await bench.expectIn(copy);
    },
  },
  {
    id: 'R43',
    source: 'W3C Clear Site Data; ASVS 14.3.1',
    title: 'Clear-Site-Data is sent exactly where the option says so and a session ended',
    needs: ['clear site data'],
    async run(lab) {
      const tls = { headers: { 'x-forwarded-proto': 'https' } };
      const silent = await lab.start({ trustProxy: true });
      const quiet = silent.client();
      await quiet.login('alice', {}, tls);
      expect((await quiet.logout(tls)).headers['clear-site-data']).toBeUndefined();
      const bench = await lab.start({ trustProxy: true, clearSiteData: ['cookies', 'storage'] });
      const client = bench.client();
      const before = [
        await client.logout(tls),
        await client.login('alice', {}, tls),
        await client.post('/regenerate', {}, tls),
        await client.get('/me', tls),
      ];
      for (const answer of before) expect(answer.headers['clear-site-data']).toBeUndefined();
      const ended = await client.logout(tls);
      expect(ended.headers['clear-site-data']).toBe('"cookies", "storage"');
      expect(cookieFrom(ended, bench.cookieName)).toBe('');
    },
  },
  {
    id: 'R44',
    source: 'ASVS 7.4.2–7.4.5, 7.5.2',
    title: 'one session, all others, or all of a user can be ended, and exactly these end',
    needs: ['list'],
    async run(lab) {
      const bench = await lab.start();
      const bob = await bench.loggedIn('bob');
      const [one, two, three, four] = [
        await bench.loggedIn(),
        await bench.loggedIn(),
        await bench.loggedIn(),
        await bench.loggedIn(),
      ];
      const devices = await one.devices();
      expect(devices).toHaveLength(4);
      const { id } = (await two.get('/look')).json<{ id: string }>();
      expect((await one.post(`/revoke/${id}`)).json()).toEqual({ ended: 1 });
      await bench.expectOut(two.cookie);
      await bench.expectIn(three.cookie);
      expect((await one.post('/revoke-others')).json()).toEqual({ ended: 2 });
      await bench.expectOut(three.cookie);
      await bench.expectOut(four.cookie);
      await bench.expectIn(one.cookie);
      const five = await bench.loggedIn();
      const copies = [one.cookie, five.cookie];
      expect((await five.post('/logout-everywhere')).status).toBe(200);
      for (const copy of copies) await bench.expectOut(copy);
      await bench.expectIn(bob.cookie);
    },
  },
  {
    id: 'R45',
    source: 'ASVS 7.4.1',
    title: 'another node sees a revocation within the documented bound',
    needs: ['list'],
    specs: [
      {
        file: 'test/stores/sealed/nodes.spec.ts',
        title: 'no revoked cookie is accepted after the staleness',
      },
      {
        file: 'test/revocations/lag.spec.ts',
        title: 'a logout at one is known to the other within milliseconds',
      },
    ],
    async run(lab) {
      const bench = await lab.start({ nodes: 2 });
      const here = await bench.loggedIn('alice', 0);
      const there = await bench.loggedIn('alice', 1);
      await bench.expectIn(there.cookie);
      expect((await here.post('/revoke-others')).json()).toEqual({ ended: 1 });
      await bench.expectOut(there.cookie);
      await bench.expectIn(here.cookie);
    },
  },
  {
    id: 'R46',
    source: 'derived; ASVS 7.4.1',
    title: 'without a list of revocations a revocation is an error and no pretence',
    needs: ['unlisted'],
    specs: [{ file: 'test/stores/sealed/behaviour.spec.ts', title: 'ERR_REVOCATION_UNAVAILABLE' }],
    async run(lab) {
      const bench = await lab.start({ unlisted: true });
      const client = await bench.loggedIn();
      const copy = client.cookie;
      for (const path of ['/revoke-others', '/revoke/AAAAAAAAAAAAAAAAAAAAAA', '/logout-everywhere'])
        expect((await client.post(path, {}, { cookie: copy })).status).toBeGreaterThanOrEqual(500);
      await bench.expectIn(copy);
    },
  },
  {
    id: 'R47',
    source: 'derived; ASVS 7.4.1',
    title: 'a revocation outlives every token that it voids, and a restart',
    needs: ['clock'],
    specs: [
      {
        file: 'test/stores/sealed/nodes.spec.ts',
        title: 'an entry is kept until the last token that it voids has expired',
      },
      {
        file: 'test/stores/sealed/nodes.spec.ts',
        title: 'revocations survive a restart of all nodes and of the list',
      },
      {
        file: 'test/stores/sealed/capacity.spec.ts',
        title: 'are removed when the last token has expired, and not before',
      },
    ],
    async run(lab) {
      const bench = await lab.start({ idle: '2h', lifetime: '1d', rotateEvery: false });
      const client = await bench.loggedIn();
      const copy = client.cookie;
      await client.logout();
      for (const span of ['1h', '59m', '50s', '10s', '2m', '10h', '20h'] as const) {
        bench.site.advance(span);
        await bench.expectOut(copy);
      }
    },
  },
  {
    id: 'R48',
    source: 'ASVS 16.5.3; derived',
    title: 'where the store fails at logout, the answer is an error and the cookie is expired all the same',
    note: 'The answer is an error; the cookie is left to the application.',
    needs: ['break'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      bench.site.fail('writes');
      const answer = await client.logout();
      expect(answer.status).toBeGreaterThanOrEqual(500);
      expect(setCookiesOf(answer, bench.cookieName).some(removes)).toBe(true);
      expect(client.cookie).toBe('');
    },
  },
];
