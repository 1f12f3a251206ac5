import type { Case } from '../case.js';
import { cookieFrom, removes, setCookiesOf } from '../client.js';

/** Lessons of incidents elsewhere. */
export const incidents: readonly Case[] = [
  {
    id: 'I1',
    source: 'CVE-2025-46336 (rack-session); express-session #632',
    title:
      'a session that was loaded, then destroyed elsewhere, stays destroyed when its holder commits or only rolls',
    async run(lab) {
      for (const path of ['/slow-data', '/slow'] as const) {
        const bench = await lab.start({ nodes: 2, rollEvery: '1m' });
        const client = await bench.loggedIn('alice', 0);
        const copy = client.cookie;
        if (lab.can('clock')) bench.site.advance('2m');
        const gate = bench.site.hold();
        const slow = path === '/slow' ? client.get(path) : client.post(path, { x: 1 });
        await gate.reached;
        const elsewhere = bench.client(bench.site.urls.length - 1);
        expect((await elsewhere.logout({ cookie: copy })).status).toBe(200);
        gate.open();
        await slow;
        await bench.expectOut(copy);
      }
    },
  },
  {
    id: 'I2',
    source: 'Spring Session JDBC',
    title: 'a commit in flight across a renewal of the token neither revives nor rewrites the old one',
    needs: ['regenerate'],
    specs: [
      {
        file: 'test/concurrency/races.spec.ts',
        title: 'keep a request in flight across a re-login from writing with the old secret',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const old = client.cookie;
      const gate = bench.site.hold();
      const slow = client.post('/slow-data', { late: true }, { cookie: old });
      await gate.reached;
      expect((await client.post('/regenerate')).status).toBe(200);
      const renewed = client.cookie;
      gate.open();
      await slow;
      await bench.expectOut(old);
      expect((await bench.client().read({ cookie: renewed })).data).not.toHaveProperty('late');
    },
  },
  {
    id: 'I3',
    source: 'actix-session',
    title: 'a conditional write that misses does not fall back to a fresh one',
    needs: ['wipe'],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const copy = client.cookie;
      const gate = bench.site.hold();
      const slow = client.post('/slow-data', { x: 1 }, { cookie: copy });
      await gate.reached;
      await bench.site.wipe();
      gate.open();
      const late = cookieFrom(await slow, bench.cookieName);
      await bench.expectOut(copy);
      if (late !== '') await bench.expectOut(late);
    },
  },
  {
    id: 'I4',
    source: 'tower-sessions 0.12',
    title: 'a session is created by an insert that overwrites nothing',
    specs: [
      {
        file: 'lib/testing/contract/keeping.ts',
        title: 'refuses to create an id that exists, and leaves what is there',
      },
      { file: 'test/stores/redis/contract.spec.ts', title: 'describeSessionStore' },
      { file: 'test/stores/postgres/contract.spec.ts', title: 'describeSessionStore' },
    ],
  },
  {
    id: 'I5',
    source: 'CVE-2021-34428 (Jetty)',
    title: 'a listener that throws cannot stop an ending',
    needs: ['events'],
    async run(lab) {
      const bench = await lab.start({ throwingListener: true });
      const client = await bench.loggedIn();
      const copy = client.cookie;
      expect((await client.logout()).status).toBe(200);
      await bench.expectOut(copy);
    },
  },
  {
    id: 'I6',
    source: 'better-auth',
    title: 'a revocation by id checks whose session it is',
    needs: ['list'],
    async run(lab) {
      const bench = await lab.start();
      const [alice, eve] = [await bench.loggedIn('alice'), await bench.loggedIn('eve')];
      for (const { id } of await alice.devices()) await eve.post(`/revoke/${id}`);
      await bench.expectIn(alice.cookie);
      expect(await alice.devices()).toHaveLength(1);
    },
  },
  {
    id: 'I7',
    source: 'CVE-2022-25896 (passport)',
    title: 'a login renews the token also for the user who is logged in already',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn('alice');
      const first = client.cookie;
      expect((await client.login('alice')).status).toBe(200);
      expect(client.cookie).not.toBe(first);
      await bench.expectOut(first);
      await bench.expectIn(client.cookie);
    },
  },
  {
    id: 'I8',
    source: 'express-session #923',
    title: 'parallel regenerates leave the client logged in, in whatever order the responses arrive',
    needs: ['regenerate'],
    async run(lab) {
      const bench = await lab.start();
      // A race that goes well once shows nothing.
      for (let round = 0; round < 8; round++) {
        const client = await bench.loggedIn();
        const { cookie } = client;
        const answers = await Promise.all(
          Array.from({ length: 5 }, () => client.post('/regenerate', {}, { cookie })),
        );
        const given = answers.map((answer) => cookieFrom(answer, bench.cookieName)).filter(Boolean);
        expect(given.length).toBeGreaterThan(0);
        for (const one of given) await bench.expectIn(one);
        for (const answer of answers)
          expect(setCookiesOf(answer, bench.cookieName).some(removes)).toBe(false);
      }
    },
  },
  {
    id: 'I9',
    source: 'express-session 1.19, secure: "auto"',
    title: 'a login whose cookie cannot be sent is not silent',
    note: 'It drops the cookie without a word, as it documents.',
    async run(lab) {
      const bench = await lab.start({ trustProxy: false });
      const answer = await bench.client().login('alice', {}, { headers: { host: 'app.example.com' } });
      const told = /cookie/i.test(bench.site.logs()) || answer.status >= 400;
      expect(setCookiesOf(answer, bench.cookieName).length === 1 || told).toBe(true);
    },
  },
  {
    id: 'I10',
    source: 'express-session',
    title: 'a save that fails is a 5xx and not a 200 with a cookie',
    needs: ['break'],
    async run(lab) {
      const bench = await lab.start();
      bench.site.fail('writes');
      const answer = await bench.client().login('alice');
      expect(answer.status).toBeGreaterThanOrEqual(500);
      // A sealed cookie needs no store for data.
      if (lab.can('store reads')) {
        const written = await bench.client().write({ a: 1 });
        expect(written.status).toBeGreaterThanOrEqual(500);
        expect(cookieFrom(written, bench.cookieName)).toBe('');
      }
      bench.site.heal();
      const given = cookieFrom(answer, bench.cookieName);
      if (given !== '') await bench.expectOut(given);
    },
  },
  {
    id: 'I11',
    source: 'alexedwards/scs; nextjs-auth0 #2335',
    title: 'a request in flight sets no cookie for a session that was ended meanwhile',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const copy = client.cookie;
      const gate = bench.site.hold();
      const slow = client.post('/slow-data', { x: 1 }, { cookie: copy });
      await gate.reached;
      expect((await client.logout()).status).toBe(200);
      gate.open();
      expect(cookieFrom(await slow, bench.cookieName)).toBe('');
    },
  },
];
