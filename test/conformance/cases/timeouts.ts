import type { Bench, Case, Lab } from '../case.js';
import type { Span } from '../target.js';
import { cookieFrom } from '../client.js';

/** NIST SP 800-63B-4, §2.1.3, §2.2.3, §2.3.3: the whole, the inactivity, a step that is shorter, and how many make the whole. */
const LEVELS: readonly [lifetime: Span, idle: Span, step: Span, steps: number][] = [
  ['30d', '30d', '6d', 5],
  ['24h', '1h', '48m', 30],
  ['12h', '15m', '12m', 60],
];

export const timeouts: readonly Case[] = [
  {
    id: 'R22',
    source: 'ASVS 7.3.1; SESS-07',
    title: 'the server ends a session after inactivity, to the second',
    needs: ['clock'],
    specs: [{ file: 'test/nest/session/shortened-limits.spec.ts', title: 'ends at the idle timeout of now' }],
    async run(lab) {
      const bench = await lab.start({ idle: '30m', rotateEvery: false });
      const early = await bench.loggedIn('alice');
      const late = await bench.loggedIn('bob');
      const [kept, copy] = [early.cookie, late.cookie];
      bench.site.advance('1799s');
      await bench.expectIn(kept);
      bench.site.advance('2s');
      await bench.expectOut(copy);
    },
  },
  {
    id: 'R23',
    source: 'ASVS 7.3.2',
    title: 'a session ends after its lifetime, to the second, whatever the activity',
    note: 'It has no absolute lifetime.',
    needs: ['clock'],
    specs: [{ file: 'test/nest/session/shortened-limits.spec.ts', title: 'ends at the lifetime of now' }],
    async run(lab) {
      const bench = await lab.start({ lifetime: '8h', idle: '2h' });
      const client = await bench.loggedIn();
      for (let hour = 1; hour < 8; hour++) {
        bench.site.advance('1h');
        expect((await client.get('/me')).status).toBe(200);
      }
      bench.site.advance('3599s');
      expect((await client.get('/me')).status).toBe(200);
      const copy = client.cookie;
      bench.site.advance('2s');
      expect((await client.get('/me', { cookie: copy })).status).toBe(401);
    },
  },
  {
    id: 'R24',
    source: 'NIST 800-63B-4 §5.2',
    title: 'a rotation does not prolong the lifetime; a re-login starts a new one',
    needs: ['clock', 'rotation', 're-login'],
    async run(lab) {
      const settings = { lifetime: '2h', idle: '90m', rotateEvery: '15m' } as const;
      for (const relogin of [false, true]) {
        const bench = await lab.start(settings);
        const client = await bench.loggedIn();
        const first = client.cookie;
        bench.site.advance('55m');
        expect((await client.get('/me')).status).toBe(200);
        expect(client.cookie).not.toBe(first);
        bench.site.advance('55m');
        expect((await client.get('/me')).status).toBe(200);
        if (relogin) expect((await client.relogin()).status).toBe(200);
        bench.site.advance('11m');
        expect((await client.get('/me')).status).toBe(relogin ? 200 : 401);
      }
    },
  },
  {
    id: 'R25',
    source: 'NIST 800-63B-4 §2.1.3, §2.2.3, §2.3.3',
    title: 'the limits of AAL1, AAL2 and AAL3 can be set and hold at their boundaries',
    note: 'It has no absolute lifetime.',
    needs: ['clock'],
    specs: [{ file: 'test/docs/compliance.spec.ts', title: 'ends after its overall limit' }],
    async run(lab) {
      for (const [lifetime, idle, step, steps] of LEVELS) {
        const bench = await lab.start({ lifetime, idle, rotateEvery: false });
        const [active, quiet] = [await bench.loggedIn('alice'), await bench.loggedIn('bob')];
        for (let taken = 1; taken < steps; taken++) {
          bench.site.advance(step);
          expect((await active.get('/me')).status).toBe(200);
        }
        bench.site.advance(step);
        expect((await active.get('/me')).status).toBe(401);
        expect((await quiet.get('/me')).status).toBe(401);
        const other = await lab.start({ lifetime, idle, rotateEvery: false });
        const still = await other.loggedIn();
        other.site.advance(idle);
        other.site.advance('1s');
        expect((await still.get('/me')).status).toBe(401);
      }
    },
  },
  {
    id: 'R26',
    source: 'ASVS 7.3.1; derived',
    title: 'rolling is throttled; an error, a 401, a logout and a passive request roll nothing',
    needs: ['clock', 'passive'],
    async run(lab) {
      const bench = await lab.start({ idle: '10m', rollEvery: '1m', rotateEvery: false });
      for (const [path, rolls] of [
        ['/me', true],
        ['/poll', false],
        ['/read-and-fail', false],
        ['/otp', false],
        ['/nowhere', false],
      ] as const) {
        expect([path, await isAliveAfter(bench, path)]).toEqual([path, rolls]);
      }
      const client = await bench.loggedIn();
      bench.site.forget();
      bench.site.advance('50s');
      for (let time = 0; time < 10; time++) expect((await client.get('/me')).setCookies).toEqual([]);
      expect(bench.site.calls().writes).toBe(0);
    },
  },
  {
    id: 'R27',
    source: 'express-session #632',
    title:
      'a request that spans a logout brings nothing back: neither its Set-Cookie nor the old cookie authenticates',
    specs: [
      { file: 'test/concurrency/races.spec.ts', title: 'cannot undo a logout: a %s in flight' },
      {
        file: 'test/stores/sealed/races.spec.ts',
        title: 'a slow write overtaken by a re-login gets no valid cookie',
      },
    ],
    async run(lab) {
      await spanLogout(lab, (client) => client.post('/slow-data', { x: 1 }));
      await spanLogout(lab, (client) => client.get('/slow'));
    },
  },
  {
    id: 'R28',
    source: 'CS Session Management',
    title: 'the token is renewed from time to time, and the old one fails after a grace',
    needs: ['clock', 'rotation'],
    async run(lab) {
      const bench = await lab.start({ rotateEvery: '15m', rotateGrace: '10s' });
      const client = await bench.loggedIn();
      const old = client.cookie;
      bench.site.advance('15m');
      expect((await client.get('/me')).status).toBe(200);
      expect(client.cookie).not.toBe(old);
      expect((await client.get('/me')).status).toBe(200);
      bench.site.advance('9s');
      await bench.expectIn(old);
      bench.site.advance('2s');
      await bench.expectOut(old);
    },
  },
  {
    id: 'R29',
    source: 'ASVS 7.3.1, 7.3.2',
    title: 'a cookie that the client keeps beyond its Max-Age is refused',
    needs: ['clock'],
    specs: [
      {
        file: 'test/nest/session/timeouts.spec.ts',
        title: 'expires a session by the clock of the store where the clock of the node is behind',
      },
    ],
    async run(lab) {
      const bench = await lab.start({
        idle: '1h',
        lifetime: '1h',
        remember: { lifetime: '1h', idle: '1h' },
      });
      const client = bench.client();
      await client.login('alice', { remember: true });
      const copy = client.cookie;
      await bench.expectIn(copy);
      bench.site.advance('3601s');
      await bench.expectOut(copy);
    },
  },
];

/** Whether a session lives on because this was requested six of its ten minutes after the login. */
async function isAliveAfter(bench: Bench, path: string): Promise<boolean> {
  const client = await bench.loggedIn();
  bench.site.advance('6m');
  await client.get(path);
  bench.site.advance('6m');
  return (await client.get('/me')).status === 200;
}

type Send = (client: ReturnType<Bench['client']>) => ReturnType<ReturnType<Bench['client']>['get']>;

async function spanLogout(lab: Lab, send: Send): Promise<void> {
  const bench = await lab.start();
  const client = await bench.loggedIn();
  const copy = client.cookie;
  const gate = bench.site.hold();
  const slow = send(client);
  await gate.reached;
  expect((await bench.client().logout({ cookie: copy })).status).toBe(200);
  gate.open();
  const late = cookieFrom(await slow, bench.cookieName);
  await bench.expectOut(copy);
  if (late !== '') await bench.expectOut(late);
}
