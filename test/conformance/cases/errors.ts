import type { Answer } from '../../support/browser.js';
import type { Case } from '../case.js';
import { removes, setCookiesOf } from '../client.js';
import { bodyOf, flipped, OTHER_SECRET } from './values.js';

export const errors: readonly Case[] = [
  {
    id: 'R79',
    source: 'ASVS 16.5.1; CWE-204',
    title:
      'unknown, expired, revoked, tampered and foreign are the same to the client, but for the Set-Cookie',
    needs: ['clock'],
    async run(lab) {
      const bench = await lab.start({ idle: '10m', rotateEvery: false });
      const foreign = await (await lab.start({ secret: OTHER_SECRET })).loggedIn();
      const expired = await bench.loggedIn('carol');
      bench.site.advance('11m');
      const revoked = await bench.loggedIn('alice');
      const copy = revoked.cookie;
      await revoked.logout();
      const { value } = await bench.loggedIn('bob');
      const named = (text: string) => `${bench.cookieName}=${encodeURIComponent(text)}`;
      const cookies = [
        expired.cookie,
        copy,
        named(flipped(value, value.length - 6)),
        named(foreign.value),
        named('nonsense'),
      ];
      for (const path of ['/me', '/look']) {
        const seen: unknown[] = [];
        for (const cookie of cookies) seen.push(shownOf(await bench.client().get(path, { cookie })));
        for (const one of seen) expect(one).toEqual(seen[0]);
      }
    },
  },
  {
    id: 'R80',
    source: 'ASVS 16.5.3',
    title: 'while the store is down a session is a 503: never anonymous, never authenticated',
    needs: ['break', 'store reads'],
    specs: [
      { file: 'test/stores/outages.spec.ts', title: 'a Redis that is killed and comes back' },
      {
        file: 'test/stores/sealed/nodes.spec.ts',
        title: 'respond with 503 while the list is down, and expire no cookie',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      bench.site.fail('all');
      for (const path of ['/me', '/look', '/sensitive']) {
        const answer = await client.get(path);
        expect([path, answer.status]).toEqual([path, 503]);
        expect(answer.body).not.toContain('alice');
      }
      expect((await client.write({ a: 1 })).status).toBe(503);
      bench.site.heal();
      await bench.expectIn(client.cookie);
    },
  },
  {
    id: 'R81',
    source: 'derived',
    title:
      'the cookie is expired for good reasons: not on a passing failure, nor if another application set it',
    async run(lab) {
      const bench = await lab.start();
      const client = await bench.loggedIn();
      const copy = client.cookie;
      if (lab.can('break')) {
        bench.site.fail('all');
        for (const path of ['/me', '/look']) expect((await client.get(path)).setCookies).toEqual([]);
        bench.site.heal();
        await bench.expectIn(copy);
      }
      const foreign = await (await lab.start({ secret: OTHER_SECRET })).loggedIn();
      const planted = foreign.cookie;
      for (const path of ['/me', '/look'])
        expect((await bench.client().get(path, { cookie: planted })).setCookies).toEqual([]);
      await client.logout();
      const late = await bench.client().get('/me', { cookie: copy });
      expect(late.status).toBe(401);
      expect(setCookiesOf(late, bench.cookieName).some(removes)).toBe(true);
    },
  },
  {
    id: 'R82',
    source: 'ASVS 16.2.5',
    title: 'no token and no Set-Cookie is logged, at any level',
    note: 'It logs nothing at all.',
    specs: [
      {
        file: 'test/nest/request/errors.spec.ts',
        title: 'never contains a token: nor does anything that is logged, thrown or emitted',
      },
    ],
    async run(lab) {
      const bench = await lab.start();
      const client = bench.client();
      const issued = new Set<string>();
      const note = () => client.cookie && issued.add(client.value);
      for (const act of [
        () => client.login('alice'),
        () => client.write({ a: 1 }),
        () => client.get('/read-and-fail'),
        () => client.write({ a: 2 }, { headers: { 'sec-fetch-site': 'cross-site' } }),
        () => client.get('/me', { cookie: `${bench.cookieName}=${flipped(client.value, 30)}` }),
        () => client.login('alice'),
      ]) {
        await act();
        note();
      }
      if (lab.can('break')) {
        bench.site.fail('all');
        await client.write({ a: 3 });
        await client.logout();
        bench.site.heal();
      }
      expect(issued.size).toBeGreaterThan(0);
      const logs = bench.site.logs();
      for (const value of issued)
        for (const form of [value, encodeURIComponent(value), bodyOf(value)])
          expect(logs.includes(form)).toBe(false);
    },
  },
  {
    id: 'R83',
    source: 'ASVS 16.3.3',
    title: 'every step of a session’s life is an event',
    needs: ['events', 'clock'],
    specs: [
      { file: 'test/nest/request/errors.spec.ts', title: 'are emitted for every change in a session’s life' },
    ],
    async run(lab) {
      const bench = await lab.start({ rotateEvery: '15m', rotateGrace: '1s' });
      const client = await bench.loggedIn();
      bench.site.advance('2m');
      await client.get('/me');
      bench.site.advance('15m');
      await client.get('/me');
      await client.relogin();
      const copy = client.cookie;
      await client.post('/regenerate');
      await client.logout();
      await bench.client().get('/me', { cookie: copy });
      const types = bench.site.events().map(({ type }) => type);
      for (const type of ['created', 'login', 'rolled', 'rotated', 'relogin', 'regenerated', 'ended'])
        expect(types).toContain(type);
      expect(bench.site.events().find(({ type }) => type === 'ended')).toMatchObject({ reason: 'logout' });
    },
  },
  {
    id: 'R84',
    source: 'ASVS 16.2.5; CWE-532',
    title: 'what is inspected, made to JSON or thrown shows no secret',
    specs: [
      { file: 'test/nest/options/secrecy.spec.ts', title: 'shows in nothing that the container holds: %s' },
      { file: 'test/stores/errors.spec.ts', title: 'contains neither data nor the hash of a secret' },
    ],
  },
];

/** What tells one refusal from another. */
function shownOf({ status, body, headers }: Answer): unknown {
  const { date: _date, 'set-cookie': _cookie, etag: _etag, ...rest } = headers;
  return { status, body: body.replace(/"id":"[^"]*"/, ''), headers: rest };
}
